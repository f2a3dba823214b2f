/** What is known of a relay that a node may have a reservation on. Times are monotonic ms. */
export interface RelayState {
  /** PeerId */
  readonly id: string
  /** of its IP address: /24, of IPv6 /48; relays of one network go down together */
  readonly network: string
  /** the reservation, while there is one */
  held: { since: number } | undefined
  /** one of those that are meant to stay; others stand in for them, or are being tried */
  chosen: boolean
  /** a reservation was lost then, and is not back yet */
  goneAt: number | undefined
  /** a question is under way */
  asking: boolean
  /** not to be asked before */
  notBefore: number
  /** the lower the better: its round trip, heavier by its load; undefined when it was never reached */
  score: number | undefined
  /** for how long it has been twice as good as one that was chosen */
  betterSince: number | undefined
}

export interface RelayPlan {
  ask: RelayState[]
  release: RelayState[]
}

/** A relay that was gone for so long is replaced by the one that stands in for it. */
const REPLACED_AFTER_MS = 30_000
/** Before the first choice so many are asked at a time. */
const FIRST_ASKED = 4
const BETTER_FACTOR = 2
const BETTER_FOR_MS = 10 * 60_000

/**
 * What to do next so that a node has reservations on `wanted` relays, on another one while one of them is gone, and on different
 * networks where that can be. Chooses (`chosen`), and tells whom to ask and whom to let go.
 */
export function planRelays(relays: readonly RelayState[], wanted: number, now: number): RelayPlan {
  replaceGone(relays, now)
  replaceWorse(relays, now)
  choose(relays, wanted)
  const held = relays.filter(isHeld)
  const isDue = ({ asking, notBefore }: RelayState): boolean => !asking && notBefore <= now
  const back = relays.filter(relay => relay.chosen && !isHeld(relay) && isDue(relay))
  const underWay = relays.filter(({ asking, chosen }) => asking && !chosen).length
  const isFirst = relays.every(({ score }) => score === undefined)
  const missing = Math.max(0, (isFirst ? FIRST_ASKED : wanted) - held.length - underWay)
  const others = relays.filter(relay => !relay.chosen && !isHeld(relay) && isDue(relay))
  const ask = [...back, ...pick(others, held, missing)]
  const isSettled = held.filter(({ chosen }) => chosen).length >= wanted
  const release = isSettled ? held.filter(({ chosen }) => !chosen) : []
  return { ask, release }
}

const isHeld = ({ held }: RelayState): boolean => held !== undefined
/** Unknown ones between good and bad ones. */
const scoreOf = ({ score = 500 }: RelayState): number => score

/** So many, the best first, of networks in which none is taken as long as there are such. */
function pick(from: readonly RelayState[], taken: readonly RelayState[], count: number): RelayState[] {
  const picked: RelayState[] = []
  const left = [...from].sort((a, b) => scoreOf(a) - scoreOf(b))
  while (picked.length < count && left.length > 0) {
    const used = new Set([...taken, ...picked].map(({ network }) => network))
    const at = Math.max(
      0,
      left.findIndex(({ network }) => !used.has(network)),
    )
    picked.push(...left.splice(at, 1))
  }
  return picked
}

function choose(relays: readonly RelayState[], wanted: number): void {
  const chosen = relays.filter(relay => relay.chosen)
  // all that were asked at first have their say before two are chosen
  if (chosen.length === 0 && relays.some(({ asking }) => asking)) return
  const standing = relays.filter(relay => !relay.chosen && isHeld(relay))
  for (const relay of pick(standing, chosen, wanted - chosen.length)) relay.chosen = true
}

function replaceGone(relays: readonly RelayState[], now: number): void {
  for (const gone of relays) {
    if (!gone.chosen || isHeld(gone) || now - (gone.goneAt ?? now) < REPLACED_AFTER_MS) continue
    const [substitute] = relays.filter(relay => isHeld(relay) && !relay.chosen)
    if (substitute === undefined) continue
    substitute.chosen = true
    gone.chosen = false
  }
}

function replaceWorse(relays: readonly RelayState[], now: number): void {
  const worst = relays
    .filter(relay => relay.chosen && isHeld(relay))
    .sort((a, b) => scoreOf(b) - scoreOf(a))
    .at(0)
  for (const relay of relays) {
    if (relay.chosen || worst === undefined || relay.score === undefined) continue
    if (relay.score * BETTER_FACTOR > scoreOf(worst)) relay.betterSince = undefined
    else relay.betterSince ??= now
    const isBetter = relay.betterSince !== undefined && now - relay.betterSince >= BETTER_FOR_MS
    if (!isBetter || !isHeld(relay)) continue
    relay.chosen = true
    worst.chosen = false
    return
  }
}
