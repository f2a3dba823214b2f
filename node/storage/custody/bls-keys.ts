import type { Log } from '../../../base/log.ts'
import type { Committee } from '../../../chain/types/index.ts'
import type { Bls } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { dropOldKey, promoteNextKey, readRotatedKeys } from '../../keys.ts'
import { type CommitteeTracker, memberOf } from '../../network/committees.ts'

export interface BlsKeysInit {
  bls: Pick<Bls, 'publicKey'>
  nodeId: ObjectId
  committees: Pick<CommitteeTracker, 'latest'>
  /** `folder`: where the next key and the one before are, if there are; nowhere when absent */
  keys: { blsSecret: Uint8Array; folder?: string }
  log: Log
}

/** The keys that a node signs with: while one is replaced, two. */
export interface BlsKeys {
  /** With which the committee of an epoch verifies; undefined when the node has no such key, or no such committee is known. */
  secretFor(epoch: Epoch): Uint8Array | undefined
  all(): readonly Uint8Array[]
  /**
   * Looks which keys there are, and which one is in office: the next one becomes the node's own then, and the one before is kept
   * for an epoch. Whenever committees change; never rejects.
   */
  settle(): Promise<void>
}

export async function openBlsKeys({ bls, nodeId, committees, keys, log }: BlsKeysInit): Promise<BlsKeys> {
  const { folder } = keys
  const publicKeys = new Map<Uint8Array, Uint8Array>()
  let own = keys.blsSecret
  let next: Uint8Array | undefined
  let old: Uint8Array | undefined

  const all = (): Uint8Array[] => [own, next, old].filter(secret => secret !== undefined)
  const publicOf = (secret: Uint8Array): Uint8Array => {
    const known = publicKeys.get(secret) ?? bls.publicKey(secret)
    publicKeys.set(secret, known)
    return known
  }
  const isOf = (secret: Uint8Array | undefined, publicKey: Uint8Array | undefined): boolean =>
    secret !== undefined && publicKey !== undefined && Buffer.compare(publicOf(secret), publicKey) === 0
  const keyIn = (committee: Committee | undefined): Uint8Array | undefined =>
    committee && memberOf(committee, nodeId)?.blsPublicKey

  async function read(): Promise<void> {
    if (folder === undefined) return
    const found = await readRotatedKeys(folder, 'bls')
    publicKeys.clear()
    next = found.next
    old = found.old
  }
  async function settle(): Promise<void> {
    if (folder === undefined) return
    await read()
    const { current, previous } = committees.latest() ?? {}
    const inOffice = keyIn(current)
    if (next !== undefined && isOf(next, inOffice)) {
      await promoteNextKey(folder, 'bls')
      own = next
      await read()
      log.info({ epoch: current?.epoch }, 'the node signs with its new BLS key')
    } else if (old !== undefined && previous?.keysUncertain !== true) {
      const isOver = isOf(own, inOffice) && isOf(own, keyIn(previous))
      if (!isOver) return
      await dropOldKey(folder, 'bls')
      old = undefined
    }
  }

  await read()
  return {
    all,
    secretFor(epoch) {
      const { current, previous, next: coming } = committees.latest() ?? {}
      const key = keyIn([current, previous, coming].find(one => one?.epoch === epoch))
      return all().find(secret => isOf(secret, key))
    },
    settle: () => settle().catch(err => log.warn({ err }, 'the BLS keys could not be looked after')),
  }
}
