import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import { silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { BlobId, ObjectId } from '../../codec/types.ts'
import { readNodeConfig, writeConfig } from '../../node/config.ts'
import { type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { choosePorts } from '../../node/devnet/ports.ts'
import { SCHEMA_KEY } from '../../node/storage/store/keys.ts'
import { decodeJson, encodeJson, openRecords } from '../../node/storage/store/records.ts'
import { commandLine } from '../support/command-line.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { type FloeProcess, floeProcess } from './support/cli.ts'
import { controlEpochs, until } from './support/epochs.ts'

describe('a storage node of its own', function () {
  this.timeout(360_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let devnet: Devnet
  let node: FloeProcess | undefined
  const held = createCloseStack(silentLog())
  before(async () => {
    folder = await temporaryFolder()
    devnet = await startDevnet({ nodes: 4, shards: 40, dir: join(folder.path, 'net'), epochMs: 3_600_000 })
  })
  after(async () => {
    await node?.end('SIGKILL')
    await devnet?.close()
    await held.closeAll()
    await folder?.remove()
  })

  const dir = () => join(folder.path, 'own')
  const networkFile = () => join(folder.path, 'net', 'network.json')
  const run = (...args: string[]) => commandLine(folder.path, [...args, '--json'])
  const start = async () => {
    node = await floeProcess(['node', 'run', '--dir', dir(), '--log', 'warn'])
    return node
  }
  /** Runs a command that fails, and gives what it says. */
  const failing = async (...args: string[]) => {
    const { code, stderr } = await run(...args)
    const { error } = JSON.parse(stderr.trim().split('\n').at(-1)!)
    assert.equal(error.exitCode, code)
    return error as { code: string; message: string; hint: string; details: Record<string, string> }
  }

  it('is made, says what is missing, joins with the next epoch, and goes on from a backup after a kill', async () => {
    const [port] = await choosePorts('127.0.0.1', [undefined], held)
    const made = await run('node', 'init', '--dir', dir(), '--network', networkFile(), '--port', String(port))
    assert.equal(made.code, 0, made.stderr)
    const { address } = JSON.parse(made.stdout.toString())
    const config = await readFile(join(dir(), 'config.json'), 'utf8')

    assert.equal((await failing('node', 'run', '--dir', dir(), '--log', 'error')).code, 'NODE_UNKNOWN')
    const poor = await failing('node', 'register', '--dir', dir(), '--stake', '1000')
    assert.equal(poor.code, 'INSUFFICIENT_FUNDS')
    assert.match(poor.message, /lacks SUI for gas .* and 1000 WAL to stake/)
    assert.match(poor.hint, new RegExp(`floe faucet ${address}`))
    assert.equal((await run('faucet', address, '--network', networkFile())).code, 0)
    const poorer = await failing('node', 'register', '--dir', dir(), '--stake', '1200.5')
    assert.match(poorer.message, /lacks 200.5 WAL to stake/)

    const first = await run('node', 'register', '--dir', dir(), '--stake', '900')
    assert.equal(first.code, 0, first.stderr)
    const { nodeId, registered, stakeFrost } = JSON.parse(first.stdout.toString())
    assert.deepEqual([registered, stakeFrost], ['now', 900_000_000_000])
    const again = JSON.parse(
      (await run('node', 'register', '--dir', dir(), '--stake', '900')).stdout.toString(),
    )
    assert.deepEqual([again.nodeId, again.registered, again.stakedFrost], [nodeId, 'before', 0])
    assert.equal(await readFile(join(dir(), 'config.json'), 'utf8'), config)

    const blobs: { blobId: BlobId; data: Buffer }[] = []
    for (const size of [1, 40_000, 3_000_000]) {
      const data = randomBytes(size)
      const { blobId } = resultOf(await devnet.client.store(data, { epochs: 5, deletable: true }))
      blobs.push({ blobId, data })
    }
    const running = await start()
    assert.equal(running.ready.nodeId, nodeId)
    assert.equal((await failing('node', 'run', '--dir', dir(), '--log', 'error')).code, 'STORE_LOCKED')
    const metrics = await fetch(running.ready.metrics as string)
    assert.match(await metrics.text(), /floe_stored_blobs\{node="my-node"\} 0/)

    const epochs = controlEpochs(devnet)
    const chain = createCoordinator(devnet.network)
    try {
      const memberOf = async () => {
        const { current } = await chain.committees({ fresh: true })
        return current.members.find(member => member.nodeId === (nodeId as ObjectId))
      }
      // a node is well once it has heard the chain
      await until('the new node is well', async () => (await run('health', '--dir', dir())).code === 0)
      // it takes other limits without a restart
      const settings = await readNodeConfig(join(dir(), 'config.json'))
      const bandwidth = { upBytesPerSecond: 50_000_000, bytesPerMonth: 1e12 }
      await writeConfig(join(dir(), 'config.json'), { ...settings, bandwidth })
      process.kill(running.pid, 'SIGHUP')
      await until('the node has read its config again', async () => {
        const { nodes } = JSON.parse((await run('health', '--dir', dir())).stdout.toString())
        const told = nodes[0].health.bandwidth
        return told.upBytesPerSecond === 50_000_000 && told.month.limitBytes === 1e12
      })
      const epoch = await epochs.turn()
      assert.equal((await memberOf())?.shards.length, 8)
      const wallet = chain.operator({ address, signer: devnet.user.signer })
      const reported = async () => (await wallet.capability())?.lastEpochSyncDone
      await until('the new node has reported', async () => (await reported()) === epoch)

      // the others hear of the last report in their own time
      const all = async () => (await run('health', '--all', '--network', networkFile())).code === 0
      await until('all are well', all)
      const well = await run('health', '--all', '--network', networkFile())
      const { whole, phase, nodes } = JSON.parse(well.stdout.toString())
      assert.deepEqual([well.code, whole, phase, nodes.length], [0, true, 'done', 5], well.stdout.toString())
      const own = nodes.find((one: { name: string }) => one.name === 'my-node').health
      assert.deepEqual(
        [own.state, own.shards, own.missing],
        ['active', { active: 8, gaining: 0, locked: 0 }, {}],
      )
      // both slivers of each of its shards, of every blob, by whichever way
      const { synced, recovered } = own.work
      assert.equal(synced.slivers + recovered.slivers, 2 * 8 * blobs.length, JSON.stringify(own.work))
      assert.deepEqual([own.scrub.bad, typeof own.peersBackingOff], [0, 'number'])

      const backup = join(folder.path, 'backup')
      const backedUp = await run('node', 'backup', backup, '--dir', dir())
      assert.equal(backedUp.code, 0, backedUp.stderr)
      assert.equal((await failing('node', 'check', '--dir', dir())).code, 'STORE_LOCKED')
      assert.equal(await running.end('SIGKILL'), 'SIGKILL')
      const ill = await run('health', '--all', '--network', networkFile())
      const gone = JSON.parse(ill.stdout.toString()).nodes.filter((one: { whole: boolean }) => !one.whole)
      assert.equal(ill.code, 5)
      assert.deepEqual(
        gone.map((one: { name: string; problems: string[] }) => [one.name, ...one.problems]),
        [['my-node', 'it cannot be reached']],
      )
      await rm(dir(), { recursive: true })
      const restored = await run('node', 'restore', backup, '--dir', dir())
      assert.equal(restored.code, 0, restored.stderr)
      assert.equal(JSON.parse(restored.stdout.toString()).check.slivers, 2 * 8 * blobs.length)
      const restarted = await start()
      assert.deepEqual(restarted.ready.nodeId, nodeId)
      // 14 of 40 shards give a blob: none of them can do without the new node's 8 when 8 others are left
      for (const other of devnet.nodes.slice(1)) await other.stop()
      for (const { blobId, data } of blobs) assert.ok(data.equals((await devnet.client.read(blobId)).data))
      for (const other of devnet.nodes) await other.start()
      const before = (await memberOf())!.blsPublicKey
      const rotated = JSON.parse((await run('node', 'rotate-key', 'bls', '--dir', dir())).stdout.toString())
      assert.equal(rotated.announced, 'now')
      const announced = JSON.parse((await run('node', 'rotate-key', 'bls', '--dir', dir())).stdout.toString())
      assert.deepEqual([announced.announced, announced.publicKey], ['before', rotated.publicKey])
      const next = await epochs.turn()
      assert.equal(Buffer.from((await memberOf())!.blsPublicKey).toString('hex'), rotated.publicKey)
      assert.notEqual(Buffer.from(before).toString('hex'), rotated.publicKey)
      const keyFiles = async () =>
        (await readdir(join(dir(), 'keys'))).filter(name => /^bls/.test(name)).sort()
      await until('the new key is its own', async () => (await keyFiles()).join() === 'bls.key,bls.old.key')
      // 27 of 40 shards certify: not without its confirmation when another node is away
      await devnet.nodes[3]!.stop()
      const signed = randomBytes(1_000)
      const { blobId: certified } = resultOf(
        await devnet.client.store(signed, { epochs: 5, deletable: true }),
      )
      await devnet.nodes[3]!.start()
      blobs.push({ blobId: certified, data: signed })
      const active = async () => (await run('health', 'my-node', '--network', networkFile())).code === 0
      await until('the node is well again', active)
      await until('the node has reported after its restart', async () => (await reported()) === next)

      const left = JSON.parse((await run('node', 'leave', '--dir', dir())).stdout.toString())
      assert.deepEqual([left.noticeFrost, left.safeToStop, left.shards.length], [900_000_000_000, false, 8])
      const early = await failing('node', 'leave', '--dir', dir())
      assert.equal(early.code, 'SHARDS_UNRECEIVED')
      assert.match(early.message, /my-node must not be stopped yet: it has 8 shards of epoch/)
      assert.match(early.hint, /leave --wait/)
      await epochs.select()
      // one of those who get its shards is away: what that has not received is told by name
      const [gainer] = (await chain.committees({ fresh: true })).next!.members.filter(
        ({ nodeId: id }) => id !== nodeId,
      )
      const away = devnet.nodes.find(one => one.nodeId === gainer!.nodeId)!
      await away.stop()
      const last = await epochs.begin()
      const unreceived = await until('its shards are unreceived', async () => {
        const { message, details } = await failing('node', 'leave', '--dir', dir())
        return /not received/.test(message) && { message, details }
      })
      assert.match(unreceived.message, new RegExp(`until epoch ${last + 2}`))
      await away.start()
      const waited = await run('node', 'leave', '--wait', '--dir', dir())
      assert.equal(waited.code, 0, waited.stderr)
      const { safeToStop, unreceived: none } = JSON.parse(waited.stdout.toString())
      assert.deepEqual([safeToStop, none], [true, []])
      assert.equal(await restarted.end('SIGTERM'), 0)
      assert.equal((await failing('node', 'leave', '--dir', dir())).code, 'NODE_SILENT')
      for (const { blobId, data } of blobs) assert.ok(data.equals((await devnet.client.read(blobId)).data))
    } finally {
      await chain.close()
      await epochs[Symbol.asyncDispose]()
    }
  })

  it('is refused with the file of another network', async () => {
    const other = join(folder.path, 'other.json')
    const text = (await readFile(networkFile(), 'utf8')).replaceAll(
      devnet.network.systemObjectId,
      `0x${'5'.repeat(64)}`,
    )
    await writeFile(other, text)
    const error = await failing('node', 'run', '--dir', dir(), '--network', other)
    assert.equal(error.code, 'CONFIG_FOREIGN')
    assert.ok(error.message.includes(devnet.network.systemObjectId) && error.message.includes('0x5555'))
  })

  it('is refused with a store of a later version', async () => {
    const records = await openRecords(join(dir(), 'store', 'index'), systemClock)
    const written = (await records.get(SCHEMA_KEY))!
    const schema = decodeJson(written) as { schemaVersion: number }
    const schemaVersion = schema.schemaVersion + 1
    const put = (value: Uint8Array) =>
      records.commit([{ type: 'put', key: SCHEMA_KEY, value }], { sync: true })
    await put(encodeJson({ ...schema, schemaVersion }))
    await records.close()
    const { code, message, hint, details } = await failing('node', 'run', '--dir', dir(), '--log', 'error')
    const again = await openRecords(join(dir(), 'store', 'index'), systemClock)
    await again.commit([{ type: 'put', key: SCHEMA_KEY, value: written }], { sync: true })
    await again.close()
    assert.equal(code, 'STORE_NEWER')
    assert.match(message, new RegExp(`schema ${schemaVersion}, this one knows ${schemaVersion - 1}`))
    assert.match(hint, /Use the Floe that wrote it/)
    assert.equal(Number(details.storeVersion), schemaVersion)
  })

  it('is refused with the keys of another node', async () => {
    const keys = join(dir(), 'keys', 'bls.key')
    const own = await readFile(keys)
    await copyFile(join(folder.path, 'net', 'nodes', '00', 'keys', 'bls.key'), keys)
    const error = await failing('node', 'run', '--dir', dir(), '--log', 'error')
    assert.equal(error.code, 'KEY_MISMATCH')
    assert.match(error.message, /bls\.key is not the key that the chain has/)
    await writeFile(keys, own)
  })
})

function resultOf(result: Awaited<ReturnType<Devnet['client']['store']>>): { blobId: BlobId } {
  return result.kind === 'newlyCreated' ? result.blob : result
}
