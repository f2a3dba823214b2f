import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { NetworkNode } from '../libp2p.ts'
import { createRelayKeeper, type RelayKeeper } from './keeper.ts'
import type { RelayScores } from './relay-scores.ts'
import { CIRCUIT_LISTEN } from './transport.ts'

/** How a node is reached: at addresses of its own, over relays, or over relays once it is known that others cannot dial it. */
export type Reach = 'public' | 'private' | 'auto'

/** What a node listens on: a private one only on its relays' calls; one that is to find out hears of relays later, too. */
export function listenFor(reach: Reach, listen: readonly string[]): string[] {
  if (reach === 'private') return [CIRCUIT_LISTEN]
  return reach === 'auto' ? [...listen, CIRCUIT_LISTEN] : [...listen]
}

/** How long a node's start waits for its first reservation, at most: without one it runs, and goes on asking. */
const FIRST_MS = 10_000

/** Keeps reservations for a node that others may not be able to dial, once it is started; none for one that they can. */
export function createKeeper(init: {
  libp2p: NetworkNode
  reach: Reach
  relays: readonly string[]
  scores: RelayScores
  log: Log
  clock: Clock
  random: () => number
}): RelayKeeper | undefined {
  const { libp2p, reach } = init
  if (reach === 'public') return undefined
  return createRelayKeeper({ ...init, transport: libp2p.circuits })
}

/** Starts it, and waits until the node is reached over one relay, for a while. */
export async function reachable(
  keeper: RelayKeeper | undefined,
  { log, clock }: { log: Log; clock: Clock },
): Promise<void> {
  keeper?.start()
  if (keeper === undefined || keeper.standings().length === 0)
    log.warn({}, 'a private node without relays is reached by nobody: name some')
  else if (!(await clock.settlesWithin(keeper.settled(), FIRST_MS)))
    log.warn({ relays: keeper.standings() }, 'no relay has granted a reservation yet')
}

/** Starts and stops a keeper as a node finds out how it is reached. */
export interface RelaySwitch {
  /** Whether relays are wanted from now on; one change is over before the next begins, and the last word counts. */
  want(isWanted: boolean): void
  /** The keeper is stopped for good, however `want` stands. */
  stop(): Promise<void>
}

export function createRelaySwitch(keeper: Pick<RelayKeeper, 'start' | 'stop'>, log: Log): RelaySwitch {
  let wanted = false
  let isOn = false
  let turning: Promise<void> | undefined
  let isOver = false

  async function turn(): Promise<void> {
    await undefined
    while (isOn !== wanted) {
      isOn = wanted
      if (isOn) keeper.start()
      else await keeper.stop().catch(err => log.warn({ err }, 'reservations were not given back'))
    }
    turning = undefined
  }

  return {
    want(isWanted) {
      if (isOver) return
      wanted = isWanted
      turning ??= turn()
    },
    async stop() {
      isOver = true
      wanted = false
      await turning
      await keeper.stop()
    },
  }
}
