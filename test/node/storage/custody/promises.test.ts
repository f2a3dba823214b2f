import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, pairOfShard } from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { BlobId, Persistence, SliverRef } from '../../../../codec/types.ts'
import { createCommitteeTracker } from '../../../../node/network/committees.ts'
import { createNodeApi, type NodeApi } from '../../../../node/storage/api/index.ts'
import { createBlobLock } from '../../../../node/storage/blob-lock.ts'
import { type Custody, openCustody } from '../../../../node/storage/custody/custody.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { metadataKey, sliverKey } from '../../../../node/storage/store/keys.ts'
import { type NodeStore, openNodeStore } from '../../../../node/storage/store/node-store.ts'
import { openRecords } from '../../../../node/storage/store/records.ts'
import type { StoreSession } from '../../../../protocols/ports.ts'
import { deliver } from '../../../support/deliver.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10

describe('what a node signs for, it has', function () {
  this.timeout(20_000)
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let chain: FakeChain
  let codec: Codec
  /** how often a sliver was expanded */
  let verified: number
  let blob: EncodedBlob
  let blobId: BlobId
  let persistence: Persistence
  let store: NodeStore
  let blobs: BlobInfo
  let custody: Custody
  let api: NodeApi
  let owed: SliverRef[]
  const context = { peer: 'client', signal: new AbortController().signal }

  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(30_000), N)
    blobId = blob.metadata.blobId
  })
  after(() => codec.close())

  const start = async () => {
    store = await openNodeStore({
      path: folder.path,
      network: chain.network.systemObjectId,
      nShards: N,
      inlineBytes: 0,
      clock: systemClock,
      log: silentLog(),
    })
    verified = 0
    const counting: Pick<Codec, 'verifySliver' | 'isMetadata'> = {
      isMetadata: metadata => codec.isMetadata(metadata),
      async verifySliver(...args) {
        verified++
        await codec.verifySliver(...args)
      },
    }
    const lock = createBlobLock()
    blobs = createBlobInfo({ chain, records: store.blobs, lock, log: silentLog(), clock: systemClock })
    const bls = await loadBls()
    const { nodeId } = chain.committee.members[1]!
    const services = {
      nodeId,
      nShards: N,
      arrivalsPath: join(folder.path, 'arrivals'),
      registrationWaitMs: 500,
      clock: systemClock,
      codec: counting,
      slivers: store.slivers,
      metadata: store.metadata,
      expectRoom: store.expectRoom,
      blobs,
      committees: createCommitteeTracker(chain),
      epoch: () => chain.epoch,
      blobState: async (id: BlobId) => ({ state: await blobs.get(id), epoch: chain.epoch }),
      lock,
      signer: createConfirmationSigner(bls, bls.generateSecret()),
      log: silentLog(),
    }
    custody = await openCustody(services)
    api = createNodeApi({
      ...services,
      custody,
      health: () => Promise.reject(new Error('not asked')),
      judge: { hear: () => Promise.reject(new Error('not asked')) },
      host: '127.0.0.1',
      port: 0,
    })
    await api.start()
    blobs.start()
    // what a test registers it is to find, however slow the machine
    await blobs.waitFor(blobId, state => state !== undefined, { timeoutMs: 15_000 })
  }
  const stop = async () => {
    await api.stop()
    await blobs.stop()
    await store.close()
  }
  const restart = async (meanwhile: () => Promise<void> = async () => {}) => {
    await stop()
    await meanwhile()
    await start()
  }

  beforeEach(async () => {
    folder = await temporaryFolder()
    const member = (i: number) => ({
      name: String(i),
      blsPublicKey: randomBytes(48),
      networkPublicKey: Uint8Array.of(0, ...randomBytes(32)),
      multiaddrs: [],
    })
    chain = new FakeChain(N, [0, 1, 2, 3].map(member))
    persistence = { kind: 'deletable', objectId: chain.register(blobId, { endEpoch: 9 }).objectId }
    owed = chain.committee.members[1]!.shards.flatMap(shard =>
      (['primary', 'secondary'] as const).map(axis => ({ pair: pairOfShard(shard, blobId, N), axis })),
    )
    await start()
  })
  afterEach(async () => {
    await stop()
    await folder.remove()
  })

  const open = () => custody.open({ metadata: blob.metadata, persistence, registerDigest: '' }, context)
  const send = async (session: StoreSession) => {
    for (const ref of session.wanted) await deliver(session, ref, blob.sliver(ref))
  }
  const within = async <T>(use: (session: StoreSession) => Promise<T>): Promise<T> => {
    const session = await open()
    try {
      return await use(session)
    } finally {
      session.close()
    }
  }
  const upload = () =>
    within(async session => {
      await send(session)
      return await session.confirm()
    })
  const objectId = () => (persistence.kind === 'deletable' ? persistence.objectId : assert.fail())
  const url = (path: string) => `${api.url}/v1/blobs/${blobId}/${path}`
  const askHttp = async () => (await fetch(url(`confirmation/deletable/${objectId()}`))).status
  const putHttp = async ({ pair, axis }: SliverRef) => {
    const body = Uint8Array.from(blob.sliver({ pair, axis } as SliverRef))
    const answer = await fetch(url(`slivers/${pair}/${axis}`), { method: 'PUT', body })
    assert.equal(answer.status, 200, await answer.text())
  }
  const servesAll = async () => {
    for (const ref of owed) {
      const bytes = await store.slivers.get(blobId, ref)
      assert.ok(bytes && Buffer.from(bytes).equals(blob.sliver(ref)), `${ref.axis} ${ref.pair}`)
    }
  }

  const packs = async () => {
    const entries = await readdir(join(folder.path, 'slivers'), { recursive: true, withFileTypes: true })
    return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  }
  const eachPack = async (harm: (path: string, bytes: Buffer) => Promise<void>) => {
    for (const path of await packs()) await harm(path, await readFile(path))
  }
  const flip = (every: number) => () =>
    eachPack(async (path, bytes) => {
      for (let at = every - 1; at < bytes.length; at += every) bytes[at]! ^= 1 << (at % 8)
      await writeFile(path, bytes)
    })
  /** Puts another sliver of this blob, right in itself, where one of ours should be: the record and its hash fit it. */
  const wrongSliver = (of: (ref: SliverRef) => SliverRef) => async () => {
    const { slivers } = store
    for (const ref of owed) await slivers.put(blobId, ref, blob.sliver(of(ref)))
  }

  const harms: [string, () => Promise<void>][] = [
    ['one bit of every sliver', flip(1_000)],
    [
      'the last bit of a file',
      () =>
        eachPack(async (path, bytes) => {
          bytes[bytes.length - 1]! ^= 1
          await writeFile(path, bytes)
        }),
    ],
    ['cut by a byte', () => eachPack((path, bytes) => truncate(path, bytes.length - 1))],
    ['cut to nothing', () => eachPack(path => truncate(path, 0))],
    ['gone', () => eachPack(path => rm(path))],
    [
      'zeros of the same length',
      () => eachPack((path, bytes) => writeFile(path, Buffer.alloc(bytes.length))),
    ],
    [
      'halves exchanged',
      () =>
        eachPack((path, bytes) => {
          const middle = Math.floor(bytes.length / 2)
          return writeFile(path, Buffer.concat([bytes.subarray(middle), bytes.subarray(0, middle)]))
        }),
    ],
  ]

  for (const [what, harm] of harms) {
    it(`wants what is damaged again: ${what}`, async () => {
      await upload()
      await harm()
      await within(async session => assert.ok(session.wanted.length > 0))
      await upload()
      await servesAll()
    })

    it(`wants it again after a restart: ${what}`, async () => {
      await upload()
      await restart(harm)
      await upload()
      await servesAll()
    })

    it(`signs nothing when the damage comes after it said what it wants: ${what}`, async () => {
      await within(async session => {
        await send(session)
        await harm()
        await assert.rejects(session.confirm(), { code: 'INCOMPLETE' })
      })
      await upload()
      await harm()
      await within(async session => {
        await send(session)
        await session.confirm()
      })
      await servesAll()
    })

    it(`signs nothing over HTTP: ${what}`, async () => {
      await upload()
      assert.equal(await askHttp(), 200)
      await harm()
      assert.equal(await askHttp(), 404)
      for (const ref of owed) await putHttp(ref)
      assert.equal(await askHttp(), 200)
      await servesAll()
    })

    it(`takes a damaged sliver again over HTTP, whoever found out: ${what}`, async () => {
      await upload()
      await restart(harm)
      for (const ref of owed) await putHttp(ref)
      assert.equal(await askHttp(), 200)
      await servesAll()
    })
  }

  const swaps: [string, (ref: SliverRef) => SliverRef][] = [
    ['its own slivers are exchanged', ref => owed[(owed.indexOf(ref) + 2) % owed.length]!],
    ["another shard's slivers", ({ pair, axis }) => ({ pair: ((pair + 1) % N) as never, axis })],
    [
      'the axes are exchanged',
      ({ pair, axis }) => ({ pair, axis: axis === 'primary' ? 'secondary' : 'primary' }),
    ],
  ]
  for (const [what, of] of swaps) {
    it(`looks at what the slivers are, not only at whether they are as they were written: ${what}`, async () => {
      await upload()
      await wrongSliver(of)()
      await restart()
      assert.equal(await askHttp(), 404)
      await upload()
      await servesAll()
    })
  }

  it('finds records that were exchanged', async () => {
    await upload()
    await restart(async () => {
      const records = await openRecords(join(folder.path, 'index'), systemClock)
      const keys = owed.filter(({ axis }) => axis === 'primary').map(ref => sliverKey(blobId, ref))
      const values = await Promise.all(keys.map(key => records.get(key)))
      const moved = keys.map((key, i) => ({
        type: 'put' as const,
        key,
        value: values[(i + 1) % keys.length]!,
      }))
      await records.commit(moved, { sync: true })
      await records.close()
    })
    assert.equal(await askHttp(), 404)
    await upload()
    await servesAll()
  })

  it('takes metadata again of which the own record is damaged', async () => {
    await upload()
    await restart(async () => {
      const records = await openRecords(join(folder.path, 'index'), systemClock)
      const value = (await records.get(metadataKey(blobId)))!
      value[100]! ^= 1
      await records.commit([{ type: 'put', key: metadataKey(blobId), value }], { sync: true })
      await records.close()
    })
    assert.equal(await askHttp(), 404)
    await upload()
    assert.equal(await askHttp(), 200)
    assert.deepEqual(await store.metadata.get(blobId), blob.metadata)
  })

  it('verifies a sliver once, however often its confirmation is asked for', async () => {
    await upload()
    assert.equal(verified, owed.length)
    for (let i = 0; i < 5; i++) {
      await upload()
      assert.equal(await askHttp(), 200)
    }
    assert.equal(verified, owed.length)
    await restart()
    for (let i = 0; i < 5; i++) assert.equal(await askHttp(), 200)
    assert.equal(verified, owed.length)
  })

  it('verifies nothing for those whose blob is not registered so', async () => {
    await upload()
    await restart()
    persistence = { kind: 'permanent' }
    await assert.rejects(open(), { code: 'NOT_REGISTERED' })
    assert.equal(verified, 0)
  })

  it('accounts what it verifies again to whoever asks', async () => {
    await upload()
    await restart()
    let inMemory = 0
    let moved = 0
    const bytes = owed.reduce((sum, ref) => sum + blob.sliver(ref).length, 0)
    const quota = {
      async hold(held: number) {
        inMemory += held
        assert.ok(inMemory <= bytes)
        return () => {
          inMemory -= held
        }
      },
      async pace(paced: number) {
        moved += paced
      },
      disk: async () => () => {},
    }
    const header = { metadata: blob.metadata, persistence, registerDigest: '' }
    const session = await custody.open(header, { ...context, quota })
    assert.deepEqual({ inMemory, moved, verified }, { inMemory: 0, moved: bytes, verified: owed.length })
    await session.confirm()
    session.close()
    assert.deepEqual({ inMemory, verified }, { inMemory: 0, verified: owed.length })
  })
})
