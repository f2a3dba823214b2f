import assert from 'node:assert/strict'
import { bcs } from '@mysten/bcs'
import {
  type BlobMetadata,
  blobIdToBytes,
  createCodec,
  decodeExact,
  decodeMetadata,
  encodeMetadata,
  maxBlobSize,
  metadataRoot,
  metadataShards,
  verifyMetadata,
} from '../../codec/index.ts'

const node = bcs.enum('MerkleNode', { Empty: null, Digest: bcs.bytes(32) })
const metadataWithId = bcs.struct('BlobMetadataWithId', {
  blobId: bcs.bytes(32),
  metadata: bcs.enum('BlobMetadata', {
    V1: bcs.struct('BlobMetadataV1', {
      encodingType: bcs.enum('EncodingType', { RedStuff: null, RS2: null }),
      unencodedLength: bcs.u64(),
      hashes: bcs.vector(bcs.struct('Pair', { primary: node, secondary: node })),
    }),
  }),
})

const LENGTH_PREFIX = 42

describe('blob metadata', () => {
  const codec = createCodec({ threads: 0 })
  let metadata: BlobMetadata
  let bytes: Uint8Array

  before(async () => {
    metadata = await codec.metadata(new TextEncoder().encode('metadata'), 10)
    bytes = encodeMetadata(metadata)
  })
  after(() => codec.close())

  it('is encoded as BCS has it', () => {
    const digest = (i: number) => ({ Digest: metadata.hashes.subarray(32 * i, 32 * i + 32) })
    const expected = metadataWithId.serialize({
      blobId: blobIdToBytes(metadata.blobId),
      metadata: {
        V1: {
          encodingType: { RS2: true },
          unencodedLength: metadata.unencodedLength,
          hashes: Array.from({ length: 10 }, (_, i) => ({
            primary: digest(2 * i),
            secondary: digest(2 * i + 1),
          })),
        },
      },
    })
    assert.deepEqual(bytes, expected.toBytes())
  })

  it('comes back', () => {
    assert.deepEqual(decodeMetadata(bytes, 10), metadata)
    verifyMetadata(metadata)
  })

  it('is not taken for another number of shards', () => {
    assert.throws(() => decodeMetadata(bytes, 11), { code: 'MALFORMED' })
    assert.throws(() => decodeMetadata(bytes, 0), { code: 'INVALID_ARGUMENT' })
  })

  it('is refused when cut off at any place, or with a byte more', () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeMetadata(bytes.subarray(0, length), 10), { code: 'MALFORMED' })
    }
    assert.throws(() => decodeMetadata(Uint8Array.from([...bytes, 0]), 10), { code: 'MALFORMED' })
  })

  const altered = (at: number, value: number) => {
    const copy = bytes.slice()
    copy[at] = value
    return copy
  }

  it('is refused in another version, another encoding, and with an empty hash', () => {
    assert.throws(() => decodeMetadata(altered(32, 1), 10), { code: 'MALFORMED' })
    assert.throws(() => decodeMetadata(altered(33, 0), 10), { code: 'MALFORMED' })
    assert.throws(() => decodeMetadata(altered(LENGTH_PREFIX + 1, 0), 10), { code: 'MALFORMED' })
  })

  it('is refused with a length that no blob has', () => {
    const copy = bytes.slice()
    new DataView(copy.buffer).setBigUint64(34, BigInt(maxBlobSize(10)) + 1n, true)
    const maxBytes = maxBlobSize(10)
    const details = { maxBytes, actualBytes: maxBytes + 1 }
    assert.throws(() => decodeMetadata(copy, 10), { code: 'BLOB_TOO_LARGE', details })
    new DataView(copy.buffer).setBigUint64(34, BigInt(maxBytes), true)
    assert.equal(decodeMetadata(copy, 10).unencodedLength, maxBytes)
  })

  it('is refused with another number of hashes than there are', () => {
    assert.throws(() => decodeMetadata(altered(LENGTH_PREFIX, 11), 10), { code: 'MALFORMED' })
    assert.throws(() => decodeMetadata(altered(LENGTH_PREFIX, 9), 10), { code: 'MALFORMED' })
  })

  it('says for how many shards it is, in at most 32 bits', () => {
    assert.equal(metadataShards(bytes), 10)
    const of = (...prefix: number[]) => Uint8Array.from([...bytes.subarray(0, LENGTH_PREFIX), ...prefix])
    assert.equal(metadataShards(of(0xff, 0xff, 0xff, 0xff, 0x0f)), 2 ** 32 - 1)
    for (const prefix of [
      [0xff, 0xff, 0xff, 0xff, 0x1f],
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
      [0x8a, 0x00],
      [0x8a],
      [],
    ]) {
      assert.throws(() => metadataShards(of(...prefix)), { code: 'MALFORMED' })
    }
  })

  it('is refused with a length prefix that is not the shortest', () => {
    const long = Uint8Array.from([
      ...bytes.subarray(0, LENGTH_PREFIX),
      0x8a,
      0x00,
      ...bytes.subarray(LENGTH_PREFIX + 1),
    ])
    assert.throws(() => decodeMetadata(long, 10), { code: 'MALFORMED' })
  })

  it('does not verify once anything in it has changed', () => {
    const hashes = metadata.hashes.slice()
    hashes[100]! ^= 1
    assert.throws(() => verifyMetadata({ ...metadata, hashes }), { code: 'METADATA_MISMATCH' })
    assert.throws(() => verifyMetadata({ ...metadata, unencodedLength: 9 }), { code: 'METADATA_MISMATCH' })
  })

  it('has the root that the kernel computes, for every number of shards', async () => {
    for (let n = 1; n < 40; n++) {
      const blob = await codec.encode(Uint8Array.of(n), n)
      assert.deepEqual(metadataRoot(blob.metadata), blob.rootHash)
      verifyMetadata(blob.metadata)
      assert.equal(await codec.isMetadata(blob.metadata), true, `of ${n} shards`)
      blob.release()
    }
  })

  it('is told by the kernel from what was changed, for few shards and for many', async () => {
    for (const n of [1, 2, 3, 10, 100, 1_000]) {
      const right = await codec.metadata(Uint8Array.of(n), n)
      const last = right.hashes.slice()
      last[last.length - 1]! ^= 1
      const short = right.hashes.subarray(0, -32)
      for (const wrong of [
        { hashes: last },
        { hashes: short },
        { hashes: new Uint8Array() },
        { unencodedLength: 2 },
        { nShards: n + 1 },
        { nShards: 0, hashes: new Uint8Array() },
      ])
        assert.equal(await codec.isMetadata({ ...right, ...wrong }), false, `${Object.keys(wrong)} of ${n}`)
      assert.equal(await codec.isMetadata(right), true)
    }
  })
})

describe('decodeExact', () => {
  const type = bcs.struct('Example', { text: bcs.string(), map: bcs.map(bcs.u8(), bcs.u8()) })
  const value = {
    text: 'a',
    map: new Map([
      [1, 2],
      [3, 4],
    ]),
  }

  it('takes the one encoding of a value', () => {
    assert.deepEqual(decodeExact(type, type.serialize(value).toBytes()), value)
  })

  for (const [what, bytes] of Object.entries({
    'a trailing byte': [1, 97, 2, 1, 2, 3, 4, 0],
    'an unsorted map': [1, 97, 2, 3, 4, 1, 2],
    'a long length prefix': [0x81, 0x00, 97, 2, 1, 2, 3, 4],
    'a repeated key': [1, 97, 2, 1, 2, 1, 2],
    'too few bytes': [1, 97, 2, 1, 2, 3],
    nothing: [],
  })) {
    it(`refuses ${what}`, () => {
      assert.throws(() => decodeExact(type, Uint8Array.from(bytes)), {
        name: 'CodecError',
        code: 'MALFORMED',
      })
    })
  }
})
