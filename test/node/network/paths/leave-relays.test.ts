import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { leaveRelays } from '../../../../node/network/paths/leave-relays.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

const GOSSIP = '/meshsub/1.2.0'
const PING = '/ipfs/ping/1.0.0'
const STORE = '/floe/store/1.0.0'
const LONG_MS = 60_000

/** A connection of which only that much is looked at. */
class FakeConnection {
  status = 'open'
  readonly remotePeer: { toString(): string }
  readonly direct: boolean
  readonly direction: 'inbound' | 'outbound'
  streams: { protocol: string }[]

  constructor(
    peer: string,
    kind: 'direct' | 'relayed',
    protocols: string[] = [],
    direction: 'inbound' | 'outbound' = 'outbound',
  ) {
    this.remotePeer = { toString: () => peer }
    this.direct = kind === 'direct'
    this.direction = direction
    this.streams = protocols.map(protocol => ({ protocol }))
  }

  async close(): Promise<void> {
    this.status = 'closed'
  }
}

/** Which of them are open after a while. */
async function left(
  connections: readonly FakeConnection[],
  {
    clock = new VirtualClock(),
    afterMs = LONG_MS,
    needs,
  }: { clock?: VirtualClock; afterMs?: number; needs?: (peer: string) => boolean } = {},
): Promise<boolean[]> {
  const libp2p = { getConnections: () => connections as unknown as Connection[] }
  const leaving = leaveRelays({ libp2p, needs, clock })
  await clock.advance(afterMs)
  leaving.stop()
  assert.equal(clock.waiting, 0)
  return connections.map(({ status }) => status === 'open')
}

describe('leaving relays', () => {
  it('closes what goes over a relay beside a direct connection, also where gossip runs on it', async () => {
    const direct = new FakeConnection('a', 'direct', [GOSSIP])
    assert.deepEqual(await left([direct, new FakeConnection('a', 'relayed')]), [true, false])
    assert.deepEqual(await left([direct, new FakeConnection('a', 'relayed', [GOSSIP])]), [true, false])
  })

  it('leaves alone the only path to a peer while it is used, and what the peer has dialled', async () => {
    const other = new FakeConnection('b', 'direct')
    for (const used of [GOSSIP, STORE])
      assert.deepEqual(await left([other, new FakeConnection('a', 'relayed', [used])]), [true, true])
    const closing = new FakeConnection('a', 'direct')
    closing.status = 'closing'
    assert.deepEqual(await left([closing, new FakeConnection('a', 'relayed', [GOSSIP])]), [false, true])
    assert.deepEqual(await left([new FakeConnection('a', 'relayed', [], 'inbound')]), [true])
    const direct = new FakeConnection('a', 'direct')
    assert.deepEqual(await left([direct, new FakeConnection('a', 'relayed', [], 'inbound')]), [true, true])
  })

  it('closes the only path to a peer half a minute after its last use, pings not counted', async () => {
    for (const protocols of [[], [PING]]) {
      const path = new FakeConnection('a', 'relayed', protocols)
      assert.deepEqual(await left([path], { afterMs: 39_000 }), [true])
      assert.deepEqual(await left([path], { afterMs: 40_000 }), [false])
    }
    const clock = new VirtualClock()
    const path = new FakeConnection('a', 'relayed')
    const again = clock.after(25_000, () => path.streams.push({ protocol: STORE }))
    const done = clock.after(35_000, () => path.streams.pop())
    assert.deepEqual(await left([path], { clock, afterMs: 69_000 }), [true])
    again.stop()
    done.stop()
  })

  it('closes the only path to a peer where nothing but gossip runs that is not needed', async () => {
    const needs = (peer: string): boolean => peer === 'neighbour'
    const paths = ['neighbour', 'other'].map(peer => new FakeConnection(peer, 'relayed', [GOSSIP]))
    const used = new FakeConnection('other', 'relayed', [GOSSIP, STORE])
    assert.deepEqual(await left([...paths, used], { needs }), [true, false, true])
  })

  it('waits for what is under way', async () => {
    const direct = new FakeConnection('a', 'direct')
    const relayed = new FakeConnection('a', 'relayed', [GOSSIP, STORE])
    assert.deepEqual(await left([direct, relayed]), [true, true])
    relayed.streams.pop()
    assert.deepEqual(await left([direct, relayed]), [true, false])
  })
})
