import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id'
import { type BcsType, bcs } from '@mysten/bcs'

const KEY_BYTES = 32

/** A PeerId as text in code, and on the wire the 32 bytes of its Ed25519 key, which all peers of a network have. */
export const WirePeerId: BcsType<string, string> = bcs.bytes(KEY_BYTES).transform<string, string>({
  input(text) {
    const { publicKey } = peerIdFromString(text)
    if (publicKey?.type !== 'Ed25519') throw new RangeError(`no PeerId of an Ed25519 key: ${text}`)
    return publicKey.raw
  },
  output: bytes => peerIdFromPublicKey(publicKeyFromRaw(bytes)).toString(),
})
