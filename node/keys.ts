import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateWalletKey, keypairWallet } from '../chain/index.ts'
import type { Wallet } from '../chain/types/index.ts'
import type { Bls } from '../codec/index.ts'
import { loadBls } from '../codec/node.ts'
import { networkPublicKeyFromSeed } from './network/peer-id.ts'
import { KeyError, loadHex, loadOrCreate, readSecret, writeSecret } from './secret-file.ts'

/** A node's three keys. They are separate: one that leaks does not give away the others. */
export interface NodeKeys {
  /** signs transactions */
  wallet: Wallet
  /** signs confirmations; made for one network, never used in another */
  blsSecret: Uint8Array
  /** Ed25519 seed of the libp2p identity */
  networkSeed: Uint8Array
  /** 33 bytes as the chain has them */
  networkPublicKey: Uint8Array
  /** where they are kept */
  folder: string
}

/**
 * Reads `sui.key`, `bls.key` and `network.key` of a folder, and makes those that are not there if it may. Files are of mode
 * 0600; throws KEY_EXPOSED when others may read one, KEY_MALFORMED when one holds no key, KEY_MISSING.
 */
export async function loadNodeKeys(folder: string, mayCreate = true): Promise<NodeKeys> {
  const bls = await loadBls()
  const [wallet, blsSecret, networkSeed] = await Promise.all([
    loadWallet(join(folder, 'sui.key'), mayCreate),
    loadHex(join(folder, 'bls.key'), mayCreate, () => bls.generateSecret()),
    loadHex(join(folder, 'network.key'), mayCreate),
  ])
  const networkPublicKey = await networkPublicKeyFromSeed(networkSeed)
  return { wallet, blsSecret, networkSeed, networkPublicKey, folder }
}

/** The keys that a running node may replace: KIND.next.key is announced and not in office yet, KIND.old.key was before KIND.key. */
export type RotatedKind = 'bls' | 'network'

/** The keys beside the one of `loadNodeKeys`, while it is replaced. Throws as that does. */
export async function readRotatedKeys(
  folder: string,
  kind: RotatedKind,
): Promise<{ next?: Uint8Array; old?: Uint8Array }> {
  const read = async (which: string): Promise<Uint8Array | undefined> => {
    try {
      return await loadHex(join(folder, `${kind}.${which}.key`), false)
    } catch (error) {
      if (error instanceof KeyError && error.code === 'KEY_MISSING') return undefined
      throw error
    }
  }
  return { next: await read('next'), old: await read('old') }
}

/** The key that replaces KIND.key once others know it; one that is there stays. */
export function makeNextBlsKey(folder: string, bls: Bls): Promise<Uint8Array> {
  return loadHex(join(folder, 'bls.next.key'), true, () => bls.generateSecret())
}

/** The same of the network; the caller has noted where it is to listen. */
export function makeNextNetworkKey(folder: string): Promise<Uint8Array> {
  return loadHex(join(folder, 'network.next.key'), true)
}

/** The network key of a folder, which may be another by now than at the node's start. */
export function readNetworkSeed(folder: string): Promise<Uint8Array> {
  return loadHex(join(folder, 'network.key'), false)
}

/** The next key becomes KIND.key, and that the old one. Cut short, it is done again: no key is gone in between. */
export async function promoteNextKey(folder: string, kind: RotatedKind): Promise<void> {
  const path = (which = ''): string => join(folder, `${kind}${which}.key`)
  const [own, next] = await Promise.all([readSecret(path()), readSecret(path('.next'))])
  if (own !== next) {
    await writeSecret(path('.old'), own)
    await writeSecret(path(), next)
  }
  await rm(path('.next'), { force: true })
}

export async function dropOldKey(folder: string, kind: RotatedKind): Promise<void> {
  await rm(join(folder, `${kind}.old.key`), { force: true })
}

/** A Sui key in its text form, one line; made when the file is not there and may be. */
export async function loadWallet(path: string, mayCreate = true): Promise<Wallet> {
  const text = await loadOrCreate(path, mayCreate, generateWalletKey)
  try {
    return keypairWallet(text)
  } catch {
    // no cause: it might quote the text
    throw new KeyError('KEY_MALFORMED', `${path} holds no Sui private key`, path)
  }
}
