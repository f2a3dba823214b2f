import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, pairOfShard } from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { BlobMetadata, Epoch, ObjectId, Persistence, SliverRef } from '../../../../codec/types.ts'
import { type CommitteeTracker, createCommitteeTracker } from '../../../../node/network/committees.ts'
import { type BlobLock, createBlobLock } from '../../../../node/storage/blob-lock.ts'
import { type Custody, openCustody } from '../../../../node/storage/custody/custody.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore, type MetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { deliver } from '../../../support/deliver.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const N = 10

describe('custody', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  let chain: FakeChain
  let blobs: BlobInfo
  let committees: CommitteeTracker
  let slivers: SliverStore
  let custody: Custody
  let lock: BlobLock
  let clock: VirtualClock
  let codec: Codec
  let blob: EncodedBlob
  let publicKey: Uint8Array
  let metadata: MetadataStore
  /** what the record is when it is read, and not any more afterwards */
  let damaged: BlobMetadata[]
  /** whose beginning the node has heard of */
  let heard: Epoch
  const context = { peer: 'client', signal: new AbortController().signal }

  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(5000), N)
  })
  after(() => codec.close())

  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path, systemClock)
    const bls = await loadBls()
    const secret = bls.generateSecret()
    publicKey = bls.publicKey(secret)
    const member = (i: number) => ({
      name: String(i),
      blsPublicKey: publicKey,
      networkPublicKey: Uint8Array.of(0, ...randomBytes(32)),
      multiaddrs: [],
    })
    chain = new FakeChain(N, [0, 1, 2, 3].map(member))
    const state = createBlobRecords(records)
    lock = createBlobLock()
    clock = new VirtualClock()
    blobs = createBlobInfo({ chain, records: state, lock, log: silentLog(), clock })
    slivers = memorySliverStore()
    committees = createCommitteeTracker(chain)
    heard = chain.epoch
    metadata = createMetadataStore(records, N)
    damaged = []
    custody = await openCustody({
      nShards: N,
      arrivalsPath: join(folder.path, 'arrivals'),
      clock,
      registrationWaitMs: 200,
      // those of the small blob are smaller, all of the large one's larger
      arrivalMemoryBytes: 5_000,
      nodeId: chain.committee.members[1]!.nodeId,
      codec,
      slivers,
      metadata: { ...metadata, get: async blobId => damaged.pop() ?? (await metadata.get(blobId)) },
      expectRoom: async () => {},
      blobs,
      committees,
      epoch: () => heard,
      lock,
      signer: createConfirmationSigner(bls, secret),
      log: silentLog(),
    })
    blobs.start()
  })
  afterEach(async () => {
    await blobs.stop()
    await records.close()
    await folder.remove()
  })

  const header = (persistence: Persistence, metadata = blob.metadata) => ({
    metadata,
    persistence,
    registerDigest: '',
  })
  const deletable = (objectId: ObjectId): Persistence => ({ kind: 'deletable', objectId })
  const register = () => deletable(chain.register(blob.metadata.blobId).objectId)
  const code = (name: string) => ({ name: 'ProtocolError', code: name })
  /** It is refused when the time for its registration is up, and not before. */
  const waitsInVain = async (persistence: Persistence) => {
    let isOver = false
    const before = clock.waiting
    const refused = assert
      .rejects(custody.open(header(persistence), context), code('NOT_REGISTERED'))
      .finally(() => {
        isOver = true
      })
    // metadata is checked first, beside the clock
    while (clock.waiting === before && !isOver) await nextTurn()
    await clock.advance(199)
    assert.equal(isOver, false)
    await clock.advance(1)
    await refused
  }

  it('wants both slivers of each of its shards, and signs once it has them', async () => {
    const session = await custody.open(header(register()), context)
    const shards = chain.committee.members[1]!.shards
    const expected = shards.flatMap(shard =>
      (['primary', 'secondary'] as const).map(axis => ({
        pair: pairOfShard(shard, blob.metadata.blobId, N),
        axis,
      })),
    )
    assert.deepEqual(session.wanted, expected)
    for (const ref of session.wanted) await deliver(session, ref, blob.sliver(ref))
    const { message, signature } = await session.confirm()
    session.close()
    assert.ok((await loadBls()).verify(publicKey, message, signature))
    for (const ref of expected) assert.ok(await slivers.has(blob.metadata.blobId, ref))
    const again = await custody.open(header(register()), context)
    assert.deepEqual(again.wanted, [])
    await again.confirm()
  })

  it('drops metadata that is damaged, and none that has come again meanwhile', async () => {
    const persistence = register()
    const { blobId, unencodedLength } = blob.metadata
    // an event, which is seen at once
    const session = await custody.open(header(persistence), context)
    session.close()
    const other = { ...blob.metadata, unencodedLength: unencodedLength + 1 }
    await metadata.put(blob.metadata)
    damaged = [other]
    await assert.rejects(custody.confirm(blobId, persistence, context), code('INCOMPLETE'))
    assert.deepEqual(await metadata.get(blobId), blob.metadata)
    await metadata.put(other)
    await assert.rejects(custody.confirm(blobId, persistence, context), code('INCOMPLETE'))
    assert.equal(await metadata.get(blobId), undefined)
  })

  it('waits for a registration that its own chain view does not show yet', async () => {
    const objectId = `0x${'7'.repeat(64)}` as ObjectId
    const opening = custody.open(header(deletable(objectId)), context)
    setImmediate(() => {
      const { blobId } = blob.metadata
      chain.emit({
        type: 'BlobRegistered',
        epoch: chain.epoch,
        blobId,
        size: 1,
        endEpoch: (chain.epoch + 1) as never,
        deletable: true,
        objectId,
      })
    })
    assert.ok((await opening).wanted.length > 0)
  })

  it('counts as open from the first look at the store on, and no longer than needed', async () => {
    const { blobId } = blob.metadata
    const listing = Promise.withResolvers<boolean>()
    const { list } = slivers
    slivers.list = id => {
      listing.resolve(lock.isOpen(blobId))
      return list.call(slivers, id)
    }
    const session = await custody.open(header(register()), context)
    assert.equal(await listing.promise, true)
    await waitsInVain({ kind: 'permanent' })
    assert.equal(lock.isOpen(blobId), true)
    session.close()
    assert.equal(lock.isOpen(blobId), false)
  })

  it('refuses what is not registered so', async () => {
    const registered = register()
    await waitsInVain({ kind: 'permanent' })
    await waitsInVain(deletable(`0x${'9'.repeat(64)}` as ObjectId))
    await custody.open(header(registered), context)
  })

  it('refuses metadata that does not give the blob ID, or is of another number of shards', async () => {
    const persistence = register()
    const hashes = blob.metadata.hashes.slice()
    hashes[0]! ^= 1
    const forged = { ...blob.metadata, hashes }
    await assert.rejects(custody.open(header(persistence, forged), context), code('METADATA_MISMATCH'))
    const longer = { ...blob.metadata, unencodedLength: blob.metadata.unencodedLength + 1 }
    await assert.rejects(custody.open(header(persistence, longer), context), code('METADATA_MISMATCH'))
    const other = await codec.encode(randomBytes(10), 13)
    await assert.rejects(
      custody.open(header(persistence, other.metadata), context),
      code('METADATA_MISMATCH'),
    )
    other.release()
  })

  it('refuses slivers that are wrong, not its own, or sent twice, and goes on', async () => {
    const session = await custody.open(header(register()), context)
    const [first, second] = session.wanted
    const altered = blob.sliver(first!)
    altered[10]! ^= 1
    await assert.rejects(deliver(session, first!, altered), code('SLIVER_MISMATCH'))
    await assert.rejects(deliver(session, first!, blob.sliver(second!)), code('SLIVER_MISMATCH'))
    await assert.rejects(deliver(session, first!, blob.sliver(first!).subarray(1)), code('SLIVER_MISMATCH'))
    const foreign: SliverRef = { ...first!, pair: ((first!.pair + 1) % N) as never }
    await assert.rejects(deliver(session, foreign, blob.sliver(foreign)), code('UNWANTED_SLIVER'))
    await deliver(session, first!, blob.sliver(first!))
    await assert.rejects(deliver(session, first!, blob.sliver(first!)), code('UNWANTED_SLIVER'))
    assert.equal(await slivers.has(blob.metadata.blobId, foreign), false)
  })

  it('keeps large slivers in files while they arrive, and nothing of them afterwards', async () => {
    const large = await codec.encode(randomBytes(50_000), N)
    const { blobId } = large.metadata
    const persistence = deletable(chain.register(blobId).objectId)
    const session = await custody.open(header(persistence, large.metadata), context)
    const [first, ...others] = session.wanted
    const arriving = () => readdir(join(folder.path, 'arrivals'))
    const altered = large.sliver(first!)
    altered[altered.length - 50]! ^= 1
    const arrival = await session.receive(first!)
    await arrival.write(altered)
    assert.equal((await arriving()).length, 1)
    await assert.rejects(arrival.accept(), code('SLIVER_MISMATCH'))
    await arrival.close()
    assert.deepEqual(await arriving(), [])
    for (const ref of [first!, ...others]) await deliver(session, ref, large.sliver(ref))
    await session.confirm()
    session.close()
    assert.deepEqual(await arriving(), [])
    for (const ref of session.wanted) {
      const stored = await slivers.get(blobId, ref)
      assert.ok(stored && Buffer.from(stored).equals(large.sliver(ref)))
    }
    large.release()
  })

  it('signs nothing when slivers that it had have gone meanwhile', async () => {
    const first = await custody.open(header(register()), context)
    for (const ref of first.wanted) await deliver(first, ref, blob.sliver(ref))
    first.close()
    const session = await custody.open(header(register()), context)
    assert.deepEqual(session.wanted, [])
    await slivers.delete(blob.metadata.blobId)
    await assert.rejects(session.confirm(), code('INCOMPLETE'))
  })

  it('keeps the metadata before the first sliver', async () => {
    const metadata = createMetadataStore(records, N)
    const { put } = slivers
    const known: boolean[] = []
    slivers.put = async (id, ...rest) => {
      known.push((await metadata.get(id)) !== undefined)
      await put.call(slivers, id, ...rest)
    }
    const session = await custody.open(header(register()), context)
    await Promise.all(session.wanted.map(ref => deliver(session, ref, blob.sliver(ref))))
    assert.deepEqual(
      known,
      session.wanted.map(() => true),
    )
    session.close()
  })

  it('signs nothing while slivers are missing', async () => {
    const session = await custody.open(header(register()), context)
    await deliver(session, session.wanted[0]!, blob.sliver(session.wanted[0]!))
    await assert.rejects(session.confirm(), {
      ...code('INCOMPLETE'),
      details: { missing: session.wanted.length - 1 },
    })
  })

  it('signs nothing for a blob deleted, or in an epoch begun, meanwhile', async () => {
    const persistence = register()
    const fill = async () => {
      const session = await custody.open(header(persistence), context)
      for (const ref of session.wanted) await deliver(session, ref, blob.sliver(ref))
      return session
    }
    const first = await fill()
    const second = await fill()
    const { blobId } = blob.metadata
    const objectId = persistence.kind === 'deletable' ? persistence.objectId : assert.fail()
    chain.emit({
      type: 'BlobDeleted',
      epoch: chain.epoch,
      blobId,
      endEpoch: 9 as never,
      objectId,
      wasCertified: false,
    })
    await blobs.waitFor(blobId, state => state?.registrations.length === 0, { timeoutMs: 5000 })
    await assert.rejects(second.confirm(), code('BLOB_GONE'))
    chain.epoch = (chain.epoch + 1) as never
    await assert.rejects(first.confirm(), code('EPOCH_CHANGED'))
  })

  it('takes no sliver of an epoch that is over: its shard may be locked', async () => {
    const session = await custody.open(header(register()), context)
    const [first, second] = session.wanted
    await deliver(session, first!, blob.sliver(first!))
    chain.epoch = (chain.epoch + 1) as never
    // as an event makes it
    await committees.get({ fresh: true })
    await assert.rejects(deliver(session, second!, blob.sliver(second!)), code('EPOCH_CHANGED'))
    assert.equal(await slivers.has(blob.metadata.blobId, second!), false)
    session.close()
  })

  it('takes nothing in, and signs nothing, while the chain shows an epoch before the one that was heard of', async () => {
    const session = await custody.open(header(register()), context)
    const [first, ...others] = session.wanted
    for (const ref of others) await deliver(session, ref, blob.sliver(ref))
    heard = (chain.epoch + 1) as Epoch
    const behind = { ...code('EPOCH_BEHIND'), details: { epoch: chain.epoch }, retryAfterMs: 1_000 }
    await assert.rejects(custody.open(header(register()), context), behind)
    await assert.rejects(custody.expectMetadata(blob.metadata.blobId, context), behind)
    await assert.rejects(custody.putMetadata(blob.metadata, context), behind)
    await assert.rejects(custody.openSliver(blob.metadata.blobId, first!, context), behind)
    await deliver(session, first!, blob.sliver(first!))
    await assert.rejects(session.confirm(), behind)
    chain.epoch = heard
    await assert.rejects(session.confirm(), code('EPOCH_CHANGED'))
  })

  it('refuses a blob that was found invalid', async () => {
    const persistence = register()
    chain.emit({ type: 'InvalidBlobID', epoch: chain.epoch, blobId: blob.metadata.blobId })
    await blobs.waitFor(blob.metadata.blobId, state => state?.invalid === true, { timeoutMs: 5000 })
    await assert.rejects(custody.open(header(persistence), context), code('BLOB_INVALID'))
  })

  it('knows which uploads are under way', async () => {
    const persistence = register()
    const { blobId } = blob.metadata
    const [one, two] = [
      await custody.open(header(persistence), context),
      await custody.open(header(persistence), context),
    ]
    one.close()
    one.close()
    assert.equal(lock.isOpen(blobId), true)
    two.close()
    assert.equal(lock.isOpen(blobId), false)
  })

  it('refuses when it is not in the committee', async () => {
    chain.committee.members[1]!.shards = []
    await assert.rejects(custody.open(header(register()), context), code('NOT_IN_COMMITTEE'))
  })
})
