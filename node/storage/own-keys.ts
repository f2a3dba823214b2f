import type { ChainReader, Committee, RegisteredKeys } from '../../chain/types.ts'
import type { Bls } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { KeyError } from '../keys.ts'
import { memberOf } from '../network/committees.ts'
import { networkPublicKeyFromSeed } from '../network/peer-id.ts'

export interface OwnKeysInput {
  chain: Pick<ChainReader, 'nodeKeys'>
  bls: Pick<Bls, 'publicKey'>
  nodeId: ObjectId
  committee: Committee
  keys: { blsSecret: Uint8Array; networkSeed: Uint8Array; folder?: string }
}

/**
 * Compares a node's keys with its record on chain: with another BLS key it would sign what nobody can verify, with another
 * network key nobody would find it. Throws KeyError KEY_MISMATCH, which names the file, or NODE_UNKNOWN.
 */
export async function expectOwnKeys({ chain, bls, nodeId, committee, keys }: OwnKeysInput): Promise<void> {
  const record = await chain.nodeKeys(nodeId)
  const { folder = 'keys' } = keys
  if (record === undefined) {
    throw new KeyError(
      'NODE_UNKNOWN',
      `the chain has no node ${nodeId}: the node's config.json is of another network, or damaged`,
      folder,
    )
  }
  const network = await networkPublicKeyFromSeed(keys.networkSeed)
  if (!same(network, record.networkPublicKey)) {
    throw mismatch('network.key', folder, nodeId, record.networkPublicKey, network, 'set_network_public_key')
  }
  const own = bls.publicKey(keys.blsSecret)
  const inOffice = memberOf(committee, nodeId)?.blsPublicKey
  if (!isSigningKey(own, record, inOffice)) {
    throw mismatch('bls.key', folder, nodeId, inOffice ?? record.blsPublicKey, own, 'set_next_public_key')
  }
}

/** In office, only the key counts with which the committee verifies; before, the one that will. */
function isSigningKey(
  own: Uint8Array,
  { blsPublicKey, nextBlsPublicKey = blsPublicKey }: RegisteredKeys,
  inOffice: Uint8Array | undefined,
): boolean {
  return inOffice === undefined ? same(own, blsPublicKey) || same(own, nextBlsPublicKey) : same(own, inOffice)
}

function mismatch(
  file: string,
  folder: string,
  nodeId: ObjectId,
  registered: Uint8Array,
  own: Uint8Array,
  call: string,
): KeyError {
  const path = `${folder}/${file}`
  return new KeyError(
    'KEY_MISMATCH',
    `${path} is not the key that the chain has for node ${nodeId}: its public key is ${hex(own)}, the chain's ${hex(registered)}; ` +
      `put the right file back from a backup, or register this key on chain (storage_node ${call})`,
    path,
  )
}

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
