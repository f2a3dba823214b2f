import type { Clock } from '../../base/clock.ts'
import { createSemaphore, type Hold, type Semaphore } from '../../base/semaphore.ts'
import { ProtocolError } from '../errors.ts'
import type { PeerLimits, ProtocolSpec } from '../specs.ts'
import { type Account, createAccount } from './account.ts'

/** What one peer, one address and all together may take of a node; `QUOTAS` has the reasons. */
export interface QuotaLimits {
  peer: PeerLimits
  address: PeerLimits
  nodeBytesInFlight: number
  nodePieces: number
  diskReads: number
  accounts: number
}

/** Accounts of all peers that ask, the longest unused of which are forgotten. */
export interface Quotas {
  /**
   * Lets a stream in. Throws BUSY above the streams of a peer, TOO_MANY_FAILURES while it is shut out.
   * `address` is the IP address to count by as well; absent for members and for the machine itself.
   */
  admit(spec: Pick<ProtocolSpec, 'id' | 'streamsPerPeer'>, peer: string, address?: string): StreamQuota
}

/** Gives back; a second call does nothing. */
export type Release = () => void

/** One admitted stream's share. */
export interface StreamQuota {
  /** Waits until `bytes` more that arrive may be held. */
  hold(bytes: number, signal: AbortSignal): Promise<Release>
  /** Waits until one more piece of what is sent may be held in memory: apart from what arrives, which may stay for long. */
  piece(signal: AbortSignal): Promise<Release>
  /** Waits for one of the turns at reading something through from the disk. Nothing may be waited for while it is held. */
  disk(signal: AbortSignal): Promise<Release>
  /** Waits until `bytes` more may move. */
  pace(bytes: number, signal: AbortSignal): Promise<void>
  /** An attempt failed through the peer's fault. */
  failed(): void
  /** The stream is over. */
  release(): void
}

/** An address may have as many streams as four peers. */
const STREAMS_PER_ADDRESS = 4
/** when all streams are taken: about one small request later */
const BUSY_RETRY_MS = 250

/** Quotas of one node, for all of its protocols together. */
export function createQuotas(limits: QuotaLimits, clock: Clock): Quotas {
  const accounts = new Map<string, Account>()
  const node = createSemaphore(limits.nodeBytesInFlight)
  const pieces = createSemaphore(limits.nodePieces)
  const disk = createSemaphore(limits.diskReads)

  const account = (key: string, of: PeerLimits): Account => {
    const known = accounts.get(key)
    // a Map keeps the order of insertion: re-inserting makes the first entries the longest unused
    accounts.delete(key)
    // before the newcomer is among them, which is idle still
    if (accounts.size >= limits.accounts) forget(accounts)
    const one = known ?? createAccount(of, clock)
    accounts.set(key, one)
    return one
  }

  return {
    admit(spec, peer, address) {
      const held: { account: Account; streams: number }[] = [
        { account: account(`peer ${peer}`, limits.peer), streams: spec.streamsPerPeer },
      ]
      if (address !== undefined) {
        const streams = spec.streamsPerPeer * STREAMS_PER_ADDRESS
        held.push({ account: account(`address ${address}`, limits.address), streams })
      }
      for (const { account, streams } of held) {
        const shutOutMs = account.shutOutMs()
        if (shutOutMs > 0) throw new ProtocolError('TOO_MANY_FAILURES', { retryAfterMs: shutOutMs })
        if ((account.streams.get(spec.id) ?? 0) >= streams) {
          throw new ProtocolError('BUSY', { retryAfterMs: BUSY_RETRY_MS })
        }
      }
      const mine = held.map(({ account }) => account)
      for (const { streams } of mine) streams.set(spec.id, (streams.get(spec.id) ?? 0) + 1)
      let released = false
      return {
        async hold(bytes, signal) {
          // the node's last, so that nobody sits on it while waiting for a budget of its own
          const holds = await takeAll([...mine.map(one => one.inFlight), node], bytes, signal)
          return () => holds.forEach(hold => void hold.release())
        },
        async piece(signal) {
          const holds = await takeAll([...mine.map(one => one.pieces), pieces], 1, signal)
          return () => holds.forEach(hold => void hold.release())
        },
        async disk(signal) {
          const turn = await disk.take(1, signal)
          return () => turn.release()
        },
        async pace(bytes, signal) {
          const waitMs = Math.max(...mine.map(one => one.rate.take(bytes)))
          if (waitMs > 0) await clock.sleep(waitMs, signal)
        },
        failed: () => mine.forEach(one => void one.failed()),
        release() {
          if (released) return
          released = true
          for (const { streams } of mine) {
            const left = (streams.get(spec.id) ?? 1) - 1
            if (left === 0) streams.delete(spec.id)
            else streams.set(spec.id, left)
          }
        },
      }
    },
  }
}

/** Takes the same amount of each budget, or of none. */
async function takeAll(budgets: readonly Semaphore[], amount: number, signal: AbortSignal): Promise<Hold[]> {
  const holds: Hold[] = []
  try {
    for (const budget of budgets) holds.push(await budget.take(amount, signal))
    return holds
  } catch (error) {
    for (const hold of holds) hold.release()
    throw error
  }
}

/**
 * Makes room, a tenth at a time, the longest unused first: those that nobody would miss, and if they are too few, those
 * that hold nothing now, so that memory stays bounded however many come.
 */
function forget(accounts: Map<string, Account>): void {
  let surplus = Math.ceil(accounts.size / 10)
  for (const expendable of [isIdle, holdsNothing]) {
    for (const [key, one] of accounts) {
      if (surplus === 0) return
      if (!expendable(one)) continue
      accounts.delete(key)
      surplus--
    }
  }
}

const isIdle = (account: Account): boolean => account.idle
const holdsNothing = (account: Account): boolean => account.holdsNothing
