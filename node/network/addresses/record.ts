import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { equalBytes } from '../../../base/bytes.ts'
import { ADDRESS_RECORD } from '../../../protocols/index.ts'
import { pathKind } from '../paths/path-kind.ts'

/** Where a peer says that it is. */
export interface AddressRecord {
  /** PeerId as text, of the key that signed it */
  readonly peerId: string
  /** ms since 1970 when it was signed, or one more than the record before */
  readonly sequence: number
  readonly multiaddrs: readonly string[]
  /** the signed envelope */
  readonly bytes: Uint8Array
}

/** What was wrong with a record. */
export type RecordProblem = 'size' | 'malformed' | 'signer' | 'future' | 'expired' | 'address' | 'signature'

export interface RecordRules {
  /** ms since 1970 */
  now: number
  /** whether the network is in private addresses; elsewhere they lead to somebody else */
  isPrivate: boolean
}

/** Signs a record: the addresses, at most 16, with this sequence number. Throws a RangeError when it is longer than 2 KiB. */
export async function sealRecord(
  privateKey: PrivateKey,
  multiaddrs: readonly string[],
  sequence: number,
): Promise<AddressRecord> {
  const peerId = peerIdFromPrivateKey(privateKey)
  const record = new PeerRecord({
    peerId,
    multiaddrs: multiaddrs.map(text => multiaddr(text)),
    seqNumber: BigInt(sequence),
  })
  const bytes = (await RecordEnvelope.seal(record, privateKey)).marshal()
  if (bytes.length > ADDRESS_RECORD.maxBytes)
    throw new RangeError(`an address record of ${bytes.length} bytes`)
  return { peerId: peerId.toString(), sequence, multiaddrs, bytes }
}

/** A record that was read, and whose signature is still to be checked: that costs more than all the rest. */
export interface UnverifiedRecord extends AddressRecord {
  isSigned(): Promise<boolean>
}

/** Reads a record, or says why it is none that may be kept. Only the one encoding of each is taken. */
export function readRecord(bytes: Uint8Array, rules: RecordRules): UnverifiedRecord | RecordProblem {
  if (bytes.length > ADDRESS_RECORD.maxBytes) return 'size'
  const read = decode(bytes)
  if (read === undefined) return 'malformed'
  const { envelope, record } = read
  const { peerId, multiaddrs, seqNumber } = record
  if (envelope.publicKey.type !== 'Ed25519' || !peerId.publicKey?.equals(envelope.publicKey)) return 'signer'
  // both are ms since 1970
  if (seqNumber > BigInt(rules.now + ADDRESS_RECORD.maxAheadMs)) return 'future'
  if (seqNumber <= BigInt(rules.now - ADDRESS_RECORD.holdsMs)) return 'expired'
  const own = peerId.toString()
  if (multiaddrs.length > ADDRESS_RECORD.maxAddresses) return 'address'
  if (!multiaddrs.every(address => mayBeTold(address, own, rules.isPrivate))) return 'address'
  return {
    peerId: own,
    sequence: Number(seqNumber),
    multiaddrs: multiaddrs.map(String),
    bytes,
    isSigned: async () => await envelope.validate(PeerRecord.DOMAIN),
  }
}

/** Whether a peer may say of itself that it is there: somewhere that others can dial, and not as somebody else. */
export function mayBeTold(address: Multiaddr, own: string, isPrivate: boolean): boolean {
  const { scope } = pathKind(address)
  // stands for whole addresses, of whomever its owner likes
  if (address.getComponents()[0]?.name === 'dnsaddr') return false
  const isNear = scope === 'private' || scope === 'loopback'
  if (isNear ? !isPrivate : scope !== 'public') return false
  const last = address.getComponents().at(-1)
  return last?.name !== 'p2p' || last.value === own
}

function decode(bytes: Uint8Array): { envelope: RecordEnvelope; record: PeerRecord } | undefined {
  try {
    const envelope = RecordEnvelope.createFromProtobuf(bytes)
    if (!equalBytes(envelope.payloadType, PeerRecord.CODEC)) return undefined
    const payload = envelope.payload.subarray()
    const record = PeerRecord.createFromProtobuf(payload)
    const isExact = equalBytes(envelope.marshal(), bytes) && equalBytes(record.marshal(), payload)
    return isExact ? { envelope, record } : undefined
  } catch {
    return undefined
  }
}
