/**
 * peers: where peers are, by their own signed word. A stream carries one request after another; each PeersRequest has one
 * PeersAnswer. Records prove themselves, so that anybody may pass them on.
 */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { type BcsType, bcs } from '@mysten/bcs'
import { ADDRESS_RECORD } from '../specs.ts'
import { list, type Message, message, plain, reply, WireBytes } from '../wire.ts'

/** PeerIds in one request. */
export const MAX_ASKED_PEERS = 256

const KEY_BYTES = 32

/** A PeerId as text in code, and on the wire the 32 bytes of its Ed25519 key, which all peers of a network have. */
const WirePeerId: BcsType<string, string> = bcs.bytes(KEY_BYTES).transform<string, string>({
  input(text) {
    const { publicKey } = peerIdFromString(text)
    if (publicKey?.type !== 'Ed25519') throw new RangeError(`no PeerId of an Ed25519 key: ${text}`)
    return publicKey.raw
  },
  output: bytes => peerIdFromPublicKey(publicKeyFromRaw(bytes)).toString(),
})

/** Which peers are looked for: PeerIds as text. */
export const PeersRequest: Message<string[]> = message('PeersRequest', list(WirePeerId, MAX_ASKED_PEERS))

/** A libp2p RecordEnvelope with a PeerRecord; its contents are not looked at here. */
const WireRecord: BcsType<Uint8Array, Uint8Array> = WireBytes.transform<Uint8Array, Uint8Array>({
  input: record => record,
  output(record) {
    if (record.length > ADDRESS_RECORD.maxBytes) throw new RangeError('a record that is too long')
    return record
  },
})

/** Those of the records asked for that the peer has, in any order. */
export const PeersAnswer: Message<readonly Uint8Array[]> = reply(
  'PeersAnswer',
  plain<readonly Uint8Array[]>(list(WireRecord, MAX_ASKED_PEERS)),
)

/** What a message on the gossip topic is: one record, of who publishes it. */
export const AddressMessage: Message<Uint8Array> = message('AddressMessage', WireRecord)
