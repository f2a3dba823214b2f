import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import { systemClock } from '../../base/clock.ts'
import { createCloseStack } from '../../base/close-stack.ts'
import { silentLog } from '../../base/log.ts'
import type { Coordinator } from '../../chain/types/index.ts'
import type { Devnet } from '../../node/devnet/devnet.ts'
import { createAddressBook } from '../../node/network/addresses/book.ts'
import { createRelayKeeper } from '../../node/network/circuit/keeper.ts'
import { CIRCUIT_LISTEN } from '../../node/network/circuit/transport.ts'
import { createDialingNode } from '../../node/network/dialing-node.ts'
import { serveHttpOverRelays } from '../../node/network/http-over-relay.ts'
import { createNetworkNode } from '../../node/network/libp2p.ts'
import { createPathDialer } from '../../node/network/paths/path-dialer.ts'
import { webRtcDialing } from '../../node/network/web-rtc/dialing.ts'
import { isWebRtcDirect } from '../../node/network/web-rtc/kinds.ts'
import { createRefusals } from '../../node/refusals.ts'
import { followMembers } from '../../node/relay/members.ts'
import { startRelay } from '../../node/relay/start.ts'
import type { RelayStatus } from '../../node/relay/status.ts'
import { createStunServer } from '../../node/relay/stun.ts'
import { createRelayWeb } from '../../node/relay/web.ts'
import { decodeStunAnswer, encodeStunRequest } from '../../protocols/index.ts'
import { createStreamReader } from '../../protocols/stream/reader.ts'
import { createStreamWriter } from '../../protocols/stream/writer.ts'
import { connectNatively } from '../support/native-rtc.ts'
import type { Target } from './attack.ts'

const HOST = '127.0.0.1'
const ECHO = '/floe-test/echo/1.0.0'
const ECHOED_BYTES = 64 * 1024
const HEALTH = '/v1/health'

const common = { log: silentLog(), clock: systemClock, random: Math.random }

/** A relay with the limits that all have, and a private node behind it; what its memory is nobody can tell in a shared process. */
export interface AttackedRelay {
  target: Target['boundedRelay']
  honest: {
    /** A client calls the private node, another one asks it over HTTP, and a third one how it looks from outside. */
    relay(signal: AbortSignal): Promise<void>
    /** A page connects to the relay. */
    page(signal: AbortSignal): Promise<void>
  }
  close(): Promise<void>
}

export async function startAttackedRelay(devnet: Devnet, coordinator: Coordinator): Promise<AttackedRelay> {
  const opened = createCloseStack(silentLog())
  try {
    const { network, metrics } = devnet
    const counted = metrics.node('attacked relay')
    const refusals = createRefusals({ clock: systemClock, metrics: counted })
    opened.push(async () => refusals.close())
    const members = followMembers(network, { ...common, coordinator })
    opened.push(members.close)
    const stun = await createStunServer({
      host: HOST,
      port: 0,
      clock: systemClock,
      refused: refusals.at('stun'),
    })
    opened.push(stun.close)
    const relay = await startRelay({
      ...common,
      seed: randomBytes(32),
      listen: [`/ip4/${HOST}/tcp/0`, `/ip4/${HOST}/udp/0/webrtc-direct`],
      isMember: members.isMember,
      rssBytes: () => 0,
      refusals,
    })
    opened.push(relay.close)
    const book = createAddressBook({ isMember: members.isMember, isPrivate: true, clock: systemClock })
    await relay.tell({ network, book, members: members.addresses, metrics: counted })
    const web = createRelayWeb({
      host: HOST,
      port: 0,
      status: () => ({ ...relay.view(), multiaddrs: relay.multiaddrs, rssBytes: 0 }) as RelayStatus,
      metrics,
      refusals,
      proxied: relay.proxied,
      clock: systemClock,
      log: silentLog(),
    })
    await web.start()
    opened.push(() => web.stop())
    const webRtc = relay.multiaddrs.find(one => isWebRtcDirect(multiaddr(one)))!
    const address = relay.multiaddrs.find(one => one !== webRtc)!
    const peerId = await startPrivateNode(address, opened)
    const called = `${address}${CIRCUIT_LISTEN}/p2p/${peerId}`
    return {
      target: { address, webRtc, httpUrl: web.url, stunPort: stun.port, peerId },
      honest: {
        async relay(signal) {
          await callOver(peerId, called, signal)
          const answer = await fetch(`${web.url}/peers/${peerId}${HEALTH}`, { signal })
          if ((await answer.text()) !== 'well') throw new Error(`the proxy answers ${answer.status}`)
          await askStun(stun.port, signal)
        },
        page: signal => comeByWebRtc(webRtc, signal),
      },
      close: opened.closeAll,
    }
  } catch (error) {
    await opened.closeAll()
    throw error
  }
}

/** Echoes, and says over HTTP that it is well; gives its PeerId. */
async function startPrivateNode(relay: string, opened: ReturnType<typeof createCloseStack>): Promise<string> {
  const libp2p = await createNetworkNode({
    ...common,
    roles: ['client', 'storage'],
    listen: [CIRCUIT_LISTEN],
  })
  opened.push(async () => libp2p.stop())
  await libp2p.handle(ECHO, async stream => {
    const limit = { timeoutMs: 20_000 }
    const bytes = await createStreamReader(stream, systemClock).exact(ECHOED_BYTES, limit)
    await createStreamWriter(stream, systemClock).write(bytes, limit)
  })
  const keeper = createRelayKeeper({ ...common, libp2p, transport: libp2p.circuits, relays: [relay] })
  opened.push(() => keeper.stop())
  keeper.start()
  await keeper.settled()
  const server = createServer((request, response) => {
    response.end(request.url === HEALTH ? 'well' : 'what?')
  })
  opened.push(async () => server.closeAllConnections())
  await serveHttpOverRelays(
    libp2p,
    keeper,
    (socket: Socket) => void server.emit('connection', socket),
    systemClock,
  )
  return libp2p.peerId.toString()
}

/** A page of its own each time. */
async function comeByWebRtc(address: string, signal: AbortSignal): Promise<void> {
  const page = await createDialingNode(
    [webRtcDialing({ connect: connectNatively, ...common }) as never],
    common,
  )
  try {
    await page.dial(multiaddr(address), { signal })
  } finally {
    await page.stop()
  }
}

async function askStun(port: number, signal: AbortSignal): Promise<void> {
  const transaction = new Uint8Array(randomBytes(12))
  const socket = connect({ host: HOST, port })
  try {
    socket.write(encodeStunRequest(transaction))
    const [answer] = (await once(socket, 'data', { signal })) as [Uint8Array]
    if (decodeStunAnswer(answer, transaction)?.ip !== HOST) throw new Error('STUN tells something else')
  } finally {
    socket.destroy()
  }
}

/** A client of its own each time, whose bytes come back over the relay. */
async function callOver(peerId: string, address: string, signal: AbortSignal): Promise<void> {
  const libp2p = await createNetworkNode({ ...common, roles: ['client'] })
  try {
    const dialer = createPathDialer({ libp2p, clock: systemClock })
    const connection = await dialer.connect({ peerId, multiaddrs: [address] }, signal)
    const stream = await connection.newStream(ECHO, { signal })
    const limit = { timeoutMs: 20_000, signal }
    const sent = randomBytes(ECHOED_BYTES)
    const echoed = createStreamReader(stream, systemClock).exact(ECHOED_BYTES, limit)
    await createStreamWriter(stream, systemClock).write(sent, limit)
    const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
    if (hash(await echoed) !== hash(sent)) throw new Error('other bytes came back over the relay')
  } finally {
    await libp2p.stop()
  }
}
