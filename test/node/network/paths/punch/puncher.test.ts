import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { type Clock, systemClock } from '../../../../../base/clock.ts'
import {
  createPuncher,
  type Puncher,
  type PuncherInit,
} from '../../../../../node/network/paths/punch/puncher.ts'
import { upgradingOf } from '../../../../../node/network/paths/punch/upgrade.ts'
import { createStunServer, type StunServer } from '../../../../../node/relay/stun.ts'
import { agreeToPunch, type ProtocolError, PUNCH } from '../../../../../protocols/index.ts'
import { eventually } from '../../../../protocols/support/eventually.ts'
import { NETWORK } from '../../../../protocols/support/fakes.ts'
import { type TestServer, testPeers } from '../../../../protocols/support/peers.ts'
import { quietLog } from '../../../../protocols/support/quiet.ts'
import { fastClock } from './support.ts'

/** One machine: the connection that stands for a relayed one is direct, and every address is of this machine. */
const LOOPBACK = { isRelayed: () => true, rule: () => true }

describe('hole punching', () => {
  const peers = testPeers()
  const punchers: Puncher[] = []
  let stun: StunServer
  let caller: TestServer
  let called: TestServer
  /** from the caller to the called one */
  let relayed: Connection

  beforeEach(async () => {
    stun = await createStunServer({ host: '127.0.0.1', port: 0, clock: systemClock })
    caller = await peers.server()
    called = await peers.server()
    relayed = await dial(caller, called)
  })
  afterEach(async () => {
    for (const puncher of punchers.splice(0)) await puncher.stop()
    await peers.stop()
    await stun.close()
  })

  const dial = (from: TestServer, to: TestServer) =>
    from.libp2p.dial(to.address.multiaddrs.map(address => multiaddr(address)))

  function puncherOf(
    { libp2p, node }: TestServer,
    init: Partial<PuncherInit> & { clock?: Clock } = LOOPBACK,
  ) {
    const upgrading = upgradingOf(libp2p)!
    // the newest: the others stand for relayed ones
    const direct: typeof upgrading.direct = peer => libp2p.getConnections(peer).at(-1)
    const puncher = createPuncher({
      network: NETWORK,
      upgrading: { ...upgrading, direct },
      relays: () => [{ host: '127.0.0.1', family: 4, port: stun.port }],
      log: quietLog,
      clock: systemClock,
      random: Math.random,
      ...init,
    })
    node.punching.open = puncher.open.bind(puncher)
    punchers.push(puncher)
    return puncher
  }
  it('makes a connection on which who dialled the relayed one is the initiator, and both prove who they are', async () => {
    puncherOf(called)
    const connection = await puncherOf(caller).punch(relayed)
    assert.equal(connection.direction, 'outbound')
    assert.ok(connection.remotePeer.equals(called.libp2p.peerId))
    assert.notEqual(connection.id, relayed.id)
    const ends = () => called.libp2p.getConnections(caller.libp2p.peerId)
    await eventually(
      () => ends().length === 2,
      () => `${ends().length} connections`,
    )
    assert.deepEqual(new Set(ends().map(({ direction }) => direction)), new Set(['inbound']))
    const stream = await connection.newStream('/ipfs/ping/1.0.0')
    stream.abort(new Error('seen'))
  })

  it('joins a punch under way, and tells of it', async () => {
    puncherOf(called)
    const puncher = puncherOf(caller)
    const first = puncher.punch(relayed)
    assert.notEqual(puncher.underWay(called.libp2p.peerId), undefined)
    const [a, b] = await Promise.all([first, puncher.punch(relayed)])
    assert.equal(a, b)
    assert.equal(puncher.underWay(called.libp2p.peerId), undefined)
  })

  it('is one punch when both offer in the same moment', async () => {
    const back = await dial(called, caller)
    const [one, other] = [puncherOf(caller), puncherOf(called)]
    const outcomes = await Promise.allSettled([one.punch(relayed), other.punch(back)])
    assert.ok(outcomes.some(({ status }) => status === 'fulfilled'))
    const connections = caller.libp2p.getConnections(called.libp2p.peerId)
    assert.equal(connections.length, 3)
  })

  it("of two that offer to each other goes by the smaller PeerId's offer", async () => {
    const sides = [caller, called]
    const [small, large] = sides.sort((a, b) => (a.address.peerId < b.address.peerId ? -1 : 1)) as [
      TestServer,
      TestServer,
    ]
    const hang = ({ node }: TestServer) => {
      const asked = Promise.withResolvers<void>()
      node.punching.open = (_, __, signal) => {
        asked.resolve()
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
      }
      return asked.promise
    }
    const options = { network: NETWORK, clock: systemClock }
    const [there, back] = [await dial(small, large), await dial(large, small)]

    const first = puncherOf(small)
    let asked = hang(large)
    const kept = first.punch(there)
    await asked
    await assert.rejects(agreeToPunch(back, [], options), { code: 'BUSY', remote: true })
    const stopped = assert.rejects(kept, { code: 'CLOSED' })
    await first.stop()
    await stopped

    const second = puncherOf(large)
    asked = hang(small)
    const given = second.punch(back)
    await asked
    const agreement = await agreeToPunch(there, [], options)
    assert.equal(agreement.candidates.length, 1)
    agreement.abort(new Error('never mind'))
    // it has followed the other's
    await assert.rejects(given, { code: 'CLOSED' })
  })

  it('takes nobody else at the address that a peer names, and backs off from one that lies until addresses change', async () => {
    const third = await peers.server()
    const [, , , , port] = third.address.multiaddrs[0]!.split('/')
    let opened = 0
    called.node.punching.open = async () => {
      opened++
      return {
        candidates: [{ ip: '127.0.0.1', port: Number(port) }],
        go: async () => undefined,
        close: () => undefined,
      }
    }
    const puncher = puncherOf(caller, { ...LOOPBACK, clock: fastClock })
    await assert.rejects(puncher.punch(relayed), { code: 'UNREACHABLE' })
    assert.deepEqual(caller.libp2p.getConnections(third.libp2p.peerId), [])
    await assert.rejects(puncher.punch(relayed), (error: ProtocolError) => {
      assert.equal(error.code, 'BUSY')
      assert.ok(error.retryAfterMs! > 0 && error.retryAfterMs! <= PUNCH.firstBackoffMs)
      return true
    })
    assert.equal(opened, 1)
    puncher.addressesChanged(called.libp2p.peerId.toString())
    await assert.rejects(puncher.punch(relayed), { code: 'UNREACHABLE' })
    assert.equal(opened, 2)
  })

  it('is refused over a connection that is no relayed one, or that the other side has dialled', async () => {
    puncherOf(called, { rule: () => true })
    const asked = puncherOf(caller).punch(relayed)
    await assert.rejects(asked, { code: 'NOT_AUTHORIZED', remote: true })
    await assert.rejects(puncherOf(caller, {}).punch(relayed), { code: 'NOT_AUTHORIZED', remote: false })
    const theirs = called.libp2p.getConnections(caller.libp2p.peerId)[0]!
    await assert.rejects(puncherOf(called).punch(theirs), { code: 'NOT_AUTHORIZED', remote: false })
    puncherOf(caller)
    const turned = agreeToPunch(theirs, [], { network: NETWORK, clock: systemClock })
    await assert.rejects(turned, { code: 'NOT_AUTHORIZED', remote: true })
  })

  it('dials no address of this machine as a peer says so', async () => {
    puncherOf(called, { isRelayed: () => true })
    const asked = puncherOf(caller, { isRelayed: () => true }).punch(relayed)
    await assert.rejects(asked, (error: ProtocolError) => {
      assert.equal(error.code, 'UNREACHABLE')
      assert.match(String((error.cause as Error).message), /no address that may be dialled/)
      return true
    })
  })

  it('answers four offers of one peer a minute, and holds nothing of one that never says go', async () => {
    const puncher = puncherOf(called)
    const options = { network: NETWORK, clock: systemClock }
    for (let i = 0; i < PUNCH.perPeerPerMinute; i++) {
      const agreement = await agreeToPunch(relayed, [], options)
      assert.notEqual(puncher.underWay(caller.libp2p.peerId), undefined)
      agreement.abort(new Error('never mind'))
      await eventually(
        () => puncher.underWay(caller.libp2p.peerId) === undefined,
        () => 'it goes on',
      )
    }
    await assert.rejects(agreeToPunch(relayed, [], options), { code: 'BUSY', remote: true })
  })

  it('ends with its signal, with the relayed connection, and when it is stopped', async () => {
    called.node.punching.open = (_, __, signal) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    const puncher = puncherOf(caller)
    const stop = new AbortController()
    const asked = puncher.punch(relayed, stop.signal)
    stop.abort(new Error('enough'))
    await assert.rejects(asked, /enough/)
    const joined = puncher.punch(relayed)
    await puncher.stop()
    await assert.rejects(joined, { code: 'CLOSED' })
    await assert.rejects(puncher.punch(relayed), { code: 'CLOSED' })
  })
})
