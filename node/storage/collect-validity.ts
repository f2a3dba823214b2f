import { equalBytes } from '../../base/bytes.ts'
import type { Committee, CommitteeMember } from '../../chain/types/index.ts'
import { aggregateConfirmations, type Bls, isValidity } from '../../codec/index.ts'
import type { Certificate, Confirmation, ObjectId } from '../../codec/types.ts'
import type { PeerBook } from '../network/peer-book.ts'

export interface CollectInit {
  nodeId: ObjectId
  committee: Committee
  bls: Bls
  book: Pick<PeerBook, 'ranked'>
  /** what is to be signed: nothing else counts */
  message: Uint8Array
  /** this node's own signature; none where it is no member */
  own: Uint8Array | undefined
  /** Undefined when the member does not sign. Rejects with the signal's reason only. */
  ask: (member: CommitteeMember) => Promise<Confirmation | undefined>
  /** The member's signature does not hold. */
  liar: (member: CommitteeMember) => void
}

/** Nodes that are asked at a time: each is sent something large. */
const PARALLEL = 8

/** A certificate of f + 1 shards, one of which at least is correct; undefined when not so many sign. No more are asked than that takes. */
export async function collectValidity(
  { nodeId, committee, bls, book, message, own, ask, liar }: CollectInit,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  const { epoch, nShards } = committee
  const signatures = new Map<number, Uint8Array>()
  const self = committee.members.find(member => member.nodeId === nodeId)
  if (self !== undefined && own !== undefined) signatures.set(self.index, own)
  const members = committee.members.map(({ blsPublicKey, shards }) => ({
    publicKey: blsPublicKey,
    weight: shards.length,
  }))
  const left = book.ranked(committee.members.filter(member => member !== self))
  for (;;) {
    signal.throwIfAborted()
    const weight = weightOf(committee, signatures.keys())
    if (isValidity(weight, nShards)) {
      const of = { bls, message, epoch, nShards, members, signatures, isEnough: isValidity }
      const { certificate, bad } = aggregateConfirmations(of)
      if (certificate !== undefined) return certificate
      for (const index of bad) {
        signatures.delete(index)
        liar(committee.members[index]!)
      }
      if (bad.length > 0) continue
    }
    const asked = takeEnough(left, weight, nShards)
    if (asked.length === 0) return undefined
    await Promise.all(
      asked.map(async member => {
        const signed = await ask(member)
        // of another epoch it counts for nothing
        if (signed !== undefined && equalBytes(signed.message, message))
          signatures.set(member.index, signed.signature)
      }),
    )
  }
}

const weightOf = ({ members }: Committee, indices: Iterable<number>): number =>
  [...indices].reduce((sum, index) => sum + members[index]!.shards.length, 0)

/** Takes the first ones that together with what is there weigh enough, 8 at most. */
function takeEnough(left: CommitteeMember[], weight: number, nShards: number): CommitteeMember[] {
  const taken: CommitteeMember[] = []
  let sum = weight
  while (left.length > 0 && taken.length < PARALLEL && !isValidity(sum, nShards)) {
    const member = left.shift()!
    taken.push(member)
    sum += member.shards.length
  }
  return taken
}
