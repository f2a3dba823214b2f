import type { Clock } from '../../../../base/clock.ts'
import type { OwnCandidates } from './candidates.ts'
import { type Observation, observe, type StunAddress } from './observe.ts'

/** relays of each kind that are asked, one after the other, until one answers */
const ASKED = 2

/** The ports of one punch, and what they look like. `close` it when the punch is over. */
export interface PunchPorts extends OwnCandidates {
  readonly v4?: number | undefined
  readonly v6?: number | undefined
  close(): void
}

/** Asks relays over IPv6 and IPv4 at the same time. What no relay answers is left out. Throws the signal's reason. */
export async function openPorts(
  relays: readonly StunAddress[],
  options: { clock: Clock; signal: AbortSignal },
): Promise<PunchPorts> {
  const [six, four] = await Promise.all([
    firstOf(
      relays.filter(({ family }) => family === 6),
      options,
    ),
    firstOf(
      relays.filter(({ family }) => family === 4),
      options,
    ),
  ])
  const seen = [six, four].filter(one => one !== undefined)
  const close = (): void => {
    for (const one of seen) one.close()
  }
  if (options.signal.aborted) close()
  options.signal.throwIfAborted()
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
  for (const relay of relays.slice(0, ASKED)) {
    try {
      return await observe(relay, options)
    } catch {
      // another one may answer; what is wrong with this one its reservation tells
    }
  }
  return undefined
}
