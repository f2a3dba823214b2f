import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../../base/log.ts'
import type { Committees } from '../../../../chain/types/index.ts'
import type { Epoch, ObjectId } from '../../../../codec/types.ts'
import { loadNodeKeys } from '../../../../node/keys.ts'
import { CIRCUIT_LISTEN } from '../../../../node/network/circuit/transport.ts'
import { networkPublicKeyFromSeed } from '../../../../node/network/peer-id.ts'
import { type NetworkKeys, openNetworkKeys } from '../../../../node/storage/presence/network-keys.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const nodeId = `0x${'5'.repeat(64)}` as ObjectId
const HOME = '/ip4/127.0.0.1/tcp/100'
const ASIDE = '/ip4/127.0.0.1/tcp/7'

describe("a node's network keys, while one is replaced", () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let own: Uint8Array
  let registered: Uint8Array
  let epoch: number
  let told: string[][]
  beforeEach(async () => {
    folder = await temporaryFolder()
    const keys = await loadNodeKeys(folder.path)
    own = keys.networkSeed
    registered = keys.networkPublicKey
    epoch = 1
    told = []
  })
  afterEach(() => folder.remove())

  const open = (operator = true): Promise<NetworkKeys> =>
    openNetworkKeys({
      nodeId,
      chain: { nodeKeys: async () => ({ blsPublicKey: new Uint8Array(), networkPublicKey: registered }) },
      committees: { latest: () => ({ epoch: epoch as Epoch }) as Committees },
      operator: operator
        ? {
            async setMultiaddrs(multiaddrs) {
              told.push(multiaddrs)
              return { digest: 'digest' }
            },
          }
        : undefined,
      keys: { networkSeed: own, folder: folder.path },
      listen: [HOME],
      log: silentLog(),
    })
  const files = async () => (await readdir(folder.path)).filter(name => name.startsWith('network')).sort()
  const hex = (seed: Uint8Array) => Buffer.from(seed).toString('hex')
  const seedIn = async (name: string) => (await readFile(join(folder.path, name), 'utf8')).trim()
  const put = (name: string, seed: Uint8Array) =>
    writeFile(join(folder.path, name), `${hex(seed)}\n`, { mode: 0o600 })
  const placesOf = (keys: NetworkKeys) => keys.places().map(({ seed, listen }) => [hex(seed), ...listen])
  /** The next key as it is announced. */
  const announce = async (keys: NetworkKeys): Promise<Uint8Array> => {
    registered = (await keys.prepare(7)).networkPublicKey
    return Buffer.from(await seedIn('network.next.key'), 'hex')
  }

  it('are one, and nothing is written, while none is replaced', async () => {
    const keys = await open()
    await keys.settle()
    await keys.finish()
    assert.deepEqual([placesOf(keys), keys.isChanging()], [[[hex(own), HOME]], false])
    assert.deepEqual([await files(), told], [['network.key'], []])
  })

  it('are two from when the next is made, which listens beside, until a whole epoch has passed', async () => {
    const keys = await open()
    const prepared = await keys.prepare(7)
    assert.deepEqual([prepared.multiaddrs, prepared.since], [[HOME, ASIDE], undefined])
    const next = Buffer.from(await seedIn('network.next.key'), 'hex')
    assert.deepEqual(prepared.networkPublicKey, await networkPublicKeyFromSeed(next))
    assert.deepEqual(placesOf(keys), [
      [hex(own), HOME],
      [hex(next), ASIDE],
    ])
    // not on chain yet: nothing changes, however often it is asked for, but the port
    await keys.settle()
    await keys.finish()
    assert.deepEqual((await keys.prepare(8)).networkPublicKey, prepared.networkPublicKey)
    assert.deepEqual(placesOf(keys)[1], [hex(next), '/ip4/127.0.0.1/tcp/8'])
    await keys.prepare(7)
    assert.deepEqual(told, [])

    registered = prepared.networkPublicKey
    await keys.settle()
    await keys.finish()
    const both = [
      [hex(next), ASIDE],
      [hex(own), HOME],
    ]
    assert.deepEqual(placesOf(keys), both)
    assert.equal(await seedIn('network.key'), hex(next))
    const again = await keys.prepare(9)
    assert.deepEqual([again.networkPublicKey, again.since, again.multiaddrs], [registered, 1, [HOME, ASIDE]])
    for (epoch = 1; epoch < 3; epoch++) {
      await keys.settle()
      await keys.finish()
      assert.deepEqual([placesOf(keys), placesOf(await open())], [both, both])
    }
    await keys.settle()
    assert.deepEqual([placesOf(keys), told], [[[hex(next), HOME]], []])
    await keys.finish()
    assert.deepEqual([told, await files(), keys.isChanging()], [[[HOME]], ['network.key'], false])
    // and another one may follow
    assert.notDeepEqual((await keys.prepare(7)).networkPublicKey, registered)
  })

  it('are none lost to a kill at any step, and the same in the end', async () => {
    const next = await announce(await open())
    const noted = async (since?: number) =>
      writeFile(join(folder.path, 'network.rotation.json'), JSON.stringify({ port: 7, since }), {
        mode: 0o600,
      })
    const steps: (() => Promise<void>)[] = [
      async () => undefined,
      () => noted(1),
      () => put('network.old.key', own),
      () => put('network.key', next),
      () => rm(join(folder.path, 'network.next.key')),
    ]
    for (let killedAfter = 0; killedAfter < steps.length; killedAfter++) {
      await rm(join(folder.path, 'network.old.key'), { force: true })
      await put('network.key', own)
      await put('network.next.key', next)
      await noted()
      for (const step of steps.slice(0, killedAfter + 1)) await step()
      epoch = 2
      const keys = await open()
      assert.ok(
        [own, next].every(key => keys.all().some(one => hex(one) === hex(key))),
        `${killedAfter}`,
      )
      await keys.settle()
      assert.deepEqual(placesOf(keys), [
        [hex(next), ASIDE],
        [hex(own), HOME],
      ])
      // from when it was known first
      epoch = killedAfter === 0 ? 4 : 3
      await keys.settle()
      assert.deepEqual(placesOf(keys), [[hex(next), HOME]])
    }
  })

  it('are made before anybody is told where: a kill between the two leaves the node as it was', async () => {
    await writeFile(join(folder.path, 'network.rotation.json'), '{"port":7}', { mode: 0o600 })
    const keys = await open()
    await keys.settle()
    assert.deepEqual(placesOf(keys), [[hex(own), HOME]])
    await keys.finish()
    assert.deepEqual([await files(), keys.isChanging(), told], [['network.key'], false, []])
  })

  it('are told of where the node is until the chain has taken it; nobody tells without a wallet', async () => {
    const keys = await open(false)
    await announce(keys)
    await keys.settle()
    epoch = 3
    await keys.settle()
    const poor = await openNetworkKeys({
      nodeId,
      chain: { nodeKeys: async () => undefined },
      committees: { latest: () => undefined },
      operator: {
        setMultiaddrs: async () => {
          throw new Error('no gas')
        },
      },
      keys: { networkSeed: own, folder: folder.path },
      listen: [HOME],
      log: silentLog(),
    })
    await assert.rejects(poor.finish(), /no gas/)
    assert.deepEqual([poor.isChanging(), await files()], [true, ['network.key', 'network.rotation.json']])
    await keys.finish()
    assert.deepEqual([await files(), told], [['network.key'], []])
  })

  it('have no place beside for a node that listens nowhere, and none at all without a folder', async () => {
    const shared = {
      nodeId,
      chain: { nodeKeys: async () => ({ blsPublicKey: new Uint8Array(), networkPublicKey: registered }) },
      committees: { latest: () => ({ epoch: epoch as Epoch }) as Committees },
      operator: undefined,
      log: silentLog(),
    }
    const silent = await openNetworkKeys({
      ...shared,
      operator: { setMultiaddrs: () => assert.fail('there is nothing to tell') },
      keys: { networkSeed: own, folder: folder.path },
      // it is called over relays, and dialled by nobody
      listen: [CIRCUIT_LISTEN],
    })
    const prepared = await silent.prepare(7)
    assert.deepEqual(prepared.multiaddrs, [])
    const listens = () => silent.places().map(({ listen }) => listen)
    assert.deepEqual(listens(), [[CIRCUIT_LISTEN], [CIRCUIT_LISTEN]])
    const before = registered
    registered = prepared.networkPublicKey
    for (epoch = 1; epoch < 4; epoch++) {
      await silent.settle()
      await silent.finish()
    }
    assert.deepEqual([silent.isChanging(), listens()], [false, [[CIRCUIT_LISTEN]]])
    registered = before
    const bare = await openNetworkKeys({ ...shared, keys: { networkSeed: own }, listen: [HOME] })
    const key = await bare.prepare(7)
    assert.deepEqual([key.networkPublicKey, placesOf(bare)], [registered, [[hex(own), HOME]]])
  })
})
