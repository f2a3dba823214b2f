import type { Clock } from '../../base/clock.ts'
import type { Order, Report } from './messages.ts'
import { createPageReader, failureOf, type PageReader } from './page-reader.ts'
import { connectOverPorts } from './rtc-port.ts'

/** The side of a MessagePort, or of a worker's own scope, that reports go to. */
export type Send = (report: Report, transfer?: Transferable[]) => void

export interface WorkerDoorInit {
  send: Send
  clock: Clock
  random: () => number
  create?: typeof createPageReader
}

/** What a page's worker does with the orders that it is given. Another `start` ends the reader of the one before. */
export interface WorkerDoor {
  take(order: Order): void
}

/** Pieces that the page has not said to have taken are few: it takes each at once, so that the worker's heap holds one. */
export function createWorkerDoor({
  send,
  clock,
  random,
  create = createPageReader,
}: WorkerDoorInit): WorkerDoor {
  let reader: Promise<PageReader> | undefined
  let problem: unknown = new Error('the chain was not reached')
  const running = new Map<number, AbortController>()
  const rtc = connectOverPorts(async call => send(call, [call.port]))

  async function start(order: Order & { kind: 'start' }): Promise<void> {
    const { network, page } = order
    void closeWhenReady(reader)
    const starting = create({ network, page, clock, random, rtc })
    reader = starting
    try {
      const { committee, rpcs } = await starting
      if (reader !== starting) return
      const { epoch, nShards: shards, members } = committee
      send({ kind: 'ready', epoch, nodes: members.length, shards, rpcs: [...rpcs] })
    } catch (error) {
      if (reader !== starting) return
      reader = undefined
      problem = error
      send({ kind: 'down', ...failureOf(error) })
    }
  }

  async function read({ id, blobId, range }: Order & { kind: 'read' }): Promise<void> {
    const stop = new AbortController()
    running.set(id, stop)
    const startedAt = clock.monotonic()
    try {
      const from = await reader
      if (from === undefined) throw problem
      const pieces = from.read(blobId, {
        range,
        signal: stop.signal,
        onFound: size => send({ kind: 'found', id, size }),
        onPeer: peer => send({ kind: 'peer', id, peer }),
      })
      for await (const piece of pieces) {
        stop.signal.throwIfAborted()
        // a view of a larger buffer would take that along
        const bytes = piece.slice()
        send({ kind: 'piece', id, bytes }, [bytes.buffer])
      }
      send({ kind: 'done', id, durationMs: clock.monotonic() - startedAt })
    } catch (error) {
      send({ kind: 'failed', id, ...(stop.signal.aborted ? CANCELLED : failureOf(error)) })
    } finally {
      running.delete(id)
    }
  }

  return {
    take(order) {
      if (order.kind === 'start') void start(order)
      else if (order.kind === 'read') void read(order)
      else running.get(order.id)?.abort(new Error('cancelled'))
    },
  }
}

/** One that another has taken the place of. */
async function closeWhenReady(reader: Promise<PageReader> | undefined): Promise<void> {
  try {
    await (await reader)?.close()
  } catch {
    // it was never there, or it is gone all the same
  }
}

const CANCELLED = { code: 'CANCELLED', message: 'cancelled' }
