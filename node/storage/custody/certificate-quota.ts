import type { Clock } from '../../../base/clock.ts'
import { createRates } from '../../../base/rates.ts'
import { createTokenBucket } from '../../../base/token-bucket.ts'
import { CERTIFICATES } from '../../../protocols/index.ts'

/** What certificates of clients may cost. An account is a member's PeerId, or anybody else's address. */
export interface CertificateQuota {
  /** Takes a turn at checking a signature, if the account and the node have one. */
  mayCheck(account: string): boolean
  /** A signature of the account was wrong. */
  fault(account: string): void
  /** A place among those who wait for the chain, if there is one; the result gives it back. */
  wait(account: string): (() => void) | undefined
}

export function createCertificateQuota(clock: Pick<Clock, 'monotonic'>): CertificateQuota {
  const { burst, perSecond, faultBurst, faultsPerSecond, nodeBurst, nodePerSecond, accounts } = CERTIFICATES
  const now = () => clock.monotonic()
  const turns = createRates({ burst, perSecond, remembered: accounts, now })
  const faults = createRates({
    burst: faultBurst,
    perSecond: faultsPerSecond,
    remembered: accounts,
    now,
  })
  const node = createTokenBucket(nodePerSecond, nodeBurst, now)
  const waiting = new Map<string, number>()
  let allWaiting = 0

  return {
    mayCheck: account => faults.has(account) && node.has(1) && turns.tryTake(account) && node.tryTake(1),
    fault: account => void faults.tryTake(account),
    wait(account) {
      const mine = waiting.get(account) ?? 0
      if (mine >= CERTIFICATES.waitingPerAccount || allWaiting >= CERTIFICATES.waiting) return undefined
      waiting.set(account, mine + 1)
      allWaiting++
      return () => {
        allWaiting--
        const left = (waiting.get(account) ?? 1) - 1
        if (left === 0) waiting.delete(account)
        else waiting.set(account, left)
      }
    },
  }
}
