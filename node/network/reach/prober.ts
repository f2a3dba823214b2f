import { multiaddr } from '@multiformats/multiaddr'
import type { Clock } from '../../../base/clock.ts'
import { createRates } from '../../../base/rates.ts'
import { createSemaphore } from '../../../base/semaphore.ts'
import { ProtocolError, peerDeadline, REACH, type ReachProber } from '../../../protocols/index.ts'
import { createAddressDialer, type DialingLibp2p } from '../paths/dial-address.ts'

/** Dials those back who ask whether they can be dialled: seldom, few at a time, and only where they are. */
export function createReachProber({ libp2p, clock }: { libp2p: DialingLibp2p; clock: Clock }): ReachProber {
  const addresses = createAddressDialer(libp2p)
  const turns = createSemaphore(REACH.dials)
  const rates = createRates({
    burst: REACH.burst,
    perSecond: REACH.perSecond,
    remembered: REACH.remembered,
    now: () => clock.monotonic(),
  })

  async function isReached(peer: string, ip: string, port: number, signal: AbortSignal): Promise<boolean> {
    if (port < REACH.leastPort) return false
    const family = ip.includes(':') ? 'ip6' : 'ip4'
    using limit = peerDeadline(clock, REACH.dialMs, signal)
    try {
      // a new one, beside that of the question; libp2p checks who answers
      const connection = await addresses.dial(
        multiaddr(`/${family}/${ip}/tcp/${port}/p2p/${peer}`),
        limit.signal,
      )
      await connection.close().catch(error => connection.abort(error))
      return true
    } catch {
      signal.throwIfAborted()
      return false
    }
  }

  return {
    async probe({ peer, ip, ports, account }, signal) {
      if (turns.used >= REACH.dials || !rates.tryTake(account))
        throw new ProtocolError('BUSY', { retryAfterMs: REACH.retryMs })
      const turn = await turns.take(1, signal)
      try {
        const reached: boolean[] = []
        for (const port of ports) reached.push(await isReached(peer, ip, port, signal))
        return reached
      } finally {
        turn.release()
      }
    },
  }
}
