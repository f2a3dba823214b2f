import { concatBytes } from '../base/bytes.ts'
import { ByteReader, expectBytes, expectInteger, u32le } from './bytes.ts'
import { blobIdFromBytes, blobIdToBytes, objectIdFromBytes, objectIdToBytes } from './ids.ts'
import type { BlobId, Epoch, ObjectId, Persistence } from './types.ts'

/** What a signature is for; the first byte of every signed message. */
export const INTENT = { proofOfPossession: 0, blobCertificate: 1, invalidBlobId: 2, syncShard: 3 } as const

const VERSION = 0
/** Walrus's app ID in Sui's intent scheme. */
const APP_ID = 3
/** That of messages which only Floe has. */
const OWN_APP_ID = 70
/** Of Floe's own messages, whose types are apart from Walrus's. */
const CHALLENGE_PASSED = 0
const HASH_LENGTH = 32
const MAX_ROUND = 0xff
const MAX_EPOCH = 0xffff_ffff
const PUBLIC_KEY_LENGTH = 48
const PERMANENT = 0
const DELETABLE = 1

/** What a confirmation says: in this epoch, this blob is kept in this way. */
export interface ConfirmationBody {
  epoch: Epoch
  blobId: BlobId
  persistence: Persistence
}

/** What a storage node signs once it keeps all its slivers of a blob. */
export function confirmationMessage({ epoch, blobId, persistence }: ConfirmationBody): Uint8Array {
  const life =
    persistence.kind === 'permanent'
      ? Uint8Array.of(PERMANENT)
      : concatBytes(Uint8Array.of(DELETABLE), objectIdToBytes(persistence.objectId))
  return concatBytes(header(INTENT.blobCertificate, epoch), blobIdToBytes(blobId), life)
}

/** Reads a confirmation exactly; throws MALFORMED. */
export function parseConfirmationMessage(bytes: Uint8Array): ConfirmationBody {
  const reader = new ByteReader(bytes, 'confirmation')
  const epoch = readHeader(reader, INTENT.blobCertificate)
  const blobId = blobIdFromBytes(reader.take(32))
  const persistence = readPersistence(reader)
  reader.end()
  return { epoch, blobId, persistence }
}

/** What a node signs to show that it holds the BLS key it registers. `epoch` is the current one, `address` the sender. */
export function proofOfPossessionMessage(body: {
  epoch: Epoch
  address: ObjectId
  publicKey: Uint8Array
}): Uint8Array {
  expectBytes(body.publicKey, PUBLIC_KEY_LENGTH, 'BLS public key')
  return concatBytes(
    header(INTENT.proofOfPossession, body.epoch),
    objectIdToBytes(body.address),
    body.publicKey,
  )
}

/** What a node signs when it has verified that a blob was encoded wrongly. */
export function invalidBlobMessage({ epoch, blobId }: { epoch: Epoch; blobId: BlobId }): Uint8Array {
  return concatBytes(header(INTENT.invalidBlobId, epoch), blobIdToBytes(blobId))
}

/** Reads an invalid-blob message exactly; throws MALFORMED. */
export function parseInvalidBlobMessage(bytes: Uint8Array): { epoch: Epoch; blobId: BlobId } {
  const reader = new ByteReader(bytes, 'invalid-blob message')
  const epoch = readHeader(reader, INTENT.invalidBlobId)
  const blobId = blobIdFromBytes(reader.take(32))
  reader.end()
  return { epoch, blobId }
}

/** Which challenge a node has passed. */
export interface ChallengeBody {
  epoch: Epoch
  /** of the epoch, from 0 on */
  round: number
  nodeId: ObjectId
  /** 32 bytes: what the node had committed to before the draw */
  root: Uint8Array
  /** 32 bytes: the draw, from which follows what it was asked */
  seed: Uint8Array
}

/** What a node signs when it has checked another one's proofs of a storage challenge. */
export function challengeMessage({ epoch, round, nodeId, root, seed }: ChallengeBody): Uint8Array {
  expectInteger(round, 0, MAX_ROUND, 'round')
  expectBytes(root, HASH_LENGTH, 'root of a challenge')
  expectBytes(seed, HASH_LENGTH, 'seed of a challenge')
  const start = header(CHALLENGE_PASSED, epoch, OWN_APP_ID)
  return concatBytes(start, Uint8Array.of(round), objectIdToBytes(nodeId), root, seed)
}

function header(intent: number, epoch: Epoch, appId = APP_ID): Uint8Array {
  expectInteger(epoch, 0, MAX_EPOCH, 'epoch')
  return concatBytes(Uint8Array.of(intent, VERSION, appId), u32le(epoch))
}

function readHeader(reader: ByteReader, intent: number): Epoch {
  if (reader.u8() !== intent || reader.u8() !== VERSION || reader.u8() !== APP_ID) throw reader.malformed()
  return reader.u32() as Epoch
}

function readPersistence(reader: ByteReader): Persistence {
  switch (reader.u8()) {
    case PERMANENT:
      return { kind: 'permanent' }
    case DELETABLE:
      return { kind: 'deletable', objectId: objectIdFromBytes(reader.take(32)) }
    default:
      throw reader.malformed()
  }
}
