import assert from 'node:assert/strict'
import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { agreeToPunch, ProtocolError, type PunchAnswerer, QUOTAS } from '../../../protocols/index.ts'
import { PunchAnswer, PunchOffer, PunchPong, PunchStepMessage } from '../../../protocols/punch/messages.ts'
import { SPECS } from '../../../protocols/specs.ts'
import { NETWORK } from '../support/fakes.ts'
import { type TestClient, type TestServer, testPeers } from '../support/peers.ts'
import { greet, hear, say } from '../support/raw.ts'

const ours = [{ ip: '198.51.100.1', port: 40_001 }]
const theirs = [{ ip: '2001:db8:0:0:0:0:0:2', port: 40_002 }]

describe('punch between two peers', () => {
  const peers = testPeers()
  let server: TestServer
  let caller: TestClient
  let connection: Connection
  /** what the answering side was told, in order; `over` resolves when it gave up its sockets */
  let heard: unknown[]
  let over: PromiseWithResolvers<void>

  const meets = (open: PunchAnswerer['open']) => Object.assign(server.node.punching, { open })

  beforeEach(async () => {
    const punch = { ...SPECS.punch, chunkTimeoutMs: 300 }
    server = await peers.server({ quotas: QUOTAS, specs: { ...SPECS, punch } })
    caller = await peers.client()
    connection = await caller.libp2p.dial(server.address.multiaddrs.map(address => multiaddr(address)))
    heard = []
    over = Promise.withResolvers()
    meets(async offered => {
      heard.push(offered)
      return {
        candidates: theirs,
        go: async roundTripMs => void heard.push(typeof roundTripMs),
        close: () => over.resolve(),
      }
    })
  })
  afterEach(() => peers.stop())

  it('exchanges where each may be met, measures the round trip, and begins', async () => {
    const agreement = await agreeToPunch(connection, ours, { network: NETWORK, clock: systemClock })
    assert.deepEqual(agreement.candidates, theirs)
    assert.ok(agreement.roundTripMs >= 0)
    assert.deepEqual(heard, [ours])
    await agreement.go()
    await over.promise
    assert.deepEqual(heard, [ours, 'number'])
    await agreement.close()
  })

  it('tells why it does not meet', async () => {
    meets(async () => {
      throw new ProtocolError('BUSY')
    })
    const asked = agreeToPunch(connection, ours, { network: NETWORK, clock: systemClock })
    await assert.rejects(asked, { code: 'BUSY', remote: true })
  })

  it('gives its sockets back when who offered never says go, goes away, or begins before the ping', async () => {
    const silent = await greet(caller.libp2p, server.address, 'punch')
    await say(silent, PunchOffer, ours)
    assert.deepEqual(await hear(silent, PunchAnswer), theirs)
    await over.promise
    assert.equal((await silent.refusal()).code, 'TIMEOUT')

    over = Promise.withResolvers()
    const gone = await greet(caller.libp2p, server.address, 'punch')
    await say(gone, PunchOffer, ours)
    await hear(gone, PunchAnswer)
    await say(gone, PunchStepMessage, { Ping: true })
    assert.equal(await hear(gone, PunchPong), true)
    gone.abort(new Error('gone'))
    await over.promise

    over = Promise.withResolvers()
    const early = await greet(caller.libp2p, server.address, 'punch')
    await say(early, PunchOffer, ours)
    await hear(early, PunchAnswer)
    await say(early, PunchStepMessage, { Go: 20 })
    assert.equal((await early.refusal()).code, 'MALFORMED')
    await over.promise
    assert.deepEqual(heard, [ours, ours, ours])
  })

  it('takes no more than eight addresses', async () => {
    const many = Array.from({ length: 9 }, () => ours[0]!)
    const raw = await greet(caller.libp2p, server.address, 'punch')
    await say(raw, PunchOffer, many)
    assert.equal((await raw.refusal()).code, 'MALFORMED')
    assert.deepEqual(heard, [])
  })
})
