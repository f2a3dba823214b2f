import { Background } from '../../base/background.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { Notify } from '../../base/notify.ts'
import { MAX_ASKED_PEERS, type PeerAddress, type PeerClient, peerDeadline } from '../../protocols/index.ts'
import type { AddressBook } from '../network/addresses/book.ts'

export interface MemberRecordsInit {
  book: Pick<AddressBook, 'learn' | 'get' | 'addresses'>
  peers: Pick<PeerClient, 'peers'>
  /** of the current committee */
  members(): readonly PeerAddress[]
  isConnected(peerId: string): boolean
  clock: Clock
  /** 0 to 1 */
  random: () => number
  log: Pick<Log, 'debug'>
}

/** Asks members for the signed records of all of them, again and again: one that has moved has told the others by gossip. */
export interface MemberRecords {
  start(): void
  /** There is a connection to a member that was not there before. */
  memberCame(): void
  stop(): Promise<void>
}

/** Members asked in a round: one may know little, or keep it to itself. */
const ASKED = 3
const ANSWER_MS = 10_000
/** A member that has moved is found where it is after this; three answers of 100 members' records are some 100 KiB. */
const AGAIN_MS = 60_000
/** while records are missing, doubled up to the longest */
const FIRST_MS = 5_000
/** between two rounds, however many members come */
const LEAST_MS = 2_000

export function createMemberRecords(init: MemberRecordsInit): MemberRecords {
  const { book, peers, members, isConnected, clock, random, log } = init
  const background = new Background(run)
  const changes = new Notify()

  async function run(signal: AbortSignal): Promise<void> {
    let pauseMs = FIRST_MS
    while (!signal.aborted) {
      const asked = await round(signal)
      const known = members()
      const isWhole = known.length > 0 && known.every(({ peerId }) => book.get(peerId) !== undefined)
      const timer = clock.after(isWhole ? AGAIN_MS : pauseMs, () => changes.notify(), { background: true })
      pauseMs = isWhole ? FIRST_MS : Math.min(2 * pauseMs, AGAIN_MS)
      if (asked > 0) await clock.sleep(LEAST_MS, signal).catch(() => undefined)
      await changes.wait(signal).catch(() => undefined)
      timer.stop()
    }
  }

  /** Resolves with how many were asked. */
  async function round(signal: AbortSignal): Promise<number> {
    const ids = members().map(({ peerId }) => peerId)
    const some = chosen()
    await Promise.all(
      some.map(member =>
        ask(member, ids, signal).catch(err => {
          if (!signal.aborted)
            log.debug({ peer: member.peerId, err }, 'a member did not tell where members are')
        }),
      ),
    )
    return some.length
  }

  /** Those that are here first: a connection for this alone stays open as long as the member lets it. */
  function chosen(): PeerAddress[] {
    return members()
      .map(member => ({ member, isHere: isConnected(member.peerId), order: random() }))
      .filter(
        ({ member, isHere }) =>
          isHere || member.multiaddrs.length > 0 || book.addresses(member.peerId).length > 0,
      )
      .sort((a, b) => Number(b.isHere) - Number(a.isHere) || a.order - b.order)
      .slice(0, ASKED)
      .map(({ member }) => member)
  }

  async function ask(member: PeerAddress, ids: readonly string[], signal: AbortSignal): Promise<void> {
    for (let at = 0; at < ids.length; at += MAX_ASKED_PEERS) {
      const page = ids.slice(at, at + MAX_ASKED_PEERS)
      using limit = peerDeadline(clock, ANSWER_MS, signal)
      const asked = new Set(page)
      for (const record of await peers.peers(member, page, { signal: limit.signal })) {
        const learned = await book.learn(record, asked)
        if (typeof learned === 'object')
          log.debug({ peer: member.peerId, ...learned }, 'an address record was refused')
      }
    }
  }

  return {
    start: () => background.start(),
    memberCame: () => changes.notify(),
    stop: () => background.stop(),
  }
}
