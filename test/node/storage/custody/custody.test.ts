import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { silentLog } from '../../../../base/log.ts'
import { type Codec, createCodec, type EncodedBlob, loadBls, pairOfShard } from '../../../../codec/index.ts'
import type { ObjectId, Persistence, SliverRef } from '../../../../codec/types.ts'
import { createCommitteeTracker } from '../../../../node/network/committees.ts'
import { type CustodyService, createCustody } from '../../../../node/storage/custody/custody.ts'
import { createOpenUploads, type OpenUploads } from '../../../../node/storage/custody/open-uploads.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { type BlobInfo, createBlobInfo } from '../../../../node/storage/events/blob-info.ts'
import { createBlobRecords } from '../../../../node/storage/store/blob-records.ts'
import { memorySliverStore } from '../../../../node/storage/store/memory-sliver-store.ts'
import { createMetadataStore } from '../../../../node/storage/store/metadata-store.ts'
import { openRecords, type Records } from '../../../../node/storage/store/records.ts'
import type { SliverStore } from '../../../../protocols/ports.ts'
import { FakeChain } from '../../../support/fake-chain.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

const N = 10

describe('custody', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let records: Records
  let chain: FakeChain
  let blobs: BlobInfo
  let slivers: SliverStore
  let custody: CustodyService
  let uploads: OpenUploads
  let codec: Codec
  let blob: EncodedBlob
  let publicKey: Uint8Array
  const context = { peer: 'client', signal: new AbortController().signal }

  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(randomBytes(5000), N)
  })
  after(() => codec.close())

  beforeEach(async () => {
    folder = await temporaryFolder()
    records = await openRecords(folder.path)
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
    uploads = createOpenUploads(state)
    blobs = createBlobInfo({ chain, records: state, log: silentLog() })
    slivers = memorySliverStore()
    custody = createCustody(
      {
        nodeId: chain.committee.members[1]!.nodeId,
        codec,
        slivers,
        metadata: createMetadataStore(records, N),
        expectRoom: async () => {},
        blobs,
        committees: createCommitteeTracker(chain),
        uploads,
        signer: createConfirmationSigner(bls, secret),
        log: silentLog(),
      },
      { registrationWaitMs: 200 },
    )
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
    for (const ref of session.wanted) await session.accept(ref, blob.sliver(ref))
    const { message, signature } = await session.confirm()
    session.close()
    assert.ok((await loadBls()).verify(publicKey, message, signature))
    for (const ref of expected) assert.ok(await slivers.has(blob.metadata.blobId, ref))
    const again = await custody.open(header(register()), context)
    assert.deepEqual(again.wanted, [])
    await again.confirm()
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
      listing.resolve(uploads.isOpen(blobId))
      return list.call(slivers, id)
    }
    const session = await custody.open(header(register()), context)
    assert.equal(await listing.promise, true)
    await assert.rejects(custody.open(header({ kind: 'permanent' }), context), code('NOT_REGISTERED'))
    assert.equal(uploads.isOpen(blobId), true)
    session.close()
    assert.equal(uploads.isOpen(blobId), false)
  })

  it('refuses what is not registered so', async () => {
    const registered = register()
    await assert.rejects(custody.open(header({ kind: 'permanent' }), context), code('NOT_REGISTERED'))
    await assert.rejects(
      custody.open(header(deletable(`0x${'9'.repeat(64)}` as ObjectId)), context),
      code('NOT_REGISTERED'),
    )
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
    await assert.rejects(session.accept(first!, altered), code('SLIVER_MISMATCH'))
    await assert.rejects(session.accept(first!, blob.sliver(second!)), code('SLIVER_MISMATCH'))
    await assert.rejects(session.accept(first!, blob.sliver(first!).subarray(1)), code('SLIVER_MISMATCH'))
    const foreign: SliverRef = { ...first!, pair: ((first!.pair + 1) % N) as never }
    await assert.rejects(session.accept(foreign, blob.sliver(foreign)), code('UNWANTED_SLIVER'))
    await session.accept(first!, blob.sliver(first!))
    await assert.rejects(session.accept(first!, blob.sliver(first!)), code('UNWANTED_SLIVER'))
    assert.equal(await slivers.has(blob.metadata.blobId, foreign), false)
  })

  it('signs nothing when slivers that it had have gone meanwhile', async () => {
    const first = await custody.open(header(register()), context)
    for (const ref of first.wanted) await first.accept(ref, blob.sliver(ref))
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
    await Promise.all(session.wanted.map(ref => session.accept(ref, blob.sliver(ref))))
    assert.deepEqual(
      known,
      session.wanted.map(() => true),
    )
    session.close()
  })

  it('signs nothing while slivers are missing', async () => {
    const session = await custody.open(header(register()), context)
    await session.accept(session.wanted[0]!, blob.sliver(session.wanted[0]!))
    await assert.rejects(session.confirm(), {
      ...code('INCOMPLETE'),
      args: { missing: session.wanted.length - 1 },
    })
  })

  it('signs nothing for a blob deleted, or in an epoch begun, meanwhile', async () => {
    const persistence = register()
    const fill = async () => {
      const session = await custody.open(header(persistence), context)
      for (const ref of session.wanted) await session.accept(ref, blob.sliver(ref))
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
    assert.equal(uploads.isOpen(blobId), true)
    two.close()
    assert.equal(uploads.isOpen(blobId), false)
  })

  it('refuses when it is not in the committee', async () => {
    chain.committee.members[1]!.shards = []
    await assert.rejects(custody.open(header(register()), context), code('NOT_IN_COMMITTEE'))
  })
})
