import type { Clock } from '../../../../base/clock.ts'
import type { Timer } from '../../../../base/timers.ts'
import { anySignal } from '../../../../base/wait.ts'
import { PUNCH } from '../../../../protocols/index.ts'
import { stagger } from '../stagger.ts'
import type { OwnCandidates } from './candidates.ts'
import { type Observation, observe, type StunAddress } from './observe.ts'

/** questions to relays of each family: what one lost packet delays is answered by another relay, or by the same one on a second connection */
const ASKED = 2

/** The ports of one punch, and what they look like. `close` it when the punch is over. */
export interface PunchPorts extends OwnCandidates {
  readonly v4?: number | undefined
  readonly v6?: number | undefined
  close(): void
}

/**
 * Asks relays over IPv6 and IPv4 at the same time; when one is answered the other has a moment left. What no relay answers is left
 * out. Throws the signal's reason.
 */
export async function openPorts(
  relays: readonly StunAddress[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<PunchPorts> {
  const late = new AbortController()
  const either = anySignal(signal, late.signal)
  let last: Timer | undefined
  const over = async (family: 4 | 6): Promise<Observation | undefined> => {
    const asked = relays.filter(relay => relay.family === family)
    const seen = await firstOf(asked, { clock, signal: either })
    if (seen !== undefined) last ??= clock.after(PUNCH.otherFamilyMs, () => late.abort())
    return seen
  }
  const [six, four] = await Promise.all([over(6), over(4)])
  last?.stop()
  const seen = [six, four].filter(one => one !== undefined)
  const close = (): void => {
    for (const one of seen) one.close()
  }
  if (signal.aborted) close()
  signal.throwIfAborted()
  return {
    v4: four?.localPort,
    v6: six?.localPort,
    outer: seen.map(({ outer }) => outer),
    inner: seen.map(({ inner }) => inner),
    close,
  }
}

async function firstOf(
  relays: readonly StunAddress[],
  options: { clock: Clock; signal: AbortSignal },
): Promise<Observation | undefined> {
  const asked = Array.from({ length: relays.length === 0 ? 0 : ASKED }, (_, i) => relays[i % relays.length]!)
  const attempts = asked.map(relay => ({
    afterMs: PUNCH.askAgainMs,
    run: (signal: AbortSignal) => observe(relay, { ...options, signal }),
  }))
  // what is wrong with relays their reservations tell
  return await stagger(attempts, { ...options, drop: late => late.close() }).catch(() => undefined)
}
