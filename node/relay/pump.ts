import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Clock } from '../../base/clock.ts'
import type { Timer } from '../../base/timers.ts'

export interface PumpInit {
  source: Stream
  target: Stream
  /** what was read of the source already */
  first?: Uint8Array
  /** Bytes have moved: for how many ms the source is to rest. */
  moved(bytes: number): number
  /** The source rests, for its rate or for a target that does not read. */
  paused?: () => void
  clock: Pick<Clock, 'after'>
}

/**
 * One direction of a circuit: what comes from the source goes to the target at once; while the target cannot take more, or
 * a rate is used up, the source is paused, so that no more than its window and one message are held here.
 * A clean end goes on as a clean end, once everything has left; whatever else ends the source resets the target:
 * a cut must not read as an end.
 */
export function pump(init: PumpInit): void {
  new Pump(init).start()
}

class Pump {
  readonly #init: PumpInit
  #resuming = false
  #halfClosed = false
  #rest: Timer | undefined

  constructor(init: PumpInit) {
    this.#init = init
  }

  start(): void {
    const { source, target, first } = this.#init
    // before the first listener: what comes with it may be the end
    this.#halfClosed = source.remoteWriteStatus === 'closed' && source.status === 'open'
    source.addEventListener('remoteCloseWrite', () => {
      this.#halfClosed = true
    })
    source.addEventListener('message', this.#onMessage)
    source.addEventListener('end', this.#onEnd)
    source.addEventListener('close', this.#onClose)
    target.addEventListener('drain', this.#onDrain)
    target.addEventListener('close', this.#onTargetClose)
    if (first !== undefined && first.length > 0) this.#pass(first)
    this.#run()
    if (source.status !== 'open' && !this.#halfClosed) this.#cut()
    else if (source.readableEnded) this.#onEnd()
  }

  #onMessage = (event: StreamMessageEvent): void => this.#pass(event.data)

  #pass(data: StreamMessageEvent['data']): void {
    const { source, target, moved, clock } = this.#init
    try {
      target.send(data)
    } catch (cause) {
      source.abort(new Error('the other end of the circuit is gone', { cause }))
      return
    }
    const restMs = moved(data.byteLength)
    if (restMs > 0) {
      this.#rest?.stop()
      this.#rest = clock.after(restMs, this.#onRested, { background: true })
    }
    // a pause inside the handler that resume() runs would be undone when resume() goes on: #run does it afterwards
    if (!this.#resuming) this.#hold()
  }

  #onRested = (): void => {
    this.#rest = undefined
    this.#run()
  }

  // the library sends what it holds in a microtask of the same event: only then it is known whether that was all
  #onDrain = (): void => queueMicrotask(() => this.#run())

  get #mayRun(): boolean {
    return this.#rest === undefined && !this.#init.target.writableNeedsDrain
  }

  #hold(): void {
    const { source, paused } = this.#init
    if (this.#mayRun || source.readStatus !== 'readable') return
    source.pause()
    paused?.()
  }

  #run(): void {
    const { source } = this.#init
    if (source.readStatus === 'paused' && this.#mayRun && !this.#resuming) {
      this.#resuming = true
      try {
        source.resume()
      } finally {
        this.#resuming = false
      }
    }
    this.#hold()
  }

  /** Everything was read; also of a stream that was reset, or whose connection was lost. */
  #onEnd = (): void => {
    const { target } = this.#init
    if (this.#halfClosed) target.close().catch(error => target.abort(error))
    else this.#cut()
  }

  #onClose = ({ error }: StreamCloseEvent): void => {
    if (error !== undefined || !this.#halfClosed) this.#cut()
  }

  /** Only a source that has ended has its target closed. */
  #onTargetClose = (): void => {
    const { source } = this.#init
    this.#rest?.stop()
    if (!source.readableEnded) source.abort(new Error('the other end of the circuit is gone'))
  }

  #cut(): void {
    this.#rest?.stop()
    this.#init.target.abort(new Error('the other end of the circuit was lost'))
  }
}
