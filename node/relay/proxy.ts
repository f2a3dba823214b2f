import type { Connection } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import { createPlaceQueue } from '../../base/place-queue.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import { allowedMethods, isPreflight, type Route } from '../http/router.ts'
import { forward } from './forward.ts'
import { RELAY } from './limits.ts'

/** The storage API of a node, which is all that is passed on. */
export const PROXIED: readonly { path: string; methods: readonly ('GET' | 'PUT' | 'POST')[] }[] = [
  { path: '/v1/blobs/:blobId/metadata', methods: ['GET', 'PUT'] },
  { path: '/v1/blobs/:blobId/metadata/status', methods: ['GET'] },
  { path: '/v1/blobs/:blobId/slivers/:pair/:axis', methods: ['GET', 'PUT'] },
  { path: '/v1/blobs/:blobId/slivers/:pair/:axis/status', methods: ['GET'] },
  { path: '/v1/blobs/:blobId/confirmation/permanent', methods: ['GET'] },
  { path: '/v1/blobs/:blobId/confirmation/deletable/:objectId', methods: ['GET'] },
  { path: '/v1/blobs/:blobId/inconsistencyProof/:axis', methods: ['POST'] },
  { path: '/v1/blobs/:blobId/status', methods: ['GET'] },
  { path: '/v1/health', methods: ['GET'] },
]

export interface ProxyInit {
  /** The connection of a peer that has a reservation here. */
  connectionOf: (peer: string) => Connection | undefined
  /** Resolves when a peer that was here, or may have been, has a reservation again, or does not come in time. False: too many wait already. */
  cameBack: (peer: string, address: string, signal: AbortSignal) => Promise<boolean>
  /** Whether the network may have that peer among its members. */
  mayBeMember: (peer: string) => boolean
  /** Whether the operator's lists let somebody with that IP address use the relay. */
  allows: (ip: string) => boolean
  /** Why nothing is passed on for now, and for how many ms. */
  closedFor: () => { reason: string; retryAfterMs: number } | undefined
  /** Bytes have moved; for how many ms whoever sends is to rest. */
  moved: (peer: string, address: string, bytes: number) => number
}

/** Routes `/peers/{peerId}/v1/...`: HTTP to nodes that are reached over this relay. `refused`: there was no place for a request. */
export function createProxyRoutes(
  init: ProxyInit,
  clock: Clock,
  refused: () => void = () => undefined,
): Route[] {
  const passOn = createPassOn(init, clock, refused)
  return PROXIED.map(({ path, methods }) => ({
    pattern: `/peers/:peerId${path}`,
    methods: Object.fromEntries(methods.map(method => [method, passOn])),
    readableByPages: true,
  }))
}

const PREFLIGHT_SECONDS = '86400'

/** What a browser asks before a page may send something; undefined when it is no such question. */
export function answerProxyPreflight({ request, response }: Exchange, route: Route): boolean {
  if (!isPreflight(request)) return false
  const methods = allowedMethods(route)
  response.writeHead(204, {
    allow: methods,
    'access-control-allow-methods': methods,
    'access-control-allow-headers': '*',
    'access-control-max-age': PREFLIGHT_SECONDS,
  })
  response.end()
  return true
}

/** One request at a time of each stream; at most so many of all, of an address, and to a node. Some more wait, and their bodies are not read. */
function createPassOn(
  init: ProxyInit,
  clock: Clock,
  refused: () => void,
): (exchange: Exchange) => Promise<void> {
  const { proxied: most, proxiedWaiting: waiting, proxiedWaitMs: waitMs } = RELAY
  const places = createPlaceQueue({ most, waiting, waitMs, clock })
  const { connectionOf, cameBack, allows, closedFor, moved } = init
  return async exchange => {
    const { address, params, request } = exchange
    if (!allows(request.socket.remoteAddress ?? '')) {
      throw new HttpError(403, 'REFUSED', 'the relay passes nothing on from this address')
    }
    const peer = params.peerId ?? ''
    const connectionNow = (): Connection => {
      const connection = connectionOf(peer)
      if (connection === undefined) {
        throw noReservation(init.mayBeMember(peer))
      }
      const closed = closedFor()
      if (closed === undefined) return connection
      throw busy(`the relay passes nothing on: ${closed.reason}`, closed.retryAfterMs)
    }
    if (connectionOf(peer) === undefined && !(await cameBack(peer, address, exchange.signal))) {
      refused()
      throw busy('too many requests wait for nodes that have no reservation at this relay')
    }
    connectionNow()
    const leave = await places.enter(
      [
        {
          name: `address ${address}`,
          most: RELAY.proxiedPerAddress,
          waiting: RELAY.proxiedWaitingPerAddress,
        },
        { name: `node ${peer}`, most: RELAY.proxiedPerNode },
      ],
      exchange.signal,
    )
    if (leave === undefined) {
      refused()
      throw busy('the relay passes on as many requests as it can, or does of one address or node')
    }
    try {
      await forward(exchange, connectionNow(), bytes => moved(peer, address, bytes))
    } finally {
      leave()
    }
  }
}

function noReservation(mayBeMember: boolean): HttpError {
  const message = 'the node has no reservation at this relay'
  if (!mayBeMember) return new HttpError(404, 'NO_SUCH_ROUTE', message)
  const retryAfterSeconds = Math.ceil(RELAY.awayRetryMs / 1000)
  return new HttpError(503, 'NOT_RESERVED', `${message} now: try again, or over another relay`, {
    retryAfterSeconds,
  })
}

function busy(message: string, retryAfterMs: number = RELAY.proxyRetryMs): HttpError {
  return new HttpError(503, 'BUSY', message, { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) })
}
