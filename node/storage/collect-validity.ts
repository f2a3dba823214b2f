import { equalBytes } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Committee, CommitteeMember } from '../../chain/types/index.ts'
import { aggregateConfirmations, type Bls, isValidity } from '../../codec/index.ts'
import type { Certificate, Confirmation, ObjectId } from '../../codec/types.ts'
import type { PeerBook } from '../network/peer-book.ts'

export interface CollectInit {
  nodeId: ObjectId
  committee: Committee
  bls: Bls
  book: Pick<PeerBook, 'ranked'>
  clock: Pick<Clock, 'sleep'>
  /** what is to be signed: nothing else counts */
  message: Uint8Array
  /** what was signed by member index, this node's own too; those who sign are added */
  signatures: Map<number, Uint8Array>
  /** Undefined when the member does not sign. Rejects with the signal's reason only. */
  ask: (member: CommitteeMember, signal: AbortSignal) => Promise<Confirmation | undefined>
  /** The member's signature does not hold. */
  liar: (member: CommitteeMember) => void
}

/** Nodes that are asked at a time: each is sent something large. */
const PARALLEL = 8
/** One that takes longer is not counted on any more: the next one is asked as well. */
const SLOW_MS = 15_000

/** A certificate of f + 1 shards, one of which at least is correct; undefined when not so many sign. No more are asked than that takes. */
export async function collectValidity(
  init: CollectInit,
  signal: AbortSignal,
): Promise<Certificate | undefined> {
  const { nodeId, committee, book, clock, message, signatures, ask } = init
  const { nShards } = committee
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const isLeft = (member: CommitteeMember): boolean =>
    member.nodeId !== nodeId && !signatures.has(member.index)
  const left = book.ranked(committee.members.filter(isLeft))
  const asked = new Map<CommitteeMember, Promise<void>>()
  const slow = new Set<CommitteeMember>()
  const begin = (member: CommitteeMember): void => {
    const over = ask(member, either)
      .then(signed => {
        // of another epoch it counts for nothing
        if (signed !== undefined && equalBytes(signed.message, message))
          signatures.set(member.index, signed.signature)
      })
      .catch(() => undefined)
      .finally(() => asked.delete(member))
    asked.set(member, over)
  }
  const expected = (): number => {
    const quick = [...asked.keys()].filter(member => !slow.has(member))
    return weightOf(committee, [...signatures.keys(), ...quick.map(({ index }) => index)])
  }
  try {
    for (;;) {
      signal.throwIfAborted()
      if (isValidity(weightOf(committee, signatures.keys()), nShards)) {
        const before = signatures.size
        const certificate = aggregated(init)
        if (certificate !== undefined || signatures.size === before) return certificate
        continue
      }
      while (left.length > 0 && asked.size < PARALLEL && !isValidity(expected(), nShards))
        begin(left.shift()!)
      if (asked.size === 0) return undefined
      const waiting = [...asked.keys()]
      const patience = new AbortController()
      const late = clock
        .sleep(SLOW_MS, AbortSignal.any([either, patience.signal]))
        .then(() => waiting.forEach(member => void slow.add(member)))
        .catch(() => undefined)
      await Promise.race([...asked.values(), late])
      patience.abort()
    }
  } finally {
    stop.abort(new DOMException('enough have signed', 'AbortError'))
    await Promise.all(asked.values())
  }
}

/** Undefined when some do not hold, which are taken out. */
function aggregated({ committee, bls, message, signatures, liar }: CollectInit): Certificate | undefined {
  const { epoch, nShards } = committee
  const members = committee.members.map(({ blsPublicKey, shards }) => ({
    publicKey: blsPublicKey,
    weight: shards.length,
  }))
  const of = { bls, message, epoch, nShards, members, signatures, isEnough: isValidity }
  const { certificate, bad } = aggregateConfirmations(of)
  for (const index of bad) {
    signatures.delete(index)
    liar(committee.members[index]!)
  }
  return certificate
}

const weightOf = ({ members }: Committee, indices: Iterable<number>): number =>
  [...new Set(indices)].reduce((sum, index) => sum + members[index]!.shards.length, 0)
