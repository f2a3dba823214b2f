import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../base/clock.ts'
import type { Connection, Connections } from '../../base/http/connections.ts'
import type { Log } from '../../base/log.ts'
import type { Refusals } from '../refusals.ts'
import type { Answer } from './answer.ts'
import { HttpError } from './errors.ts'
import { createPipeline, type Pipeline } from './pipeline.ts'
import { answerRaw } from './raw-answer.ts'

export interface ReceptionInit {
  connections: Pick<Connections, 'add' | 'of'>
  answer: Answer
  /** aborted when the server's patience with requests under way ends */
  stopping: AbortSignal
  clock: Clock
  refusals?: Refusals
  log?: Log
}

export interface RequestKind {
  /** the client waits for `100 Continue` before it sends its body */
  expectsContinue?: boolean
  /** answered instead of what was asked */
  refusal?: HttpError
}

/** Takes connections in, and requests, a few of one connection at a time, and has them answered. */
export interface Reception {
  /** A new connection. One for which there is no room is told so by the answer to its first request, and closed. */
  admit(socket: Socket): void
  /** those that are not over */
  readonly underWay: ReadonlySet<Promise<void>>
  take(request: IncomingMessage, response: ServerResponse, kind?: RequestKind): void
  /** Ends a connection on which nothing more can be understood, and says why unless something else is being said. */
  breakOff(socket: Socket, why: HttpError): void
}

/** Connections for which there is no room that are kept for a moment, so that they can be told why. */
export const REFUSED_AT_A_TIME = 64
// for the head of one request
const REFUSED_MS = 2_000

/** What was asked on a connection. */
interface Conversation {
  pipeline: Pipeline
  newest?: ServerResponse
}

export function createReception(init: ReceptionInit): Reception {
  const { connections, answer, stopping, clock, refusals, log } = init
  const underWay = new Set<Promise<void>>()
  const conversations = new WeakMap<Connection, Conversation>()
  const keepForAMoment = createRefusedKeeper(clock)

  function conversationOf(connection: Connection): Conversation {
    const known = conversations.get(connection) ?? { pipeline: createPipeline() }
    conversations.set(connection, known)
    return known
  }

  /** When the request may begin; undefined when it is none of those that the connection still answers. */
  function turnOf(
    { pipeline, newest: before }: Conversation,
    { socket }: Connection,
  ): Promise<void> | undefined {
    // the connection is closed after that answer: what follows is not heard
    if (before?.shouldKeepAlive === false) return undefined
    const turn = pipeline.enter()
    if (turn === undefined && before !== undefined) {
      refusals?.refused('http', 'pipelined')
      if (before.headersSent) socket.destroy()
      else before.shouldKeepAlive = false
    }
    return turn
  }

  return {
    underWay,
    admit(socket) {
      const { noRoom } = connections.add(socket)
      if (noRoom === undefined) return
      refusals?.refused('http', noRoom)
      keepForAMoment(socket)
    },
    take(request, response, { expectsContinue = false, refusal } = {}) {
      const connection = connections.of(request.socket)
      // closed while the rest of what it had sent was parsed
      if (connection === undefined) return
      const conversation = conversationOf(connection)
      const turn = turnOf(conversation, connection)
      if (turn === undefined) return
      conversation.newest = response
      const { address, closed, noRoom } = connection
      const options = {
        address,
        closed,
        stopping,
        expectsContinue,
        refusal: noRoom === undefined ? refusal : tooManyConnections(),
      }
      const end = connection.begin()
      const done = turn
        .then(() => (closed.aborted ? undefined : answer(request, response, options)))
        .catch(error => {
          log?.error({ err: error }, 'a request was not answered')
          response.destroy()
        })
        .finally(() => {
          underWay.delete(done)
          conversation.pipeline.leave()
          end()
        })
      underWay.add(done)
    },
    breakOff(socket, why) {
      const connection = connections.of(socket)
      const current = connection && conversations.get(connection)?.newest
      const { requests = 0 } = connection ?? {}
      // an answer is being sent, or several are due, or the only one has not got the connection, or has it no more
      const isTaken = requests === 1 && (current?.socket !== socket || current.headersSent)
      if (connection === undefined || requests > 1 || isTaken) {
        socket.destroy()
        return
      }
      if (requests === 1) current?.detachSocket(socket)
      answerRaw(socket, why, clock)
    },
  }
}

/** Bounds the connections that are only kept to be told something, by number and time. */
function createRefusedKeeper(clock: Clock): (socket: Socket) => void {
  let kept = 0
  return socket => {
    if (kept >= REFUSED_AT_A_TIME) {
      socket.destroy()
      return
    }
    kept++
    const late = clock.after(REFUSED_MS, () => socket.destroy())
    socket.once('close', () => {
      kept--
      late.stop()
    })
  }
}

function tooManyConnections(): HttpError {
  return new HttpError(503, 'BUSY', 'too many connections are open here: try again in a moment', {
    retryAfterSeconds: 1,
    headers: { connection: 'close' },
  })
}
