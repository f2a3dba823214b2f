import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import { createSemaphore } from '../../../../base/semaphore.ts'
import {
  type BlobCodec,
  type Codec,
  computeBlobId,
  createCodec,
  type EncodedBlob,
  encodingParams,
  metadataRoot,
  quiltInBlob,
} from '../../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex, SliverRef } from '../../../../codec/types.ts'
import { openBlob } from '../../../../node/client/download/blob-handle.ts'
import { AGAIN_BYTES, type EncodingAgain } from '../../../../node/client/download/encoded-again.ts'
import { SliverSpool } from '../../../../node/client/download/sliver-spool.ts'
import { openSpoolFile } from '../../../../node/client/download/spool-file.ts'
import type { ClientError } from '../../../../node/client/errors.ts'
import type { BlobHandle } from '../../../../node/client/types.ts'
import { createFileDisk } from '../../../../node/client/upload/file-disk.ts'
import { Scratch } from '../../../../node/client/upload/scratch.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import {
  type FakePeer,
  fakeBook,
  fakeCommittee,
  fakePeers,
  fixedOwners,
  honest,
  ignorant,
  neverRenewed,
  silent,
  unreachable,
} from '../../../support/fake-peers.ts'
import { temporaryFolder } from '../../../support/temporary.ts'
import { wronglyEncoded } from '../../../support/wrongly-encoded.ts'

const committee = fakeCommittee(13, 100)
/** Rows of 135 KB: neither as a whole nor all of it ahead. */
const SIZE = 4_600_000

describe('a blob handle', function () {
  this.timeout(20_000)
  let codec: Codec
  let blob: EncodedBlob
  const data = randomBytes(SIZE)
  // a test says that the blob ends before it, and then something must be there
  data[SIZE - 1] = 7
  before(async () => {
    codec = createCodec({ threads: 0 })
    blob = await codec.encode(data, 100)
  })
  after(() => codec.close())

  const closing = new AbortController()
  const opened = new Set<BlobHandle>()
  afterEach(async () => {
    for (const handle of opened) await handle.close()
    assert.equal(opened.size, 0)
    assert.deepEqual(
      (await readdir(tmpdir())).filter(name => name.startsWith('floe-read-')),
      [],
    )
  })

  const open = async (peers: FakePeer[], of = blob, encodingAgain?: EncodingAgain) => {
    const fake = fakePeers(peers)
    const outcomes: string[] = []
    const handle = await openBlob(
      {
        peers: fake,
        book: fakeBook(),
        owners: neverRenewed,
        codec: codec as unknown as BlobCodec,
        log: silentLog(),
        accuse: () => {},
        clock: systemClock,
        metrics: { download: outcome => outcomes.push(outcome) },
        decoding: createSemaphore(1),
        createSpool: async metadata => new SliverSpool(await openSpoolFile(), metadata),
        encodingAgain,
      },
      fixedOwners(committee),
      of.metadata.blobId,
      { signal: new AbortController().signal, closing: closing.signal, handles: opened },
    )
    fake.asked.length = 0
    return { handle, fake, outcomes }
  }
  const all = (peer: FakePeer) => committee.members.map(() => peer)
  const mixed = (of: (index: number) => FakePeer) => committee.members.map(({ index }) => of(index))
  const collect = async (pieces: AsyncIterable<Uint8Array>) => {
    const got: Uint8Array[] = []
    for await (const piece of pieces) got.push(Uint8Array.from(piece))
    return Buffer.concat(got)
  }

  it('knows its size and metadata, and asks nobody for slivers before it is read', async () => {
    const { handle, fake } = await open(all(honest(blob)))
    assert.deepEqual([handle.blobId, handle.size], [blob.metadata.blobId, SIZE])
    assert.deepEqual(handle.metadata, blob.metadata)
    assert.deepEqual(fake.asked, [])
  })

  it('gives all bytes in order, from the rows and nothing else', async () => {
    const { handle, fake, outcomes } = await open(all(honest(blob)))
    assert.ok((await collect(handle.stream())).equals(data))
    assert.equal(fake.asked.length, encodingParams(100).primarySymbols)
    assert.deepEqual(outcomes, ['ok'])
  })

  it('gives any range, from the rows that hold it', async () => {
    const { handle, fake } = await open(all(honest(blob)))
    for (const [start, end] of [
      [0, 1],
      [100_000, 500_000],
      [SIZE - 3, SIZE + 50],
      [7, 7],
      [SIZE + 1, SIZE + 2],
      [9, 3],
    ] as const) {
      const range = { start, end }
      const expected = data.subarray(range.start, Math.max(range.start, range.end))
      assert.ok((await collect(handle.stream(range))).equals(expected))
      assert.ok(Buffer.from(await handle.read(range)).equals(expected))
    }
    assert.ok(fake.asked.length <= 2 * (1 + 4 + 1))
    for (const wrong of [{ start: -1 }, { end: 0.5 }, { start: Number.NaN }]) {
      await assert.rejects(handle.read(wrong), { code: 'INVALID_OPTION' })
      assert.throws(() => handle.memoryFor(wrong), { code: 'INVALID_OPTION' })
    }
  })

  it('fetches no more ahead of its consumer than it says, whatever the size', async () => {
    const { handle, fake } = await open(all(honest(blob)))
    const sliverBytes = blob.sliver({ pair: 0 as SliverPairIndex, axis: 'primary' }).length
    const ahead = handle.memoryFor() / sliverBytes
    assert.ok(Number.isInteger(ahead) && ahead < 34)
    const pieces = handle.stream()
    await pieces.next()
    // everything that may come has come
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    assert.equal(fake.asked.length, ahead)
    await pieces.next()
    for (let i = 0; i < 50; i++) await new Promise(setImmediate)
    assert.equal(fake.asked.length, ahead + 1)
    await pieces.return()
    assert.equal(fake.asked.length, ahead + 1)
    assert.equal(handle.memoryFor({ start: 0, end: 1 }), sliverBytes)
    assert.equal(handle.memoryFor({ start: 5, end: 5 }), 0)
  })

  it('reads a small blob at once, from whoever is there', async () => {
    const small = randomBytes(40_000)
    const encoded = await codec.encode(small, 100)
    const { handle } = await open(
      mixed(i => (i < 4 ? { ...unreachable, metadata: honest(encoded).metadata! } : honest(encoded))),
      encoded,
    )
    assert.equal(handle.memoryFor(), small.length)
    const pieces = await Array.fromAsync(handle.stream({ start: 5 }))
    assert.equal(pieces.length, 1)
    assert.ok(Buffer.from(pieces[0]!).equals(small.subarray(5)))
    encoded.release()
  })

  it('decodes rows that their owners lack, cannot send or alter, and names those who lied', async () => {
    const { handle, outcomes } = await open(
      mixed(i => {
        if (i === 3) return { ...honest(blob), sliver: async () => undefined }
        if (i === 5) return { ...honest(blob), sliver: () => Promise.reject(new Error('unreachable')) }
        if (i === 7 || i === 8) {
          const sliver = async (ref: SliverRef) => {
            const bytes = blob.sliver(ref)
            bytes[1000]! ^= 1
            return bytes
          }
          return { ...honest(blob), sliver }
        }
        return honest(blob)
      }),
    )
    assert.ok((await collect(handle.stream())).equals(data))
    const { nodeId, name } = committee.members[7]!
    assert.ok(
      handle.liars.some(liar => liar.nodeId === nodeId && liar.name === name && liar.what === 'sliver'),
    )
    assert.ok(handle.liars.every(liar => ['node-7', 'node-8'].includes(liar.name)))
    // what was decoded stays for the next read
    assert.ok((await collect(handle.stream({ start: 3_000_000 }))).equals(data.subarray(3_000_000)))
    assert.deepEqual(outcomes, ['ok', 'ok'])
  })

  it('asks again who was busy, rather than decode', async () => {
    let refused = false
    const busy: FakePeer = {
      ...honest(blob),
      async sliver(ref) {
        if (!refused) {
          refused = true
          throw new ProtocolError('BUSY')
        }
        return blob.sliver(ref)
      },
    }
    const { handle, fake } = await open(mixed(i => (i === 5 ? busy : honest(blob))))
    assert.ok((await collect(handle.stream())).equals(data))
    assert.equal(fake.asked.length, 34 + 1)
    assert.ok(refused)
  })

  it('tells too few shards from a blob that is gone', async () => {
    const some = await open(
      mixed(i => (i < 4 ? honest(blob) : { ...honest(blob), sliver: async () => undefined })),
    )
    await assert.rejects(collect(some.handle.stream()), (error: ClientError<'TOO_FEW_SHARDS'>) => {
      assert.equal(error.code, 'TOO_FEW_SHARDS')
      const { nodes = [], ...details } = error.details
      assert.deepEqual(details, { blobId: blob.metadata.blobId, answeredShards: 32, neededShards: 34 })
      assert.equal(nodes.filter(({ lacked }) => lacked > 0).length, 9)
      return true
    })
    const gone = await open(all({ ...ignorant, metadata: honest(blob).metadata! }))
    await assert.rejects(collect(gone.handle.stream()), { code: 'BLOB_NOT_FOUND' })
    assert.deepEqual(gone.outcomes, ['BLOB_NOT_FOUND'])
  })

  it('gives nothing of a blob that was encoded wrongly', async () => {
    const forge = (changes: Partial<BlobMetadata>): EncodedBlob => {
      const metadata = { ...blob.metadata, ...changes }
      const blobId = computeBlobId(metadata.unencodedLength, metadataRoot(metadata))
      return { ...blob, sliver: ref => blob.sliver(ref), metadata: { ...metadata, blobId } }
    }
    // behind its end there is something
    const longer = forge({ unencodedLength: SIZE - 1 })
    const padded = await open(all(honest(longer)), longer)
    await assert.rejects(collect(padded.handle.stream({ start: SIZE - 10 })), { code: 'BLOB_INVALID' })
    // its first row is not what the others give
    const hashes = blob.metadata.hashes.slice()
    hashes[0]! ^= 1
    const other = forge({ hashes })
    const { handle } = await open(all(honest(other)), other)
    await assert.rejects(collect(handle.stream()), { code: 'BLOB_INVALID' })
  })

  it('gives columns from their owners alone, and decodes those that they lack', async () => {
    const expected = quiltInBlob(blob.metadata.blobId, data, 100)
    const lacking = {
      ...honest(blob),
      sliver: async (ref: SliverRef) => (ref.axis === 'secondary' ? undefined : blob.sliver(ref)),
    }
    const altered = {
      ...honest(blob),
      sliver: async (ref: SliverRef) => {
        const bytes = blob.sliver(ref)
        if (ref.axis === 'secondary') bytes[100]! ^= 1
        return bytes
      },
    }
    for (const [peer, most] of [
      [honest(blob), 1],
      [lacking, 40],
      [altered, 40],
    ] as const) {
      const { handle, fake } = await open(all(peer))
      assert.deepEqual(await handle.column(17), await expected.column(17, {}))
      assert.ok(fake.asked.length <= most, `${fake.asked.length} were asked`)
      await assert.rejects(handle.column(3, { signal: AbortSignal.abort(new Error('enough')) }), /enough/)
    }
  })

  it('gives columns of a small blob from one read of it', async () => {
    const small = randomBytes(40_000)
    const encoded = await codec.encode(small, 100)
    const { handle, fake } = await open(all(honest(encoded)), encoded)
    const expected = quiltInBlob(encoded.metadata.blobId, small, 100)
    const [one, other] = await Promise.all([handle.column(0), handle.column(66)])
    assert.deepEqual([one, other], [await expected.column(0, {}), await expected.column(66, {})])
    const { length } = fake.asked
    await handle.column(5)
    assert.equal(fake.asked.length, length)
    encoded.release()
  })

  it('checks as it is told: a small blob by its rows, a large one as a whole', async () => {
    const small = randomBytes(40_000)
    const encoded = await codec.encode(small, 100)
    const rows = await open(all(honest(encoded)), encoded)
    const pieces = await Array.fromAsync(rows.handle.stream({ check: 'rows' }))
    assert.ok(pieces.length > 1 && Buffer.concat(pieces).equals(small))
    encoded.release()
    const { handle } = await open(all(honest(blob)))
    const whole = await Array.fromAsync(handle.stream({ check: 'blob' }))
    assert.ok(whole.length === 1 && data.equals(whole[0]!))
    assert.equal(handle.memoryFor({}, 'blob'), SIZE)
  })

  it('encodes a large blob again by way of the disk, once, and leaves nothing there', async () => {
    const folder = await temporaryFolder()
    const room = createSemaphore(AGAIN_BYTES)
    const disk = createFileDisk(
      codec,
      new Scratch({ folder: join(folder.path, 'scratch'), clock: systemClock }),
    )
    const byDisk = { disk, room, aboveBytes: SIZE - 1 }
    const { handle, fake } = await open(all(honest(blob)), blob, byDisk)
    assert.ok(handle.memoryFor({}, 'blob') < SIZE)
    const check = 'blob'
    const parts = await Promise.all([
      collect(handle.stream({ check, end: 100 })),
      collect(handle.stream({ check })),
      handle.read({ check, start: SIZE - 2_000_000 }),
    ])
    assert.ok(parts[0].equals(data.subarray(0, 100)) && parts[1].equals(data))
    assert.ok(data.subarray(SIZE - 2_000_000).equals(parts[2]))
    assert.equal(fake.asked.length, encodingParams(100).primarySymbols)
    assert.equal(room.used, SIZE)
    await handle.close()

    // each row is the blob's, and a secondary sliver is not
    using wrong = await wronglyEncoded(codec, data, 100, { pair: 3 as SliverPairIndex, axis: 'secondary' })
    const forged = await open(all(honest(wrong)), wrong, byDisk)
    assert.ok((await collect(forged.handle.stream())).equals(data))
    await assert.rejects(collect(forged.handle.stream({ check })), { code: 'BLOB_INVALID' })

    const stuck = await open(all({ ...honest(blob), sliver: silent.sliver! }), blob, byDisk)
    const waiting = assert.rejects(collect(stuck.handle.stream({ check })), { code: 'CLOSED' })
    await stuck.handle.close()
    await waiting
    assert.equal(room.used, 0)
    assert.deepEqual(await readdir(join(folder.path, 'scratch')), [])
    await folder.remove()
  })

  it('ends with the signal of a read, with its own end and with that of the client', async () => {
    const enough = new AbortController()
    const stuck = all({ ...honest(blob), ...{ sliver: silent.sliver! } })
    const { handle, outcomes } = await open(stuck)
    const reading = collect(handle.stream({ signal: enough.signal }))
    const other = collect(handle.stream())
    enough.abort(new Error('enough'))
    await assert.rejects(reading, /enough/)
    await Promise.all([assert.rejects(other, { code: 'CLOSED' }), handle.close()])
    await assert.rejects(handle.read(), { code: 'CLOSED' })
    assert.deepEqual(outcomes, ['ABORTED', 'CLOSED', 'CLOSED'])
  })

  it('tells how much of what is there already is right', async () => {
    const { handle, fake } = await open(all(honest(blob)))
    const source = (bytes: Uint8Array) => ({
      length: bytes.length,
      read: async (offset: number, target: Uint8Array) =>
        target.set(bytes.subarray(offset, offset + target.length)),
    })
    assert.equal(await handle.verifiedBytes(source(data)), data.length)
    assert.equal(await handle.verifiedBytes(source(new Uint8Array())), 0)
    const part = data.subarray(0, 1_000_000)
    const verified = await handle.verifiedBytes(source(part))
    assert.ok(verified > 800_000 && verified <= part.length)
    const altered = Buffer.from(part)
    altered[500_000]! ^= 1
    const before = await handle.verifiedBytes(source(altered))
    assert.ok(before > 300_000 && before <= 500_000)
    assert.deepEqual(fake.asked, [])
  })
})
