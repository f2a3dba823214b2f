import assert from 'node:assert/strict'
import type { StreamMuxer } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import { systemClock } from '../../../base/clock.ts'
import { boundedYamux } from '../../../node/network/bounded-yamux.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { CONNECTIONS, SOCKET } from '../../../node/network/limits.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'

const PROTOCOL = '/floe-test/early/1.0.0'
/** three protocols, 16 streams each: what a client opens at once on a fresh connection */
const STREAMS = 48

describe('streams on a connection that the other side has not finished yet', () => {
  let acceptor: Libp2p
  let client: NetworkNode
  let muxer: StreamMuxer | undefined
  let held: PromiseWithResolvers<boolean>

  beforeEach(async () => {
    held = Promise.withResolvers()
    acceptor = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp(SOCKET)],
      connectionEncrypters: [noise()],
      streamMuxers: [
        () => {
          const factory = boundedYamux(() => undefined, systemClock).factory()
          const create = factory.createStreamMuxer.bind(factory)
          factory.createStreamMuxer = secured => {
            muxer = create(secured)
            return muxer
          }
          return factory
        },
      ],
      connectionManager: CONNECTIONS,
      // the multiplexer works by then, and nobody listens to its streams
      connectionGater: { denyInboundUpgradedConnection: () => held.promise },
    })
    client = await createNetworkNode({
      clock: systemClock,
      random: Math.random,
      network: NETWORK,
      roles: ['client'],
      log: quietLog,
    })
  })
  afterEach(async () => {
    held.resolve(false)
    await client.stop()
    await acceptor.stop()
  })

  it('all come through', async () => {
    let served = 0
    await acceptor.handle(PROTOCOL, () => void served++, { maxInboundStreams: STREAMS })
    const connection = await client.dial(acceptor.getMultiaddrs())
    const opening = Promise.all(
      Array.from({ length: STREAMS }, () => connection.newStream(PROTOCOL, { maxOutboundStreams: STREAMS })),
    )
    const opened = opening.then(
      streams => streams.length,
      (error: Error) => error.message,
    )
    await eventually(
      () => muxer?.streams.length === STREAMS,
      () => `${muxer?.streams.length} streams arrived`,
    )
    held.resolve(false)
    assert.equal(await opened, STREAMS)
    assert.equal(served, STREAMS)
    assert.equal(connection.status, 'open')
  })
})
