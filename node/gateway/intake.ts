import { declaredLength, readBody } from '../http/body.ts'
import { expectedDigests } from '../http/digest.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Gate } from '../http/gate.ts'
import type { Movers } from '../http/movers.ts'
import type { GatewayLimits } from './options.ts'

export interface IntakeInit {
  /** room for bodies until it is their turn */
  bodies: Gate
  /** who is worked on */
  uploads: Gate
  arriving: Movers
  limits: Pick<GatewayLimits, 'bodyIdleMs' | 'bodyBytesPerSecond'>
}

/** A body that has arrived, with a place to work on it until `leave` is called. */
export interface Arrived {
  data: Uint8Array
  leave(): void
}

/**
 * Takes a body in at the pace at which it comes, then waits for a place to work on it: who sends slowly keeps nobody from
 * storing, and is ended only when others need the room. Throws 400, 408, 413, 429, 503.
 */
export type Intake = (exchange: Exchange, maxBytes: number) => Promise<Arrived>

/** of a body that does not say how long it is */
const FIRST_BYTES = 1024 * 1024

export function createIntake({ bodies, uploads, arriving, limits }: IntakeInit): Intake {
  return async (exchange, maxBytes) => {
    const { request, address } = exchange
    const digests = expectedDigests(request)
    const declared = declaredLength(request, maxBytes)
    let room = declared ?? FIRST_BYTES
    const place = await bodies.enter({ bytes: room, address, signal: exchange.signal })
    try {
      const data = await receive()
      const working = await uploads.enter({ bytes: data.length, address, signal: exchange.signal })
      return { data, leave: working.leave }
    } finally {
      place.leave()
    }

    async function receive(): Promise<Uint8Array> {
      const cut = new AbortController()
      const mover = arriving.add({
        address,
        bytes: () => room,
        cut() {
          place.leave()
          cut.abort(
            new HttpError(503, 'BUSY', 'others needed the room, and this body came slowly: try again later', {
              retryAfterSeconds: 30,
            }),
          )
        },
      })
      try {
        exchange.askForBody()
        return await readBody(request, {
          maxBytes,
          idleMs: limits.bodyIdleMs,
          minBytesPerSecond: limits.bodyBytesPerSecond,
          signal: AbortSignal.any([exchange.signal, cut.signal]),
          digests,
          onPart(bytes, total) {
            mover.moved(bytes)
            if (total <= room) return
            room = Math.min(2 * total, maxBytes)
            place.resize(room)
          },
        })
      } finally {
        mover.done()
      }
    }
  }
}
