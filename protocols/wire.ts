/** The shapes that all protocols share. Every message is a BCS enum that begins with V1. */
import { BcsType, bcs } from '@mysten/bcs'
import {
  blobIdFromBytes,
  blobIdToBytes,
  decodeExact,
  objectIdFromBytes,
  objectIdToBytes,
} from '../codec/index.ts'
import type {
  Axis,
  BlobId,
  BlobMetadata,
  Certificate,
  Epoch,
  ObjectId,
  SliverPairIndex,
  SliverRef,
} from '../codec/types.ts'
import { errorFromWire, errorToWire, ProtocolError, type WireErrorFields } from './errors.ts'

/** One versioned message: `enum { V1(T) }` on the wire, T in code. */
export interface Message<T> {
  encode(value: T): Uint8Array
  /** Throws MALFORMED unless the bytes are the one encoding of a message. */
  decode(bytes: Uint8Array): T
}

export function message<T>(name: string, v1: BcsType<T, T>): Message<T> {
  const type = bcs.enum(name, { V1: v1 }) as BcsType<{ V1: T }, { V1: T }>
  return {
    encode: value => type.serialize({ V1: value }).toBytes(),
    decode(bytes) {
      try {
        return decodeExact(type, bytes).V1
      } catch (cause) {
        throw new ProtocolError('MALFORMED', { cause })
      }
    },
  }
}

/** One type for both ways: what bcs infers for input is wider than what comes out, and decoding must give the same back. */
export function plain<T>(type: { parse(bytes: Uint8Array): T }): BcsType<T, T> {
  return type as unknown as BcsType<T, T>
}

/**
 * A list with a limit. `bcs.vector` makes an array of the declared length before it reads a single element, so that a few
 * bytes from a peer could take hundreds of MiB.
 */
export function list<T>(type: BcsType<T, T>, maxLength: number): BcsType<T[], T[]> {
  return new BcsType<T[], T[]>({
    name: `vector<${type.name}>`,
    read(reader) {
      const length = reader.readULEB()
      if (length > maxLength) throw new RangeError(`a list of ${length}, at most ${maxLength} are allowed`)
      return Array.from({ length }, () => type.read(reader))
    },
    write(values, writer) {
      writer.writeULEB(values.length)
      for (const value of values) type.write(value, writer)
    },
  })
}

/** no code has more than four arguments; the rest is room for later ones */
const MAX_ARGS = 16

const WireError: BcsType<WireErrorFields, WireErrorFields> = plain(
  bcs.struct('Error', { code: bcs.u16(), retryAfterMs: bcs.u32(), args: list(bcs.string(), MAX_ARGS) }),
)

type Outcome<T> = { Ok: T } | { Error: WireErrorFields }

function outcome<T>(name: string, ok: BcsType<T, T>): Message<Outcome<T>> {
  return message(name, bcs.enum(`${name}V1`, { Ok: ok, Error: WireError }) as BcsType<Outcome<T>, Outcome<T>>)
}

/** A response: what was asked for, or an error, which `decode` throws as the peer's ProtocolError (`remote`). */
export function reply<T>(name: string, ok: BcsType<T, T>): Message<T> {
  const type = outcome(name, ok)
  return {
    encode: value => type.encode({ Ok: value }),
    decode(bytes) {
      const value = type.decode(bytes)
      if ('Error' in value) throw errorFromWire(value.Error)
      return value.Ok
    },
  }
}

/** Errors come second in every reply, so that one encoding stands for all of them. */
const AnyReply = outcome<boolean>('AnyReply', bcs.bool())

export function encodeError(error: ProtocolError): Uint8Array {
  return AnyReply.encode({ Error: errorToWire(error) })
}

/** u64 for what is a safe integer here. */
export const WireSize: BcsType<number, number> = bcs.u64().transform<number, number>({
  input: value => BigInt(value),
  output(text) {
    const value = Number(text)
    if (!Number.isSafeInteger(value)) throw new RangeError('a size beyond 2^53')
    return value
  },
})

const BLOB_ID_BYTES = 32

/** By hand, as the references below: requests name hundreds of both. */
export const WireBlobId = new BcsType<BlobId, BlobId>({
  name: 'BlobId',
  serializedSize: () => BLOB_ID_BYTES,
  read: reader => blobIdFromBytes(reader.readBytes(BLOB_ID_BYTES)),
  write: (id, writer) => {
    writer.writeBytes(blobIdToBytes(id))
  },
})

export const WireObjectId: BcsType<ObjectId, ObjectId> = bcs.bytes(32).transform<ObjectId, ObjectId>({
  input: id => objectIdToBytes(id),
  output: bytes => objectIdFromBytes(bytes),
})

/** The axes as an enum has them. */
export const AXES = ['primary', 'secondary'] as const

export const WireAxis = new BcsType<Axis, Axis>({
  name: 'Axis',
  serializedSize: () => 1,
  read(reader) {
    const axis = AXES[reader.read8()]
    if (axis === undefined) throw new RangeError('neither axis')
    return axis
  },
  write: (axis, writer) => void writer.write8(AXES.indexOf(axis)),
})

export const WireSliverRef = new BcsType<SliverRef, SliverRef>({
  name: 'SliverRef',
  serializedSize: () => 3,
  read(reader) {
    const pair = reader.read16() as SliverPairIndex
    const axis = AXES[reader.read8()]
    if (axis === undefined) throw new RangeError('neither axis')
    return { pair, axis }
  },
  write({ pair, axis }, writer) {
    writer.write16(pair)
    writer.write8(AXES.indexOf(axis))
  },
  validate({ pair }) {
    if (!Number.isInteger(pair) || pair < 0 || pair > 0xffff) throw new RangeError(`no sliver pair: ${pair}`)
  },
})

export interface Hello {
  /** system object ID */
  network: ObjectId
}

const HelloV1 = plain<Hello>(bcs.struct('HelloV1', { network: WireObjectId }))
/** First frame of the side that opened the stream. */
export const ClientHello: Message<Hello> = message('ClientHello', HelloV1)
/** First frame of the side that answers. */
export const ServerHello: Message<Hello> = reply('ServerHello', HelloV1)

export const WireBytes: BcsType<Uint8Array, Uint8Array> = plain(bcs.byteVector())

/** of BLS */
export const WireSignature: BcsType<Uint8Array, Uint8Array> = plain(bcs.bytes(96))

/** members and shards are numbered by u16 */
export const MAX_U16 = 65_536

export const WireEpoch: BcsType<Epoch, Epoch> = bcs
  .u32()
  .transform<Epoch, Epoch>({ input: epoch => epoch, output: epoch => epoch as Epoch })

export const WireCertificate: BcsType<Certificate, Certificate> = plain<Certificate>(
  bcs.struct('Certificate', {
    epoch: WireEpoch,
    signers: list(bcs.u16(), MAX_U16),
    message: WireBytes,
    signature: WireSignature,
  }),
)

/** Hash of the primary and of the secondary sliver of one pair. */
const PAIR_HASHES = 64

/** Metadata in Floe's own compact form: the number of shards is the number of hash pairs. */
export const WireMetadata: BcsType<BlobMetadata, BlobMetadata> = bcs
  .struct('BlobMetadata', { blobId: WireBlobId, unencodedLength: WireSize, hashes: WireBytes })
  .transform<BlobMetadata, BlobMetadata>({
    input: ({ blobId, unencodedLength, hashes }) => ({ blobId, unencodedLength, hashes }),
    output({ blobId, unencodedLength, hashes }) {
      const nShards = hashes.length / PAIR_HASHES
      if (!Number.isInteger(nShards) || nShards === 0) throw new RangeError('hashes are not whole pairs')
      return { blobId, encodingType: 'RS2', unencodedLength, nShards, hashes }
    },
  })
