import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { Coordinator, NetworkConfig } from '../../chain/types/index.ts'
import type { PeerAddress } from '../../protocols/index.ts'
import { createCommitteeTracker } from '../network/committees.ts'
import { createMemberIndex } from '../network/member-index.ts'
import { createPeerBook } from '../network/peer-book.ts'
import { peerIdTextOf } from '../network/peer-id.ts'

/** Who the members of a relay's network are. */
export interface RelayMembers {
  isMember(peer: string): boolean
  /** True of everyone before the chain has answered. */
  mayBeMember(peer: string): boolean
  /** of the current committee, where the chain and the network's file say that they are */
  addresses(): readonly PeerAddress[]
  close(): Promise<void>
}

export interface FollowMembersInit {
  /** shared with others in the process; a given one is not closed */
  coordinator?: Coordinator
  log: Log
  clock: Clock
  random: () => number
}

/** How often the committee is looked at. */
const MEMBERS_MS = 60_000

/** Asks the chain again and again: one that does not answer leaves what was known. */
export function followMembers(
  network: NetworkConfig,
  { log, clock, random, ...given }: FollowMembersInit,
): RelayMembers {
  const coordinator = given.coordinator ?? createCoordinator(network, { log, clock })
  const committees = createCommitteeTracker(coordinator)
  const index = createMemberIndex()
  const book = createPeerBook({ network, peerIdOf: peerIdTextOf, clock, random })
  const ask = () => {
    committees.get().catch(err => log.warn({ err }, 'the members are not known'))
  }
  ask()
  const asking = clock.every(MEMBERS_MS, ask)
  const isMember = (peer: string): boolean => index.of(committees.latest(), peer) !== undefined
  return {
    isMember,
    mayBeMember: peer => committees.latest() === undefined || isMember(peer),
    addresses() {
      const members = committees.latest()?.current.members ?? []
      // one whose key is none is nowhere
      return members.map(member => book.address(member)).filter(({ peerId }) => isMember(peerId))
    },
    async close() {
      asking.stop()
      if (given.coordinator === undefined) await coordinator.close()
    },
  }
}
