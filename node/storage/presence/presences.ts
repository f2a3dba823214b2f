import type { Log } from '../../../base/log.ts'
import type { Certificate } from '../../../codec/types.ts'
import type { ChallengeNews, PeerClient } from '../../../protocols/index.ts'
import { openPresence, type Presence, type PresenceComponents, type PresencePlace } from './presence.ts'

type Served = Parameters<Presence['serve']>[0]

/** A node under all keys that it has at present. */
export interface Presences {
  /** By its own key: that by which it asks others. */
  readonly lead: Presence
  /** Of whichever leads when something is asked. */
  readonly peers: PeerClient
  /** Opens what is not open yet, and closes what is not named: the first place leads from then on. Throws what opening throws. */
  go(places: readonly PresencePlace[]): Promise<void>
  /**
   * From here on peers are answered under all keys, and others kept connected. Throws what serving under the own key throws;
   * another that cannot is closed, and opened anew by `go`.
   */
  serve(node: Served): Promise<void>
  publish(certificate: Certificate): Promise<void>
  /** Tells others what has happened in a storage challenge. */
  tell(news: ChallengeNews): Promise<void>
  membersChanged(): void
  /** Ends what `serve` began; requests to others go on. Idempotent; never rejects. */
  silence(): Promise<void>
  /** Idempotent; never rejects. */
  close(): Promise<void>
}

export type OpenPresence = (place: PresencePlace) => Promise<Presence>

/** Throws what opening the first throws; the others may come later. */
export async function openPresences(
  components: PresenceComponents,
  places: readonly PresencePlace[],
  open: OpenPresence = place => openPresence(components, place),
): Promise<Presences> {
  const { log } = components
  const present = new Map<string, Presence>()
  let served: Served | undefined
  let isClosed = false
  let lead = await enter(places[0]!)
  for (const place of places.slice(1))
    await enter(place).catch(err => log.debug({ err }, 'the node does not listen by its other key yet'))

  async function enter(place: PresencePlace): Promise<Presence> {
    const presence = await open(place)
    present.set(nameOf(place), presence)
    try {
      if (served !== undefined) await presence.serve(served)
      return presence
    } catch (error) {
      // one that answers nobody must neither be taken for there, nor have the place
      present.delete(nameOf(place))
      await presence.close()
      throw error
    }
  }
  async function leave(isUnwanted: (name: string, presence: Presence) => boolean): Promise<void> {
    for (const [name, presence] of present) {
      if (!isUnwanted(name, presence)) continue
      present.delete(name)
      await presence.close()
    }
  }
  async function follow(next: Presence): Promise<void> {
    if (next === lead) return
    const before = lead
    lead = next
    await before.follow()
    if (served !== undefined) next.lead()
    log.info({ peer: next.peerId, before: before.peerId }, 'the node asks others by another key')
  }
  const each = async (run: (presence: Presence) => Promise<void>): Promise<void> => {
    await Promise.all(Array.from(present.values(), run))
  }

  return {
    get lead() {
      return lead
    },
    peers: new Proxy({} as PeerClient, { get: (_, name) => Reflect.get(lead.peers, name) }),
    async go(wanted) {
      if (isClosed) return
      const names = new Set(wanted.map(nameOf))
      // it may have the place of what comes
      await leave((name, presence) => !names.has(name) && presence !== lead)
      const failures: unknown[] = []
      for (const place of wanted) {
        if (!present.has(nameOf(place))) await enter(place).catch(error => failures.push(error))
      }
      const first = present.get(nameOf(wanted[0]!))
      if (first !== undefined) {
        await follow(first)
        await leave(name => !names.has(name))
      }
      if (failures.length > 0) throw failures[0]
    },
    async serve(node) {
      served = node
      await lead.serve(node)
      lead.lead()
      const beside = Array.from(present).filter(([, presence]) => presence !== lead)
      await Promise.all(
        beside.map(([name, presence]) => serveOrClose(presence, node, log, () => present.delete(name))),
      )
    },
    publish: certificate => lead.publish(certificate),
    tell: news => lead.tell(news),
    membersChanged() {
      for (const presence of present.values()) presence.membersChanged()
    },
    async silence() {
      isClosed = true
      await each(presence => presence.silence())
    },
    async close() {
      isClosed = true
      await each(presence => presence.close())
    },
  }
}

/** One that answers nobody must neither be taken for there, nor have the place. */
async function serveOrClose(presence: Presence, node: Served, log: Log, forget: () => void): Promise<void> {
  try {
    await presence.serve(node)
  } catch (err) {
    forget()
    await presence.close()
    log.warn({ err, peer: presence.peerId }, 'the node does not answer by its other key yet')
  }
}

const nameOf = ({ seed, listen, announce = [] }: PresencePlace): string =>
  [Buffer.from(seed).toString('hex'), ...listen, '', ...announce].join(' ')
