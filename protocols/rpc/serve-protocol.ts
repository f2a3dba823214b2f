import type { Connection, Stream } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { peerDeadline } from '../deadline.ts'
import { ProtocolError, toProtocolError } from '../errors.ts'
import type { Quotas, StreamQuota } from '../quota/quotas.ts'
import { HELLO, type ProtocolSpec } from '../specs.ts'
import { type Channel, createChannel } from '../stream/channel.ts'
import { pathEnds } from '../stream/path-ends.ts'
import { ClientHello, encodeError, ServerHello } from '../wire.ts'
import type { NetworkIdentity, ServerComponents } from './components.ts'
import { addressOf, addressToCount, pathOf } from './remote-address.ts'
import type { RequestHandler, ServedRequest } from './served-request.ts'
import { createTransfers } from './transfers.ts'

export interface ServedProtocol {
  start(): Promise<void>
  /** Refuses new streams, ends the open ones and waits until their handlers are done. */
  stop(): Promise<void>
}

export interface ServeOptions extends NetworkIdentity {
  name: string
  spec: ProtocolSpec
  quotas: Quotas
  /** Members are counted by PeerId only: their identity cost stake. */
  isMember: (peer: string) => boolean
  /** Somebody was told NOT_A_MEMBER, who may have become one, or have another key by now. */
  stranger: () => void
  /** A request on the connection begins; the result is called when it has ended. */
  serving: (connection: Connection) => () => void
  /** A stream was refused by a quota. */
  refused: (reason: StreamRefusal) => void
}

export type StreamRefusal = 'busy' | 'failures'

/** what the last words of an ending stream may take */
const FAREWELL_MS = 2_000

/**
 * Serves one protocol: admits streams, exchanges hellos, then hands over request after request until the client closes.
 * Any error is told to the client, typed, and ends the stream; nothing a peer does ends the server.
 */
export function serveProtocol(
  { libp2p, bandwidth, log, metrics, clock }: ServerComponents,
  { name, spec, quotas, isMember, stranger, serving, refused, network }: ServeOptions,
  handler: RequestHandler,
): ServedProtocol {
  let stopping = new AbortController()
  const running = new Set<Promise<void>>()

  const onStream = (stream: Stream, connection: Connection): void => {
    // listeners first: what arrives before a reader is attached may be lost
    const channel = createChannel(
      stream,
      clock,
      pathEnds(connection),
      bandwidth?.of(connection.remotePeer.toString(), pathOf(connection.remoteAddr)),
    )
    const done = serveStream(stream, connection, channel)
      // a transport that throws while it is being torn down: nobody waits for this promise before the stop
      .catch(error => log.error({ protocol: name, err: error }, 'a stream did not end cleanly'))
      .finally(() => running.delete(done))
    running.add(done)
  }

  async function serveStream(stream: Stream, connection: Connection, channel: Channel): Promise<void> {
    const peer = connection.remotePeer.toString()
    const member = isMember(peer)
    const account = member ? peer : addressOf(connection.remoteAddr)
    const ended = new AbortController()
    const onClose = (): void => ended.abort(pathEnds(connection).lost())
    stream.addEventListener('close', onClose)
    const signal = AbortSignal.any([ended.signal, stopping.signal])
    let quota: StreamQuota | undefined
    let served: (() => void) | undefined
    // between requests nobody on the other side listens, so that nobody needs to be told
    let listening = true
    try {
      quota = quotas.admit(spec, peer, member ? undefined : addressToCount(connection.remoteAddr))
      await welcome(channel, signal)
      for (;;) {
        listening = false
        if (!(await channel.reader.hasMore({ signal, timeoutMs: spec.idleTimeoutMs }))) break
        listening = true
        served = serving(connection)
        await serveRequest({ spec, channel, connection, quota, peer, account, isMember: member, signal })
        served()
      }
      await channel.close({ signal, timeoutMs: FAREWELL_MS })
    } catch (error) {
      const typed = toProtocolError(error)
      if (typed.blame && !typed.remote) quota?.failed()
      if (typed.code === 'NOT_A_MEMBER' && !typed.remote) stranger()
      if (quota === undefined) refused(typed.code === 'BUSY' ? 'busy' : 'failures')
      // what was no ProtocolError is trouble of ours
      if (typed !== error) log.error({ protocol: name, peer, err: typed.cause }, 'protocol handler failed')
      else log.debug({ protocol: name, peer, code: typed.code }, 'stream ended')
      if (listening) await farewell(channel, typed, clock, ended.signal)
      channel.abort(typed)
      if (typed.code === 'WRONG_NETWORK') await hangUp(connection, clock)
    } finally {
      stream.removeEventListener('close', onClose)
      channel.reader.detach()
      served?.()
      quota?.release()
    }
  }

  /** Reads the client's hello and answers with ours: WRONG_NETWORK unless they are of one network. */
  async function welcome(channel: Channel, signal: AbortSignal): Promise<void> {
    const limits = { signal, timeoutMs: HELLO.timeoutMs }
    const hello = ClientHello.decode(await channel.receive(HELLO.maxBytes, limits))
    if (hello.network !== network) throw new ProtocolError('WRONG_NETWORK', { details: { network } })
    await channel.send(ServerHello.encode({ network }), limits)
  }

  async function serveRequest(base: Omit<ServedRequest, 'note' | 'moved' | 'expect'>): Promise<void> {
    const started = clock.monotonic()
    const fields = {}
    const bytes = { in: 0, out: 0 }
    const transfers = createTransfers(base, bandwidth)
    let outcome = 'ok'
    try {
      const timeoutMs = spec.chunkTimeoutMs
      const request = await base.channel.receive(spec.maxRequestBytes, { signal: base.signal, timeoutMs })
      await handler(request, {
        ...base,
        note: more => void Object.assign(fields, more),
        moved(direction, count) {
          bytes[direction] += count
        },
        expect: transfers.expect,
      })
    } catch (error) {
      outcome = toProtocolError(error).code
      throw error
    } finally {
      transfers.end()
      const durationMs = clock.monotonic() - started
      metrics.request(name, outcome, durationMs)
      if (bytes.in > 0) metrics.bytes(name, 'in', bytes.in)
      if (bytes.out > 0) metrics.bytes(name, 'out', bytes.out)
      log.debug(
        {
          protocol: name,
          peer: base.peer,
          outcome,
          durationMs,
          bytesIn: bytes.in,
          bytesOut: bytes.out,
          ...fields,
        },
        'request served',
      )
    }
  }

  return {
    async start() {
      stopping = new AbortController()
      await libp2p.handle(spec.id, onStream, {
        // only a backstop, per connection: the quota counts a peer's connections together and answers BUSY
        maxInboundStreams: spec.streamsPerPeer * 2,
        runOnLimitedConnection: true,
      })
    },
    async stop() {
      await libp2p.unhandle(spec.id)
      stopping.abort(new ProtocolError('STOPPING'))
      await Promise.all(running)
    },
  }
}

/**
 * Tells the client why, if it still listens, and lets it close the stream. Closing or resetting at once could overtake
 * the end of its protocol negotiation, which then fails and takes the reason with it.
 */
async function farewell(
  channel: Channel,
  error: ProtocolError,
  clock: Clock,
  closed: AbortSignal,
): Promise<void> {
  try {
    await channel.send(encodeError(error), { timeoutMs: FAREWELL_MS, signal: closed })
    await clock.sleep(FAREWELL_MS, closed)
  } catch {
    // it is gone, or does not listen any more, which is all the same now
  }
}

async function hangUp(connection: Connection, clock: Clock): Promise<void> {
  using limit = peerDeadline(clock, FAREWELL_MS)
  try {
    await connection.close({ signal: limit.signal })
  } catch (error) {
    connection.abort(error instanceof Error ? error : new ProtocolError('CLOSED', { cause: error }))
  }
}
