import { ProtocolError } from '../errors.ts'
import type { PeerLimits, ProtocolSpec } from '../specs.ts'
import { sleep } from '../stream/wait.ts'
import { type Account, createAccount } from './account.ts'
import { createBudget } from './budget.ts'

export interface QuotaLimits {
  peer: PeerLimits
  address: PeerLimits
  nodeBytesInFlight: number
  concurrentReads: number
  accounts: number
}

export interface Quotas {
  /**
   * Lets a stream in. Throws BUSY above the streams of a peer, TOO_MANY_FAILURES while it is shut out.
   * `address` is the IP address to count by as well; absent for members and for the machine itself.
   */
  admit(spec: ProtocolSpec, peer: string, address?: string): StreamQuota
}

/** One admitted stream's share. */
export interface StreamQuota {
  /** Waits until `bytes` more may be held in memory; the result gives them back. */
  hold(bytes: number, signal: AbortSignal): Promise<() => void>
  /** Waits until one more sliver of unknown size may be read from the store; the result ends that. */
  read(signal: AbortSignal): Promise<() => void>
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

export function createQuotas(limits: QuotaLimits): Quotas {
  const accounts = new Map<string, Account>()
  const node = createBudget(limits.nodeBytesInFlight)
  const reads = createBudget(limits.concurrentReads)

  const account = (key: string, of: PeerLimits): Account => {
    const known = accounts.get(key)
    // a Map keeps the order of insertion: re-inserting makes the first entries the longest unused
    accounts.delete(key)
    const one = known ?? createAccount(of)
    accounts.set(key, one)
    if (accounts.size > limits.accounts) forget(accounts)
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
          const taken: (() => void)[] = []
          const giveBack = (): void => taken.forEach(give => void give())
          try {
            // always in this order, so that nobody sits on the node's budget while waiting for its own
            for (const budget of [...mine.map(one => one.inFlight), node])
              taken.push(await budget.take(bytes, signal))
          } catch (error) {
            giveBack()
            throw error
          }
          return giveBack
        },
        read: signal => reads.take(1, signal),
        async pace(bytes, signal) {
          const waitMs = Math.max(...mine.map(one => one.rate.take(bytes)))
          if (waitMs > 0) await sleep(waitMs, signal)
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

/**
 * Makes room, a tenth at a time, the longest unused first: those that nobody would miss, and if they are too few, those
 * that hold nothing now, so that memory stays bounded whoever comes.
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
const holdsNothing = (account: Account): boolean => account.streams.size === 0 && account.inFlight.used === 0
