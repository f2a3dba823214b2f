import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import type {
  Presence,
  PresenceComponents,
  PresencePlace,
} from '../../../../node/storage/presence/presence.ts'
import { openPresences, type Presences } from '../../../../node/storage/presence/presences.ts'

describe('a node under several keys', () => {
  /** what holds each place, and everything that happened, in order */
  let held: Set<string>
  let said: string[]
  /** places that somebody else has */
  let taken: Set<string>
  /** whether nobody can be answered */
  let deaf: boolean
  /** those by which nobody can be answered */
  let mute: Set<string>
  let presences: Presences
  beforeEach(async () => {
    held = new Set()
    said = []
    taken = new Set()
    deaf = false
    mute = new Set()
    presences = await openPresences(components, [A_HOME], open)
    await presences.serve({} as never)
  })
  afterEach(() => presences.close())

  const components = { log: silentLog(), clock: systemClock } as unknown as PresenceComponents
  const at = (key: number, place: string): PresencePlace => ({ seed: Uint8Array.of(key), listen: [place] })
  const [A_HOME, B_HOME, A_ASIDE, B_ASIDE] = [at(1, 'home'), at(2, 'home'), at(1, 'aside'), at(2, 'aside')]
  const nameOf = ({ seed, listen }: PresencePlace) => `${seed[0]} ${listen[0]}`
  async function open(place: PresencePlace): Promise<Presence> {
    const name = nameOf(place)
    const [where] = place.listen as [string]
    if (held.has(where) || taken.has(where)) throw Object.assign(new Error(where), { code: 'EADDRINUSE' })
    held.add(where)
    const saying = (what: string) => async () => void said.push(`${name} ${what}`)
    return {
      peerId: name,
      multiaddrs: [...place.listen],
      relays: () => [],
      paths: () => ({ direct: 0, relayed: 0 }),
      punches: () => ({ succeeded: 0, failed: 0 }),
      peers: { ask: () => name } as never,
      async serve() {
        if (deaf || mute.has(name)) throw new Error('it cannot serve')
        said.push(`${name} serves`)
      },
      lead: () => void said.push(`${name} leads`),
      follow: saying('follows'),
      settled: async () => undefined,
      publish: saying('publishes'),
      tell: saying('tells'),
      membersChanged: () => void said.push(`${name} hears`),
      silence: saying('is silent'),
      async close() {
        held.delete(where)
        said.push(`${name} closes`)
      },
    }
  }
  const asked = () => (presences.peers as unknown as { ask(): string }).ask()
  const since = () => said.splice(0)

  it('answers under all, asks by the first, and is never twice in one place', async () => {
    assert.deepEqual(since(), ['1 home serves', '1 home leads'])
    await presences.go([A_HOME])
    assert.deepEqual(since(), [])
    await presences.go([A_HOME, B_ASIDE])
    assert.deepEqual([since(), asked()], [['2 aside serves'], '1 home'])
    await presences.publish({} as never)
    await presences.tell({} as never)
    presences.membersChanged()
    assert.deepEqual(since(), ['1 home publishes', '1 home tells', '1 home hears', '2 aside hears'])
    await presences.go([B_ASIDE, A_HOME])
    assert.deepEqual([since(), asked()], [['1 home follows', '2 aside leads'], '2 aside'])
    assert.equal(presences.lead.peerId, '2 aside')
    // the old one has the place of what comes
    await presences.go([B_HOME])
    assert.deepEqual(since(), [
      '1 home closes',
      '2 home serves',
      '2 aside follows',
      '2 home leads',
      '2 aside closes',
    ])
    assert.equal(asked(), '2 home')
  })

  it('begins with all, but for those that cannot be', async () => {
    await presences.close()
    since()
    taken.add('aside')
    presences = await openPresences(components, [A_HOME, B_ASIDE], open)
    assert.deepEqual([...held], ['home'])
    await presences.close()
    taken.clear()
    presences = await openPresences(components, [A_HOME, B_ASIDE], open)
    assert.deepEqual([[...held], asked()], [['home', 'aside'], '1 home'])
    taken.add('home')
    held.clear()
    await assert.rejects(openPresences(components, [A_HOME, B_ASIDE], open), { code: 'EADDRINUSE' })
  })

  it('begins though it cannot be answered under another key than its own, and tries that again', async () => {
    await presences.close()
    presences = await openPresences(components, [A_HOME, B_ASIDE], open)
    mute.add('2 aside')
    since()
    await presences.serve({} as never)
    assert.deepEqual([since(), [...held]], [['1 home serves', '1 home leads', '2 aside closes'], ['home']])
    mute.clear()
    await presences.go([A_HOME, B_ASIDE])
    assert.deepEqual([since(), [...held]], [['2 aside serves'], ['home', 'aside']])
    await presences.close()
    presences = await openPresences(components, [A_HOME, B_ASIDE], open)
    mute.add('1 home')
    await assert.rejects(presences.serve({} as never), /it cannot serve/)
  })

  it('stays where it is while it cannot be where it is to be', async () => {
    taken.add('aside')
    await assert.rejects(presences.go([A_HOME, B_ASIDE]), { code: 'EADDRINUSE' })
    assert.equal(asked(), '1 home')
    taken.clear()
    await presences.go([A_HOME, B_ASIDE])
    await presences.go([B_ASIDE, A_HOME])
    taken.add('home')
    await assert.rejects(presences.go([B_HOME]), { code: 'EADDRINUSE' })
    assert.deepEqual([asked(), [...held]], ['2 aside', ['aside']])
    taken.clear()
    await presences.go([B_HOME])
    assert.deepEqual([asked(), [...held]], ['2 home', ['home']])
  })

  it('does not go over to one that answers nobody, and tries it again', async () => {
    deaf = true
    await assert.rejects(presences.go([B_ASIDE, A_HOME]), /it cannot serve/)
    assert.deepEqual([asked(), [...held]], ['1 home', ['home']])
    deaf = false
    since()
    await presences.go([B_ASIDE, A_HOME])
    assert.deepEqual(since(), ['2 aside serves', '1 home follows', '2 aside leads'])
  })

  it('moves the one beside when it is to listen elsewhere', async () => {
    await presences.go([A_HOME, B_ASIDE])
    await presences.go([A_HOME, at(2, 'elsewhere')])
    assert.deepEqual([...held], ['home', 'elsewhere'])
  })

  it('falls silent and ends under all, and opens nothing after that', async () => {
    await presences.go([A_HOME, B_ASIDE])
    since()
    await presences.silence()
    await presences.go([A_ASIDE])
    assert.deepEqual(since(), ['1 home is silent', '2 aside is silent'])
    await presences.close()
    assert.deepEqual([since(), held.size], [['1 home closes', '2 aside closes'], 0])
  })
})
