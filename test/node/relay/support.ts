import type { Connection } from '@libp2p/interface'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { createNetworkNode, type NetworkNode } from '../../../node/network/libp2p.ts'
import { createRelay, type Relay, type RelayInit } from '../../../node/relay/relay.ts'
import { CIRCUIT, type CircuitEnd, receiveCall } from '../../../protocols/index.ts'
import { NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog } from '../../protocols/support/quiet.ts'

export interface TestRelay {
  libp2p: NetworkNode
  relay: Relay
}

export interface TestPeer {
  libp2p: NetworkNode
  /** to the relay */
  connection: Connection
  /** what was called here, in order; waits for the next one */
  nextCall(): Promise<CircuitEnd>
}

/** Relays and peers over loopback, all stopped by `stop`. */
export interface TestRelays {
  relay(init?: Partial<RelayInit>): Promise<TestRelay>
  peer(relay: TestRelay): Promise<TestPeer>
  stop(): Promise<void>
}

export function testRelays(clock: Clock = systemClock): TestRelays {
  const stops: (() => Promise<void>)[] = []
  const node = async (roles: Parameters<typeof createNetworkNode>[0]['roles'], listen: string[] = []) => {
    const libp2p = await createNetworkNode({
      network: NETWORK,
      roles,
      listen,
      log: quietLog,
      clock: systemClock,
      random: Math.random,
    })
    stops.unshift(async () => libp2p.stop())
    return libp2p
  }
  return {
    async relay(init = {}) {
      const libp2p = await node(['relay'], ['/ip4/127.0.0.1/tcp/0'])
      const relay = createRelay({ libp2p, rssBytes: () => 0, log: quietLog, clock, ...init })
      await relay.start()
      stops.unshift(() => relay.stop())
      return { libp2p, relay }
    },
    async peer(relay) {
      const libp2p = await node(['client'])
      const calls: CircuitEnd[] = []
      const waiting: ((call: CircuitEnd) => void)[] = []
      await libp2p.handle(CIRCUIT.stop, async stream => {
        const call = await receiveCall(stream, () => true, { clock: systemClock }).catch(() => undefined)
        if (call === undefined) return
        const next = waiting.shift()
        if (next === undefined) calls.push(call)
        else next(call)
      })
      return {
        libp2p,
        connection: await libp2p.dial(relay.libp2p.getMultiaddrs()),
        nextCall() {
          const call = calls.shift()
          return call === undefined ? new Promise(resolve => waiting.push(resolve)) : Promise.resolve(call)
        },
      }
    },
    async stop() {
      for (const stop of stops.splice(0)) await stop()
    },
  }
}
