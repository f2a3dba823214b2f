import { concatBytes } from '../base/bytes.ts'
import { ByteReader, expectBytes, u64le, uleb128 } from './bytes.ts'
import { CodecError } from './errors.ts'
import { blobIdFromBytes, blobIdToBytes } from './ids.ts'
import { blake2b256, DIGEST_LENGTH, leafHash, merkleRoot } from './merkle.ts'
import { encodingParams, maxBlobSize } from './params.ts'
import type { BlobId, BlobMetadata, SliverRef } from './types.ts'

/** Variant numbers of the BCS enums. */
const METADATA_V1 = 0
const ENCODING_RS2 = 1
const NODE_DIGEST = 1

/** Bytes before the number of sliver pairs: blob ID, version, encoding type, length. */
const METADATA_PREFIX = 32 + 1 + 1 + 8
/** Bytes of hashes per sliver pair: primary, then secondary. */
export const PAIR_HASHES = 2 * DIGEST_LENGTH

/** BCS of `BlobMetadataWithId`. */
export function encodeMetadata(metadata: BlobMetadata): Uint8Array {
  expectBytes(metadata.hashes, metadata.nShards * PAIR_HASHES, 'sliver hashes')
  const nodes = new Uint8Array(metadata.nShards * 2 * (1 + DIGEST_LENGTH))
  for (let i = 0; i < metadata.nShards * 2; i++) {
    nodes[i * 33] = NODE_DIGEST
    nodes.set(metadata.hashes.subarray(i * DIGEST_LENGTH, (i + 1) * DIGEST_LENGTH), i * 33 + 1)
  }
  return concatBytes(
    blobIdToBytes(metadata.blobId),
    Uint8Array.of(METADATA_V1, ENCODING_RS2),
    u64le(metadata.unencodedLength),
    uleb128(metadata.nShards),
    nodes,
  )
}

/** Bytes of the blob that `BlobMetadataWithId` describes, whatever follows; undefined for what begins like none. */
export function unencodedLengthIn(bytes: Uint8Array): number | undefined {
  if (bytes.length < METADATA_PREFIX || bytes[32] !== METADATA_V1 || bytes[33] !== ENCODING_RS2)
    return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(METADATA_PREFIX - 8, true)
  return length > Number.MAX_SAFE_INTEGER ? undefined : Number(length)
}

/**
 * Reads `BlobMetadataWithId` exactly: RS2, `nShards` pairs of hashes, nothing else. An empty Merkle node is refused,
 * as it would be a second encoding of zeros. Throws MALFORMED, or BLOB_TOO_LARGE for an impossible length. The blob ID
 * is not checked: see `verifyMetadata`.
 */
export function decodeMetadata(bytes: Uint8Array, nShards: number): BlobMetadata {
  encodingParams(nShards)
  const reader = new ByteReader(bytes, 'blob metadata')
  const blobId = blobIdFromBytes(reader.take(32))
  if (reader.u8() !== METADATA_V1 || reader.u8() !== ENCODING_RS2) throw reader.malformed()
  const length = reader.u64()
  if (reader.uleb128() !== nShards) throw reader.malformed()
  const hashes = new Uint8Array(nShards * PAIR_HASHES)
  for (let i = 0; i < nShards * 2; i++) {
    if (reader.u8() !== NODE_DIGEST) throw reader.malformed()
    hashes.set(reader.take(DIGEST_LENGTH), i * DIGEST_LENGTH)
  }
  reader.end()
  const maxBytes = maxBlobSize(nShards)
  if (length > BigInt(maxBytes)) {
    throw new CodecError('BLOB_TOO_LARGE', `a blob of ${length} bytes is too large`, {
      maxBytes,
      actualBytes: Number(length),
    })
  }
  return { blobId, encodingType: 'RS2', unencodedLength: Number(length), nShards, hashes }
}

/** For how many shards encoded metadata is, as it says itself; throws MALFORMED. */
export function metadataShards(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, 'blob metadata')
  reader.take(METADATA_PREFIX)
  return reader.uleb128()
}

/** Merkle root over the pairs' hashes, 32 bytes. */
export function metadataRoot(metadata: Pick<BlobMetadata, 'hashes' | 'nShards'>): Uint8Array {
  expectBytes(metadata.hashes, metadata.nShards * PAIR_HASHES, 'sliver hashes')
  const leaves = Array.from({ length: metadata.nShards }, (_, i) =>
    leafHash(metadata.hashes.subarray(i * PAIR_HASHES, (i + 1) * PAIR_HASHES)),
  )
  return merkleRoot(leaves)
}

/** Blob ID = Blake2b-256(encoding type || length as u64le || metadata root). */
export function computeBlobId(unencodedLength: number, root: Uint8Array): BlobId {
  return blobIdFromBytes(blake2b256(Uint8Array.of(ENCODING_RS2), u64le(unencodedLength), root))
}

/** Throws METADATA_MISMATCH unless the hashes and the length give the blob ID. */
export function verifyMetadata(metadata: BlobMetadata): void {
  if (computeBlobId(metadata.unencodedLength, metadataRoot(metadata)) !== metadata.blobId) {
    throw new CodecError('METADATA_MISMATCH', 'the metadata does not belong to the blob ID', {
      blobId: metadata.blobId,
    })
  }
}

/** The same as an answer. */
export function isMetadata(metadata: BlobMetadata): boolean {
  try {
    verifyMetadata(metadata)
    return true
  } catch (error) {
    if (error instanceof CodecError) return false
    throw error
  }
}

/** The hash that the metadata commits to for one sliver. */
export function sliverHash(metadata: BlobMetadata, ref: SliverRef): Uint8Array {
  const at = ref.pair * PAIR_HASHES + (ref.axis === 'primary' ? 0 : DIGEST_LENGTH)
  return metadata.hashes.subarray(at, at + DIGEST_LENGTH)
}
