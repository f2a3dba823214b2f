import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import { silentLog } from '../../base/log.ts'
import type { NetworkConfig } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { readNetworkConfig, writeConfig } from '../../node/config.ts'
import { startDevnet } from '../../node/devnet/index.ts'
import { devnetLayout } from '../../node/devnet/layout.ts'
import { lockDevnet } from '../../node/devnet/lock.ts'
import { expectOpenFiles } from '../../node/devnet/open-files.ts'
import { choosePorts, expectFree } from '../../node/devnet/ports.ts'
import { readExisting } from '../../node/devnet/provision.ts'
import { temporaryFolder } from '../support/temporary.ts'

const id = `0x${'1'.repeat(64)}` as ObjectId
const network: Omit<NetworkConfig, 'peers'> = {
  schemaVersion: 1,
  name: 'localnet',
  kind: 'localnet',
  suiRpc: [],
  systemObjectId: id,
  stakingObjectId: id,
  walType: '',
}

describe('parts of the devnet', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: Server
  let taken: number
  const held = createCloseStack(silentLog())
  beforeEach(async () => {
    folder = await temporaryFolder()
    server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    taken = (server.address() as AddressInfo).port
  })
  afterEach(async () => {
    server.close()
    await held.closeAll()
    await folder.remove()
  })

  it('lets the chain draw by what it was given', async () => {
    let drawn = 0
    const random = () => {
      drawn++
      return 0.5
    }
    const signal = AbortSignal.abort(new Error('enough'))
    await assert.rejects(startDevnet({ port: 0, nodes: 1, shards: 1, random, signal }), /enough/)
    assert.ok(drawn > 0)
  })

  it('names the port that is in use', async () => {
    await assert.rejects(expectFree('127.0.0.1', taken), {
      code: 'EADDRINUSE',
      port: taken,
      message: new RegExp(`port ${taken}`),
    })
    await expectFree('127.0.0.1', 0)
  })

  it('takes the ports wished for where they are free, and never one twice', async () => {
    const before = createCloseStack(silentLog())
    const [free] = await choosePorts('127.0.0.1', [undefined], before)
    await before.closeAll()
    const ports = await choosePorts('127.0.0.1', [free, taken, free, undefined], held)
    assert.equal(ports[0], free)
    assert.notEqual(ports[1], taken)
    assert.equal(new Set(ports).size, 4)
  })

  it('takes none that another devnet has chosen, listened on or not, until that gives them back', async () => {
    const others = createCloseStack(silentLog())
    const chosen = await choosePorts('127.0.0.1', new Array(40).fill(undefined), others)
    const ports = await choosePorts('127.0.0.1', [...chosen, undefined], held)
    assert.equal(new Set([...chosen, ...ports]).size, 81)
    await others.closeAll()
    assert.deepEqual(await choosePorts('127.0.0.1', chosen, held), chosen)
  })

  it('takes none that an outgoing connection might have by the time somebody listens on it', async () => {
    for (const port of await choosePorts('127.0.0.1', new Array(26).fill(undefined), held))
      assert.ok(port < 32_768, String(port))
  })

  it('lets one devnet at a time use a folder', async () => {
    const layout = devnetLayout(folder.path)
    const unlock = await lockDevnet(layout, systemClock)
    await assert.rejects(lockDevnet(layout, systemClock), { name: 'DevnetError', code: 'DEVNET_LOCKED' })
    await unlock()
    await (await lockDevnet(layout, systemClock))()
  })

  it('says of a folder that cannot be made that it cannot be written to', async () => {
    await writeFile(join(folder.path, 'file'), '')
    for (const dir of [join(folder.path, 'file', 'below'), '/proc/floe', '/dev/null/floe']) {
      await assert.rejects(lockDevnet(devnetLayout(dir), systemClock), {
        code: 'DEVNET_NOT_WRITABLE',
        details: { dir },
      })
    }
  })

  it('wants as many open files as its nodes need', () => {
    expectOpenFiles(13, 480)
    assert.throws(() => expectOpenFiles(13, 479), {
      code: 'DEVNET_FILES',
      details: { limit: 479, needed: 480 },
    })
  })

  it('refuses a network file that is no such thing, or newer', async () => {
    const path = join(folder.path, 'network.json')
    for (const [text, code] of [
      ['{', 'CONFIG_MALFORMED'],
      ['{}', 'CONFIG_MALFORMED'],
      ['{"schemaVersion":1}', 'CONFIG_MALFORMED'],
      ['{"schemaVersion":2}', 'CONFIG_NEWER'],
    ]) {
      await writeFile(path, text!)
      await assert.rejects(readNetworkConfig(path), { name: 'ConfigError', code, path })
    }
  })

  it('does not take a devnet whose node lost its config for one that was never set up', async () => {
    const layout = devnetLayout(folder.path)
    assert.equal(await readExisting(layout, 1), undefined)
    await mkdir(layout.ledger, { recursive: true })
    await writeConfig(layout.network, { ...network, peers: [{ peerId: '', multiaddrs: [] }] })
    const existing = await readExisting(layout, 1)
    assert.deepEqual(existing?.nodes, [undefined])
    await assert.rejects(readExisting(layout, 2), { code: 'DEVNET_MISMATCH' })
  })

  it('tells the folder of a Sui alone from that of a devnet of another size', async () => {
    const layout = devnetLayout(folder.path)
    await mkdir(layout.ledger, { recursive: true })
    await writeConfig(layout.network, { ...network, peers: [] })
    await assert.rejects(readExisting(layout, 13), {
      code: 'DEVNET_WITHOUT_NODES',
      message: /holds a Sui of its own, without storage nodes/,
    })
  })
})
