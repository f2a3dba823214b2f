import type { ChainReader, Committee, RegisteredKeys } from '../../chain/types/index.ts'
import type { Bls } from '../../codec/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { memberOf } from '../network/committees.ts'
import { networkPublicKeyFromSeed } from '../network/peer-id.ts'
import { KeyError } from '../wallet-file.ts'

export interface OwnKeysInput {
  chain: Pick<ChainReader, 'nodeKeys'>
  bls: Pick<Bls, 'publicKey'>
  nodeId: ObjectId
  committee: Committee
  keys: { blsSecret: Uint8Array; networkSeed: Uint8Array; folder?: string }
  /** all BLS keys that there are, while one is replaced; the one of `keys` when absent */
  blsSecrets?: readonly Uint8Array[]
  /** the same of the network */
  networkSeeds?: readonly Uint8Array[]
}

/**
 * Compares a node's keys with its record on chain: with another BLS key it would sign what nobody can verify, with another
 * network key nobody would find it. Throws KeyError KEY_MISMATCH, which names the file, or NODE_UNKNOWN.
 */
export async function expectOwnKeys(input: OwnKeysInput): Promise<void> {
  const {
    chain,
    bls,
    nodeId,
    committee,
    keys,
    blsSecrets = [keys.blsSecret],
    networkSeeds = [keys.networkSeed],
  } = input
  const record = await chain.nodeKeys(nodeId)
  const { folder = 'keys' } = keys
  if (record === undefined) {
    throw new KeyError(
      'NODE_UNKNOWN',
      `the chain has no node ${nodeId}: the node's config.json is of another network, or damaged`,
      folder,
    )
  }
  const networks = await Promise.all(networkSeeds.map(networkPublicKeyFromSeed))
  const { networkPublicKey } = record
  if (!networks.some(network => same(network, networkPublicKey))) {
    throw mismatch('network.key', folder, nodeId, networkPublicKey, networks[0]!, 'set_network_public_key')
  }
  const own = bls.publicKey(keys.blsSecret)
  const inOffice = memberOf(committee, nodeId)?.blsPublicKey
  const isAny = blsSecrets.some(secret => isSigningKey(bls.publicKey(secret), record, inOffice))
  if (!isAny) {
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
