/** A private peer: reached over the relay, and by punching. Its arguments: the relay's multiaddr, and the hosts whose STUN it asks. */
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../../base/clock.ts'
import { createRelayKeeper } from '../../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN } from '../../../node/network/circuit/transport.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { createPathDialer } from '../../../node/network/paths/path-dialer.ts'
import { createPuncher } from '../../../node/network/paths/punch/puncher.ts'
import { upgradingOf } from '../../../node/network/paths/punch/upgrade.ts'
import { STUN, serveProtocols, toProtocolError } from '../../../protocols/index.ts'
import { createStreamReader } from '../../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../../protocols/stream/writer.ts'
import { eventually } from '../../protocols/support/eventually.ts'
import { fakeNode, NETWORK } from '../../protocols/support/fakes.ts'
import { quietLog, recordMetrics } from '../../protocols/support/quiet.ts'
import { cpuMs, obey } from './obey.ts'

/** What a test asks of a peer. */
export type PeerOrder =
  | { do: 'address' }
  /** answered once a relay has its reservation, and as long as that takes */
  | { do: 'reserved' }
  | { do: 'punch'; address: string }
  /** sends bytes over the best connection, and has them counted there */
  | { do: 'send'; peer: string; bytes: number }
  /** connects to whichever of the addresses answers first */
  | { do: 'dial'; peer: string; addresses: readonly string[] }

/** How a punch went. */
export interface Punched {
  /** of the connection, without a PeerId; or why there is none */
  outcome: string
  /** from the offer to the connection */
  ms: number
}

const SINK = '/floe-test/sink/1.0.0'
const LIMIT = { timeoutMs: 20_000 }
const common = { network: NETWORK, log: quietLog, clock: systemClock, random: Math.random }
const [relay = '', ...stun] = process.argv.slice(2)

const libp2p = await createNetworkNode({ ...common, roles: ['storage'], listen: [CIRCUIT_LISTEN] })
const keeper = createRelayKeeper({ ...common, libp2p, transport: libp2p.circuits, relays: [relay] })
const puncher = createPuncher({
  ...common,
  upgrading: upgradingOf(libp2p)!,
  isNear: relayed => libp2p.circuits.isNear(relayed),
  relays: () => stun.map(host => ({ host, family: host.includes(':') ? 6 : 4, port: STUN.port })),
})
const dialer = createPathDialer({ libp2p, clock: systemClock })
const server = serveProtocols(
  { clock: systemClock, libp2p, log: quietLog, metrics: recordMetrics() },
  { ...fakeNode(), punching: puncher, network: NETWORK },
)
await libp2p.handle(SINK, drain, { runOnLimitedConnection: true })
await server.start()
keeper.start()
await keeper.settled()

/** Reads to the end, and answers how much it was. */
async function drain(stream: Stream): Promise<void> {
  const [reader, writer] = [createStreamReader(stream, systemClock), createStreamWriter(stream, systemClock)]
  let count = 0
  while (await reader.hasMore(LIMIT)) {
    const some = reader.bufferedBytes
    await reader.exact(some, LIMIT)
    count += some
  }
  await writer.write(new TextEncoder().encode(`${count}`), LIMIT)
  await writer.close(LIMIT)
}

const placeOf = ({ remoteAddr }: Connection) => remoteAddr.toString().split('/p2p/')[0]

async function punch(address: string): Promise<Punched> {
  const relayed = await libp2p.dial(multiaddr(address))
  const startedAt = performance.now()
  const outcome = await puncher.punch(relayed).then(placeOf, error => toProtocolError(error).code)
  return { outcome: `${outcome}`, ms: performance.now() - startedAt }
}

async function send(peer: string, bytes: number): Promise<object> {
  const all = libp2p.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer)
  const connection = all.find(({ direct }) => direct) ?? all[0]!
  const startedAt = performance.now()
  const stream = await connection.newStream(SINK, { runOnLimitedConnection: true })
  const [reader, writer] = [createStreamReader(stream, systemClock), createStreamWriter(stream, systemClock)]
  const chunk = new Uint8Array(1024 * 1024)
  for (let at = 0; at < bytes; at += chunk.length) await writer.write(chunk.subarray(0, bytes - at), LIMIT)
  await writer.close(LIMIT)
  let answer = ''
  while (await reader.hasMore(LIMIT)) answer += new TextDecoder().decode(await reader.exact(1, LIMIT))
  return { received: Number(answer), ms: performance.now() - startedAt }
}

obey(async (order: PeerOrder) => {
  if (order.do === 'address') {
    return { peer: libp2p.peerId.toString(), address: libp2p.getMultiaddrs().map(String)[0], cpuMs: cpuMs() }
  }
  if (order.do === 'reserved') {
    const isHeld = () => keeper.standings().some(({ state }) => state === 'held')
    await eventually(isHeld, () => JSON.stringify(keeper.standings()), 20_000)
    return {}
  }
  if (order.do === 'punch') return await punch(order.address)
  if (order.do === 'send') return await send(order.peer, order.bytes)
  const startedAt = performance.now()
  const connection = await dialer.connect({ peerId: order.peer, multiaddrs: order.addresses })
  return { at: placeOf(connection), ms: performance.now() - startedAt }
})
