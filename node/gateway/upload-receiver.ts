import type { StoreSource } from '../client/types.ts'
import type { Scratch, ScratchFile } from '../client/upload/scratch.ts'
import { STREAM_ABOVE_BYTES } from '../client/upload/source.ts'
import { declaredLength, receiveBody } from '../http/body.ts'
import { type DigestCheck, expectedDigests } from '../http/digest.ts'
import { HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Gate, Permit } from '../http/gate.ts'
import type { Mover, Movers } from '../http/movers.ts'
import type { GatewayLimits } from './options.ts'

/** Where bodies wait until it is their turn: room for so many bytes, and who of them is slow. */
export interface UploadRoom {
  room: Gate
  arriving: Movers
}

export interface UploadReceiverInit {
  inMemory: UploadRoom
  onDisk: UploadRoom
  scratch: Scratch
  /** who is worked on */
  uploads: Gate
  limits: Pick<GatewayLimits, 'bodyIdleMs' | 'bodyBytesPerSecond' | 'spoolAboveBytes'>
}

/** A body that has arrived, with a place to work on it until it is disposed of. */
export interface ReceivedUpload extends AsyncDisposable {
  source: StoreSource
  sizeBytes: number
}

/**
 * Takes a body in at the pace at which it comes, a large one into a file, then waits for a place to work on it: a slow
 * sender keeps nobody from storing, and is ended only when others need the room. Throws 400, 408, 413, 429, 503.
 */
export type ReceiveUpload = (
  exchange: Exchange,
  maxBytes: number,
  /** besides what the request says of it */
  check?: DigestCheck,
) => Promise<ReceivedUpload>

/** of a body that does not say how long it is */
const FIRST_BYTES = 1024 * 1024

export function createUploadReceiver(init: UploadReceiverInit): ReceiveUpload {
  const { inMemory, onDisk, uploads, scratch, limits } = init
  return async (exchange, maxBytes, check) => {
    const { request, address, signal } = exchange
    const digests = bothOf(expectedDigests(request), check)
    const declared = declaredLength(request, maxBytes)
    const isLarge = (declared ?? 0) > limits.spoolAboveBytes
    const body = new Body(exchange, scratch, maxBytes)
    try {
      await body.enter(isLarge ? onDisk : inMemory, declared ?? FIRST_BYTES)
      if (isLarge) await body.spoolFrom(declared ?? 0)
      exchange.askForBody()
      const options = {
        maxBytes,
        idleMs: limits.bodyIdleMs,
        minBytesPerSecond: limits.bodyBytesPerSecond,
        clock: exchange.clock,
        signal: AbortSignal.any([signal, body.signal]),
        digests,
        onPart: (bytes: number, total: number) => body.moved(bytes, total),
      }
      await receiveBody(request, options, chunk => {
        if (body.isSpooled) return body.spool(chunk)
        body.hold(chunk)
        if (body.sizeBytes <= limits.spoolAboveBytes) return
        return body.moveTo(onDisk)
      })
      body.arrived()
      // beyond this the client works from the file
      const bytes = Math.min(body.sizeBytes, STREAM_ABOVE_BYTES)
      const working = await uploads.enter({ bytes, address, signal })
      const source = body.finish()
      return {
        source,
        sizeBytes: body.sizeBytes,
        async [Symbol.asyncDispose]() {
          working.leave()
          await body.leave()
        },
      }
    } catch (error) {
      await body.leave()
      throw error
    }
  }
}

function bothOf(one: DigestCheck, other: DigestCheck | undefined): DigestCheck {
  if (other === undefined) return one
  return {
    update(bytes) {
      one.update(bytes)
      other.update(bytes)
    },
    finish() {
      one.finish()
      other.finish()
    },
  }
}

/** A body on its way in, and the room that it takes. */
class Body {
  readonly #exchange: Exchange
  readonly #scratch: Scratch
  readonly #maxBytes: number
  readonly #cut = new AbortController()
  #held: Buffer[] = []
  #sizeBytes = 0
  #room = 0
  #permit: Permit | undefined
  #mover: Mover | undefined
  #spool: ScratchFile | undefined
  /** it may end while it waits for room, or for its file */
  #left = false

  constructor(exchange: Exchange, scratch: Scratch, maxBytes: number) {
    this.#exchange = exchange
    this.#scratch = scratch
    this.#maxBytes = maxBytes
  }

  /** Aborts when others need the room. */
  get signal(): AbortSignal {
    return this.#cut.signal
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  get isSpooled(): boolean {
    return this.#spool !== undefined
  }

  async enter({ room, arriving }: UploadRoom, bytes: number): Promise<void> {
    const { address, signal } = this.#exchange
    const permit = await room.enter({ bytes, address, signal })
    if (this.#left) {
      permit.leave()
      return
    }
    this.arrived()
    this.#permit?.leave()
    this.#permit = permit
    this.#room = bytes
    this.#mover = arriving.add({
      address,
      bytes: () => this.#room,
      cut: () => {
        permit.leave()
        const words = 'others needed the room, and this body came slowly: try again later'
        this.#cut.abort(new HttpError(503, 'BUSY', words, { retryAfterSeconds: 30 }))
      },
    })
  }

  moved(bytes: number, totalBytes: number): void {
    this.#mover?.moved(bytes)
    if (totalBytes <= this.#room) return
    this.#room = Math.min(2 * totalBytes, this.#maxBytes)
    this.#permit?.resize(this.#room)
  }

  hold(chunk: Buffer): void {
    // a copy: a chunk is a part of the socket's buffer, all of which it would hold on to
    this.#held.push(Buffer.from(chunk))
    this.#sizeBytes += chunk.length
  }

  async spoolFrom(expectedBytes: number): Promise<void> {
    if (this.#left) return
    const spool = await this.#scratch.spool()
    if (this.#left) return await spool[Symbol.asyncDispose]()
    this.#spool = spool
    await this.#scratch.expectRoom(expectedBytes)
    for (const chunk of this.#held.splice(0)) await spool.append(chunk)
  }

  async spool(chunk: Buffer): Promise<void> {
    this.#sizeBytes += chunk.length
    await this.#spool?.append(chunk)
  }

  /** It is larger than it seemed. */
  async moveTo(waiting: UploadRoom): Promise<void> {
    await this.enter(waiting, this.#room)
    await this.spoolFrom(0)
  }

  /** Nobody is slow any more. */
  arrived(): void {
    this.#mover?.done()
    this.#mover = undefined
  }

  /** What is to be stored; memory is counted where it is worked on from here on, a file is there until it was left. */
  finish(): StoreSource {
    if (this.#spool !== undefined) return { path: this.#spool.path, temporary: true }
    this.#permit?.leave()
    return this.#held.length === 1 ? this.#held[0]! : Buffer.concat(this.#held.splice(0), this.#sizeBytes)
  }

  async leave(): Promise<void> {
    this.#left = true
    this.arrived()
    this.#held = []
    await this.#spool?.[Symbol.asyncDispose]()
    this.#permit?.leave()
  }
}
