import type { Committee, CommitteeMember, Committees } from '../../chain/types/index.ts'
import { peerIdTextOf } from './peer-id.ts'

/** Tells which member a peer is. */
export interface MemberIndex {
  /** By its network key, in the current, the next or the previous committee; undefined of a stranger. */
  of(known: Committees | undefined, peer: string): CommitteeMember | undefined
  /** PeerIds of the current committee; none before it is known. */
  currentOf(known: Committees | undefined): string[]
}

/** PeerIds are derived once for each committee as it was read: a derivation takes a tenth of a millisecond, and there may be a thousand. */
export function createMemberIndex(): MemberIndex {
  const peersOf = new WeakMap<Committee, ReadonlyMap<string, CommitteeMember>>()
  const peersIn = (committee: Committee): ReadonlyMap<string, CommitteeMember> => {
    const known = peersOf.get(committee)
    if (known !== undefined) return known
    const peers = new Map<string, CommitteeMember>()
    for (const member of committee.members) {
      const peer = peerIdTextOf(member.networkPublicKey)
      // of members with one key, which the chain does not refuse, the first
      if (peer !== undefined && !peers.has(peer)) peers.set(peer, member)
    }
    peersOf.set(committee, peers)
    return peers
  }
  return {
    of(known, peer) {
      if (known === undefined) return undefined
      for (const committee of [known.current, known.next, known.previous]) {
        const member = committee && peersIn(committee).get(peer)
        if (member !== undefined) return member
      }
      return undefined
    },
    currentOf: known => (known === undefined ? [] : [...peersIn(known.current).keys()]),
  }
}
