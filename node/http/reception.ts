import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Log } from '../../base/log.ts'
import type { Refusals } from '../refusals.ts'
import type { Answer } from './answer.ts'
import type { Connection, Connections } from './connections.ts'
import { HttpError } from './errors.ts'
import { answerRaw } from './raw-answer.ts'

export interface ReceptionInit {
  connections: Connections
  answer: Answer
  /** aborted when the server's patience with requests under way ends */
  stopping: AbortSignal
  refusals?: Refusals
  log?: Log
}

export interface RequestKind {
  /** the client waits for `100 Continue` before it sends its body */
  expectsContinue?: boolean
  /** answered instead of what was asked */
  refusal?: HttpError
}

/** Takes requests in, a few of one connection at a time, and has them answered. */
export interface Reception {
  /** those that are not over */
  readonly underWay: ReadonlySet<Promise<void>>
  take(request: IncomingMessage, response: ServerResponse, kind?: RequestKind): void
  /** Ends a connection on which nothing more can be understood, and says why unless something else is being said. */
  breakOff(socket: Socket, why: HttpError): void
}

export function createReception(init: ReceptionInit): Reception {
  const { connections, answer, stopping, refusals, log } = init
  const underWay = new Set<Promise<void>>()
  const newest = new WeakMap<Connection, ServerResponse>()

  /** When the request may begin; undefined when it is none of those that the connection still answers. */
  function turnOf(connection: Connection): Promise<void> | undefined {
    const before = newest.get(connection)
    // the connection is closed after that answer: what follows is not heard
    if (before?.shouldKeepAlive === false) return undefined
    const turn = connection.pipeline.enter()
    if (turn === undefined && before !== undefined) {
      refusals?.refused('http', 'pipelined')
      if (before.headersSent) connection.socket.destroy()
      else before.shouldKeepAlive = false
    }
    return turn
  }

  return {
    underWay,
    take(request, response, { expectsContinue = false, refusal } = {}) {
      const connection = connections.of(request.socket)
      // closed while the rest of what it had sent was parsed
      if (connection === undefined) return
      const turn = turnOf(connection)
      if (turn === undefined) return
      newest.set(connection, response)
      const { address, closed, refused } = connection
      const options = {
        address,
        closed,
        stopping,
        expectsContinue,
        ...(refused ? { refusal: noRoom() } : refusal && { refusal }),
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
          connection.pipeline.leave()
          end()
        })
      underWay.add(done)
    },
    breakOff(socket, why) {
      const connection = connections.of(socket)
      const current = connection && newest.get(connection)
      const { requests = 0 } = connection ?? {}
      // an answer is being sent, or several are due, or the only one has not got the connection, or has it no more
      const isTaken = requests === 1 && (current?.socket !== socket || current.headersSent)
      if (connection === undefined || requests > 1 || isTaken) {
        socket.destroy()
        return
      }
      if (requests === 1) current?.detachSocket(socket)
      answerRaw(socket, why)
    },
  }
}

function noRoom(): HttpError {
  return new HttpError(503, 'BUSY', 'too many connections are open here: try again in a moment', {
    retryAfterSeconds: 1,
    headers: { connection: 'close' },
  })
}
