import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'

/** Sui's flag of an Ed25519 key, which the chain's network public keys begin with. */
const ED25519_FLAG = 0x00
const KEY_BYTES = 32

/** The PeerId of a node's network public key as the chain has it: 0x00 and 32 bytes. Throws a RangeError otherwise. */
export function peerIdFromNetworkKey(networkPublicKey: Uint8Array): PeerId {
  if (networkPublicKey.length !== 1 + KEY_BYTES || networkPublicKey[0] !== ED25519_FLAG) {
    throw new RangeError('a network public key is 0x00 and the 32 bytes of an Ed25519 key')
  }
  return peerIdFromPublicKey(publicKeyFromRaw(networkPublicKey.subarray(1)))
}

/**
 * The same as text; undefined when the bytes are no such key. The contract checks no more than their number, and what one
 * member has put on chain must not keep anybody from dealing with the others.
 */
export function peerIdTextOf(networkPublicKey: Uint8Array): string | undefined {
  try {
    return peerIdFromNetworkKey(networkPublicKey).toString()
  } catch {
    return undefined
  }
}

/** The network key pair of a 32-byte seed. */
export function networkKeyFromSeed(seed: Uint8Array): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', seed)
}

/** The network public key of a seed as the chain has it: 33 bytes. */
export async function networkPublicKeyFromSeed(seed: Uint8Array): Promise<Uint8Array> {
  const { publicKey } = await networkKeyFromSeed(seed)
  return Uint8Array.from([ED25519_FLAG, ...publicKey.raw])
}
