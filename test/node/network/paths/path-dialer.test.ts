import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createPathDialer, type PathDialerInit } from '../../../../node/network/paths/path-dialer.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const PEER = '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
const OTHER = '12D3KooWLRPJAA5o6Pm1ZTnEVbLxXbcnRG1kcPEDXzpA6uXTL5Wa'
const RELAYED = `/ip4/192.0.2.99/tcp/4001/p2p/${OTHER}/p2p-circuit`
const at = (n: number) => `/ip4/192.0.2.${n}/tcp/4001`

/** A network in which addresses answer after so many ms, or never. */
class World extends EventTarget {
  readonly clock = new VirtualClock()
  readonly dialled: string[] = []
  readonly answers = new Map<string, number>()
  readonly connections: Connection[] = []
  under = 0
  most = 0

  readonly libp2p = Object.assign(this, {
    getConnections: () => this.connections,
    dial: async () => Promise.reject(new Error('nothing is known of the peer')),
    components: {
      transportManager: {
        dialTransportForMultiaddr: (address: Multiaddr) =>
          address.toString().includes('/ws') ? undefined : this,
        dial: async (address: Multiaddr, { signal }: { signal: AbortSignal }) => {
          const text = address.toString().replace(/\/p2p\/\w+$/, '')
          this.dialled.push(`${text} at ${this.clock.monotonic()}`)
          this.most = Math.max(this.most, ++this.under)
          try {
            await this.clock.sleep(this.answers.get(text) ?? 1e9, signal)
          } finally {
            this.under--
          }
          return this.open(text)
        },
      },
    },
  }) as unknown as PathDialerInit['libp2p']

  dialer(init: Partial<PathDialerInit> = {}) {
    return createPathDialer({ libp2p: this.libp2p, clock: this.clock, ...init })
  }

  open(text: string, direct = !text.includes('p2p-circuit')): Connection {
    const connection = {
      remotePeer: peerIdFromString(PEER),
      status: 'open',
      direct,
      direction: 'outbound',
      text,
      close: async () => void Object.assign(connection, { status: 'closed' }),
    } as unknown as Connection
    this.connections.push(connection)
    this.dispatchEvent(new CustomEvent('connection:open', { detail: connection }))
    return connection
  }
}

describe('a path dialer', () => {
  let world: World
  beforeEach(() => {
    world = new World()
  })
  const peer = (...multiaddrs: string[]) => ({ peerId: PEER, multiaddrs })
  const textOf = async (connection: Promise<Connection>) => ((await connection) as { text?: string }).text

  it('loses a quarter of a second by a dead address, not its time limit', async () => {
    world.answers.set(at(2), 40)
    const connecting = world.dialer().connect(peer(at(1), at(2)))
    await world.clock.advance(300)
    assert.equal(await textOf(connecting), at(2))
    assert.equal(world.under, 0)
    assert.equal(world.clock.waiting, 0)
  })

  it('makes another connection beside one on which the peer has fallen silent', async () => {
    world.answers.set(at(1), 40)
    const dialer = world.dialer()
    const silent = world.open(at(9))
    assert.equal(await dialer.connect(peer(at(1))), silent)
    const connecting = dialer.connect(peer(at(1)), undefined, silent)
    await world.clock.advance(40)
    assert.equal(await textOf(connecting), at(1))
    // the next one need not be dialled
    assert.equal(await textOf(dialer.connect(peer(at(1)), undefined, silent)), at(1))
    assert.equal(world.dialled.length, 1)
  })

  it('does not join what libp2p has not yet done with, and would never answer', async () => {
    let isEnding = true
    const connection = world.open(at(1))
    world.connections.pop()
    world.libp2p.dial = () => (isEnding ? new Promise(() => undefined) : Promise.resolve(connection))
    const connecting = world.dialer().connect(peer())
    queueMicrotask(() => {
      isEnding = false
    })
    await world.clock.advance(0)
    assert.equal(await textOf(connecting), at(1))
  })

  it("takes addresses from all sources, the signed record first, and none that are not the peer's", async () => {
    world.answers.set(at(3), 1)
    const dialer = world.dialer({ known: () => [at(2)] })
    const connecting = dialer.connect(
      peer(at(3), 'nonsense', `${at(4)}/p2p/${OTHER}`, `${at(3)}/p2p/${PEER}`, `${at(5)}/ws`),
    )
    await world.clock.advance(1_000)
    assert.equal(await textOf(connecting), at(3))
    assert.deepEqual(world.dialled, [`${at(2)} at 0`, `${at(3)} at 250`])
  })

  it('asks others where the peer is when it is nowhere it was', async () => {
    world.answers.set(at(9), 1)
    const asked: string[] = []
    const find = async (peerId: string) => {
      asked.push(`${peerId} at ${world.clock.monotonic()}`)
      return [at(1), at(9)]
    }
    const connecting = world.dialer({ find }).connect(peer(at(1)))
    await world.clock.advance(1_100)
    assert.equal(await textOf(connecting), at(9))
    assert.deepEqual(asked, [`${PEER} at 1000`])
    assert.deepEqual(world.dialled, [`${at(1)} at 0`, `${at(9)} at 1000`])
  })

  it('says that a peer cannot be reached, after 5 s at its addresses and 10 s over a relay', async () => {
    let told = 0
    const dialer = world.dialer({ unreachable: () => told++ })
    const start = world.clock.monotonic()
    const outcome = assert.rejects(dialer.connect(peer(at(1), RELAYED)), { code: 'UNREACHABLE' })
    await world.clock.advance(5_000)
    assert.equal(world.under, 1)
    await world.clock.advanceUntil(outcome, 50)
    assert.equal(world.clock.monotonic() - start, 10_250)
    assert.equal(told, 1)
    assert.equal(world.clock.waiting, 0)
  })

  it('dials once for all who want the peer, and goes on for those who come when they have given up', async () => {
    world.answers.set(at(1), 300)
    const dialer = world.dialer()
    const stop = new AbortController()
    const first = assert.rejects(dialer.connect(peer(at(1)), stop.signal), /enough/)
    await world.clock.advance(100)
    stop.abort(new Error('enough'))
    await first
    const second = dialer.connect(peer(at(1)))
    await world.clock.advance(200)
    assert.equal(await textOf(second), at(1))
    assert.equal(world.dialled.length, 1)
  })

  it('tries the addresses of one who joined a dial that failed', async () => {
    world.answers.set(at(2), 1)
    const dialer = world.dialer()
    const first = assert.rejects(dialer.connect(peer(at(1))), { code: 'UNREACHABLE' })
    const second = dialer.connect(peer(at(2)))
    await world.clock.advance(5_100)
    await first
    assert.equal(await textOf(second), at(2))
  })

  it('begins so many dials at a time, but does not wait for dead ones to end', async () => {
    const dialer = world.dialer({ dials: 2 })
    const ids = [PEER, OTHER, '12D3KooWGatU9DLhzSf8b1P9vq6SXJ6fzBsAAKPaKwz9a2jWbKmF']
    const outcomes = ids.map((peerId, i) =>
      assert.rejects(dialer.connect({ peerId, multiaddrs: [at(i)] }), { code: 'UNREACHABLE' }),
    )
    await world.clock.advance(999)
    assert.equal(world.most, 2)
    await world.clock.advance(1)
    assert.deepEqual(world.dialled.at(-1), `${at(2)} at 1000`)
    await world.clock.advance(10_000)
    await Promise.all(outcomes)
  })

  it('prefers direct connections, and says when one comes', async () => {
    const dialer = world.dialer()
    const relayed = world.open(RELAYED)
    assert.equal(await dialer.connect(peer(at(1))), relayed)
    let better = 0
    const stop = dialer.onBetter(relayed, () => better++)
    world.open(RELAYED)
    assert.equal(better, 0)
    const direct = world.open(at(1))
    assert.equal(better, 1)
    assert.equal(await dialer.connect(peer(at(1))), direct)
    world.open(at(2))
    assert.equal(better, 1)
    stop()
    // one that came between taking a connection and asking
    let late = 0
    dialer.onBetter(relayed, () => late++)()
    dialer.onBetter(direct, () => late++)()
    assert.equal(late, 1)
    Object.assign(direct, { status: 'closed' })
    assert.notEqual(await dialer.connect(peer(at(1))), direct)
  })

  it("asks libp2p for a peer without addresses, again when that was ended with a dial of somebody else's", async () => {
    let dials = 0
    const endedTimes = (ended: number) =>
      world.dialer({
        libp2p: Object.assign(Object.create(world.libp2p), {
          dial: async () => {
            if (++dials <= ended) throw new DOMException('ended', 'AbortError')
            return world.open(at(1))
          },
        }),
      })
    const connect = async (ended: number) => {
      const connecting = textOf(endedTimes(ended).connect(peer()))
      connecting.catch(() => undefined)
      for (let turns = 3; turns > 0; turns--) await world.clock.advance(0)
      return await connecting
    }
    await assert.rejects(connect(9), { code: 'UNREACHABLE' })
    assert.equal(dials, 3)
    dials = 0
    assert.equal(await connect(1), at(1))
  })

  it('ends its dials when it is closed', async () => {
    const dialer = world.dialer()
    const ended = assert.rejects(dialer.connect(peer(at(1))), { code: 'CLOSED' })
    await world.clock.advance(10)
    dialer.close()
    await ended
    await assert.rejects(dialer.connect(peer(at(1))), { code: 'CLOSED' })
    await assert.rejects(world.dialer().connect({ peerId: 'nobody', multiaddrs: [] }), {
      code: 'UNREACHABLE',
    })
    assert.equal(world.clock.waiting, 0)
  })

  it('punches beside a relayed connection as soon as it is used, and leaves direct ones alone', async () => {
    const punched: unknown[] = []
    const punch = async (connection: Connection) => {
      punched.push((connection as { text?: string }).text)
      throw new Error('not now')
    }
    const dialer = world.dialer({ puncher: { punch, underWay: () => undefined } })
    world.open(RELAYED)
    await dialer.connect(peer())
    await dialer.connect(peer())
    assert.deepEqual(punched, [RELAYED, RELAYED])
    world.open(at(1))
    await dialer.connect(peer())
    world.connections.splice(0)
    world.connections.push(Object.assign(world.open(RELAYED), { direction: 'inbound' }))
    await dialer.connect(peer())
    assert.equal(punched.length, 2)
  })

  it('has bulk wait for a punch under way, for a second and a half at most', async () => {
    let punch = Promise.withResolvers<Connection>()
    let underWay: Promise<Connection> | undefined
    const dialer = world.dialer({
      puncher: { punch: () => (underWay = punch.promise), underWay: () => underWay },
    })
    world.open(RELAYED)
    const settled = async (act: () => Promise<void> | void): Promise<boolean> => {
      let done = false
      const settling = dialer.settle?.(peer()).then(() => {
        done = true
      })
      await act()
      await world.clock.advance(0)
      if (done) await settling
      return done
    }
    assert.equal(await settled(() => world.clock.advance(1_499)), false)
    assert.equal(await settled(() => world.clock.advance(1_500)), true)
    assert.equal(await settled(() => punch.reject(new Error('not met'))), true)
    punch = Promise.withResolvers()
    assert.equal(await settled(() => punch.resolve(world.open(at(1)))), true)
    // a direct one is there
    assert.equal(await settled(() => undefined), true)
    assert.equal(world.clock.waiting, 0)
  })
})
