import type { Connection } from '@libp2p/interface'
import { MAX_REACH_PORTS, type ReachFindings } from '../../../protocols/index.ts'
import { pathKind } from '../paths/path-kind.ts'
import { isWebRtcDirect } from '../web-rtc/kinds.ts'
import { isWebSocket } from '../web-socket/kinds.ts'
import type { ReachedAddress } from './announced.ts'
import type { MappedPort } from './port-mapping.ts'
import type { ReachInit, ReachState } from './reach.ts'

/** Peers asked for each family: one may be wrong, or lie. */
const ASKED = 3
/** A node that is taken for public calls no relays, and for private is announced no more: one peer alone must not be able to hide a node. */
const LEAST_AGREED = 2

/** What others have found who dialled back. */
export interface Findings {
  state: ReachState
  reached: readonly ReachedAddress[]
  /** It is said to be private, by too few to be believed of a node that was public. */
  isDoubtful: boolean
}

/** Over one family. */
interface FamilyFindings {
  family: 4 | 6
  state: ReachState
  places: MappedPort[]
  asked: number
  answered: number
}

/** Asks once, over both families; what was found before is not given up lightly. */
export function createAsking({
  libp2p,
  ask,
  isMember,
  callRelays,
  mapped = () => [],
  random,
  log,
}: Omit<ReachInit, 'changed' | 'clock'>): (
  before: Pick<Findings, 'state' | 'reached'>,
  signal: AbortSignal,
) => Promise<Findings> {
  async function askAll(before: Pick<Findings, 'state' | 'reached'>, signal: AbortSignal): Promise<Findings> {
    const outer = mapped()
    const ports = [...new Set([...outer.map(({ port }) => port), ...portsOf(directAddresses(libp2p))])]
    if (ports.length === 0) return { state: 'private', reached: [], isDoubtful: false }
    const some = ports.slice(0, MAX_REACH_PORTS)
    const families = await Promise.all(([4, 6] as const).map(family => askOver(family, some, signal)))
    const states = families.map(one => one.state)
    const best = (['public', 'private', 'unknown'] as const).find(one => states.includes(one))!
    return {
      state: best,
      isDoubtful: best === 'private' && before.state === 'public' && !isDenied(before.reached, families),
      reached: families.flatMap(one =>
        one.places.map(({ ip, port }) => ({
          address: `/ip${ip.includes(':') ? 6 : 4}/${ip}/tcp/${port}`,
          mapped: outer.some(that => that.ip === ip && that.port === port),
        })),
      ),
    }
  }

  /** What most of three say that are reached over this family, members first: of one place, as each sees this node where it sees it. */
  async function askOver(
    family: 4 | 6,
    ports: readonly number[],
    signal: AbortSignal,
  ): Promise<FamilyFindings> {
    const members = askable(family)
    const relays = members.length < ASKED ? await callRelays(family, ASKED - members.length, signal) : []
    try {
      const some = [...members, ...relays]
      const answers = await Promise.all(some.map(one => askOne(one, ports, signal)))
      const told = answers.filter(answer => answer !== undefined)
      return { family, asked: some.length, answered: told.length, ...judge(told, ports) }
    } finally {
      for (const relay of relays) relay.close().catch(error => relay.abort(error))
    }
  }

  async function askOne(
    connection: Connection,
    ports: readonly number[],
    signal: AbortSignal,
  ): Promise<ReachFindings | undefined> {
    try {
      return await ask(connection, ports, signal)
    } catch (err) {
      log.debug({ peer: connection.remotePeer.toString(), err }, 'a peer did not dial back')
      return undefined
    }
  }

  function askable(family: 4 | 6): Connection[] {
    const byPeer = new Map<string, Connection>()
    for (const connection of libp2p.getConnections()) {
      const peer = connection.remotePeer.toString()
      const isOf = connection.status === 'open' && connection.direct && isMember(peer)
      if (isOf && pathKind(connection.remoteAddr).family === family) byPeer.set(peer, connection)
    }
    return [...byPeer.values()]
      .map(connection => ({ connection, order: random() }))
      .sort((a, b) => a.order - b.order)
      .slice(0, ASKED)
      .map(({ connection }) => connection)
  }

  return askAll
}

/** Whether several say that a node is private, and several have answered wherever it was reached and somebody was asked. */
function isDenied(reached: readonly ReachedAddress[], families: readonly FamilyFindings[]): boolean {
  const wasReached = (family: 4 | 6): boolean =>
    reached.some(({ address }) => address.startsWith(`/ip${family}/`))
  return (
    families.some(({ state, answered }) => state === 'private' && answered >= LEAST_AGREED) &&
    families.every(
      ({ family, asked, answered }) => asked === 0 || answered >= LEAST_AGREED || !wasReached(family),
    )
  )
}

function judge(
  told: readonly ReachFindings[],
  ports: readonly number[],
): Pick<FamilyFindings, 'state' | 'places'> {
  if (told.length === 0) return { state: 'unknown', places: [] }
  const votes = told.flatMap(({ seen, reached }) =>
    ports.filter((_, i) => reached[i]).map(port => ({ ip: seen, port })),
  )
  const most = distinct(votes).filter(({ count }) => 2 * count > told.length)
  const places = most.filter(({ count }) => count >= LEAST_AGREED).map(({ place }) => place)
  if (places.length > 0) return { state: 'public', places }
  return { state: most.length > 0 ? 'unknown' : 'private', places: [] }
}

/** Each place once, with how many have named it. */
function distinct(places: readonly MappedPort[]): { place: MappedPort; count: number }[] {
  const counted = new Map<string, { place: MappedPort; count: number }>()
  for (const place of places) {
    const key = `${place.ip} ${place.port}`
    counted.set(key, { place, count: (counted.get(key)?.count ?? 0) + 1 })
  }
  return [...counted.values()]
}

/** Multiaddrs at which the node listens itself for other nodes, who dial by TCP alone. */
export function directAddresses(libp2p: Pick<ReachInit['libp2p'], 'getMultiaddrs'>): string[] {
  return libp2p
    .getMultiaddrs()
    .filter(address => !pathKind(address).relayed && !isWebSocket(address) && !isWebRtcDirect(address))
    .map(String)
}

/** TCP ports that are listened on. */
function portsOf(addresses: readonly string[]): number[] {
  const ports = addresses.flatMap(address => /\/tcp\/(\d+)/.exec(address)?.[1] ?? [])
  return [...new Set(ports.map(Number))]
}
