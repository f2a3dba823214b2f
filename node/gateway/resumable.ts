import type { IncomingMessage } from 'node:http'
import type { FileConfigstore, FileStore } from '@tus/file-store'
import type { Server, ServerOptions, Upload } from '@tus/server'
import type { Clock } from '../../base/clock.ts'
import { makeFolder } from '../../base/make-folder.ts'
import type { Records } from '../../base/records.ts'
import type { ObjectId } from '../../codec/types.ts'
import { STREAM_ABOVE_BYTES } from '../client/upload/source.ts'
import { errorBody, HttpError } from '../http/errors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Gate } from '../http/gate.ts'
import { toJson } from '../http/json.ts'
import { sendJsonText } from '../http/respond.ts'
import type { Claims } from './claims.ts'
import { toHttpError } from './errors.ts'
import type { GatewayLimits } from './options.ts'
import { parsePublishParams } from './publish-params.ts'
import type { Publishing } from './publishing.ts'
import { storeResultJson } from './walrus-json.ts'

export interface ResumableInit {
  /** of what has arrived so far; made when it is not there */
  folder: string
  publishing: Publishing
  /** what uploads have registered, and were answered */
  records: Records
  claims: Claims
  /** who is worked on */
  uploads: Gate
  limits: GatewayLimits
  clock: Clock
}

export const UPLOADS_PATH = '/v1/uploads'
/** An upload is there for so long, also after it was stored. */
const KEPT_MS = 24 * 3_600_000

interface TusParts {
  server: Server
  store: FileStore
  configs: FileConfigstore
}

type WebRequest = Parameters<NonNullable<ServerOptions['onUploadCreate']>>[0]

/** Uploads that go on where they broke off, by tus 1.0; they survive the process. */
export class ResumableUploads {
  readonly #init: ResumableInit
  readonly #exchanges = new WeakMap<IncomingMessage, Exchange>()
  readonly #finishing = new Map<string, Promise<string>>()
  #opening: Promise<TusParts> | undefined

  constructor(init: ResumableInit) {
    this.#init = init
  }

  /** The protocol's own methods. */
  async handle(exchange: Exchange): Promise<void> {
    const { request, response, url } = exchange
    const { clock, limits } = this.#init
    if (request.method === 'POST') parsePublishParams(url.searchParams)
    const { server } = await this.#opened()
    this.#exchanges.set(request, exchange)
    let before = request.socket.bytesRead
    const watching = clock.every(limits.bodyIdleMs, () => {
      if (!request.complete && request.socket.bytesRead === before)
        request.destroy(new Error('it fell silent'))
      before = request.socket.bytesRead
    })
    try {
      await server.handle(request, response)
    } finally {
      watching.stop()
    }
  }

  /** What the upload came to, once all of it is there. */
  async result(exchange: Exchange): Promise<void> {
    const { id = '' } = exchange.params
    const { store } = await this.#opened()
    const upload = /^[0-9a-f]{32}$/.test(id) ? await store.getUpload(id).catch(() => undefined) : undefined
    if (upload === undefined)
      throw new HttpError(404, 'NO_SUCH_UPLOAD', 'there is no such upload, or not any more')
    const { offset, size } = upload
    if (offset !== size)
      throw new HttpError(409, 'UPLOAD_INCOMPLETE', `${offset} of ${size} bytes have come so far`)
    sendJsonText(exchange, 200, await this.#finish(store, id, exchange.address))
  }

  #opened(): Promise<TusParts> {
    this.#opening ??= this.#open().catch(error => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #open(): Promise<TusParts> {
    const { folder } = this.#init
    // only those who use it wait until it is loaded
    const [{ FileConfigstore, FileStore }, { Server }] = await Promise.all([
      import('@tus/file-store'),
      import('@tus/server'),
    ])
    await makeFolder(folder, 0o700)
    const configs = new FileConfigstore(folder)
    const store = new FileStore({
      directory: folder,
      configstore: configs,
      expirationPeriodInMilliseconds: KEPT_MS,
    })
    const server = new Server({
      path: UPLOADS_PATH,
      datastore: store,
      relativeLocation: true,
      // the gateway says whom answers are for
      allowedOrigins: [],
      onUploadCreate: async (request, upload) => {
        return { metadata: await this.#admit(this.#exchangeOf(request), upload) }
      },
      onUploadFinish: async (request, { id }) => {
        const body = `${await this.#finish(store, id, this.#exchangeOf(request).address)}\n`
        const headers = { 'Content-Type': 'application/json' }
        return { status_code: request.method === 'PATCH' ? 200 : 201, body, headers }
      },
      onResponseError: async (_, error) => {
        if ('status_code' in error) return error
        const failure = toHttpError(error)
        return { status_code: failure.status, body: `${toJson(errorBody(failure))}\n` }
      },
    })
    return { server, store, configs }
  }

  #exchangeOf({ runtime }: WebRequest): Exchange {
    const exchange = runtime?.node && this.#exchanges.get(runtime.node.req as IncomingMessage)
    if (exchange === undefined) throw new Error('a request came by another way than the gateway')
    return exchange
  }

  /** Whatever can be refused is refused before a byte has come. Gives what is kept beside the bytes. */
  async #admit(exchange: Exchange, { size }: Upload): Promise<Record<string, string>> {
    const { publishing, limits } = this.#init
    if (size === undefined || !Number.isSafeInteger(size))
      throw new HttpError(400, 'MALFORMED_REQUEST', 'Upload-Length is needed: bytes of the blob')
    const { server, configs } = await this.#opened()
    await server.cleanUpExpiredUploads()
    if ((await configs.list()).length >= limits.resumable) {
      const words = 'too many uploads are kept here: try again later'
      throw new HttpError(503, 'BUSY', words, { retryAfterSeconds: 60 })
    }
    const grant = await publishing.admit(exchange, await publishing.ask(exchange), {
      checkForm: () => {},
      declaredBytes: size,
    })
    const { maxBytes } = grant
    if (size > maxBytes) {
      const words = `the blob may have at most ${maxBytes} bytes`
      throw new HttpError(413, 'BODY_TOO_LARGE', words, { metadata: { maxBytes } })
    }
    await using use = await publishing.take(exchange, grant, size)
    use.keep()
    return { query: exchange.url.search }
  }

  /** Stores it once, whoever waits for that, and also when nobody does any more. */
  #finish(store: FileStore, id: string, address: string): Promise<string> {
    const known = this.#finishing.get(id)
    if (known !== undefined) return known
    const stored = this.#store(store, id, address).finally(() => this.#finishing.delete(id))
    this.#finishing.set(id, stored)
    return stored
  }

  async #store(store: FileStore, id: string, address: string): Promise<string> {
    const { publishing, records, claims, uploads, limits, clock } = this.#init
    const key = `upload ${id}`
    await using claim = await claims.take(key)
    if (claim === undefined) {
      const words = 'the upload is being stored by another process: ask again in a while'
      throw new HttpError(503, 'BUSY', words, { retryAfterSeconds: 5 })
    }
    const answered = await records.get(key)
    if (answered !== undefined) return answered
    // empty while nothing was told of what it has registered
    const registeredKey = `registered ${id}`
    const before = await records.get(registeredKey)
    if (before === undefined) await records.set(registeredKey, '', clock.now() + KEPT_MS)
    const { size = 0, storage, metadata } = await store.getUpload(id)
    const params = parsePublishParams(new URLSearchParams(metadata?.query ?? ''))
    using limit = clock.deadline(limits.publishMs + (1000 * size) / limits.publishBytesPerSecond)
    const { signal } = limit
    const permit = await uploads.enter({ bytes: Math.min(size, STREAM_ABOVE_BYTES), address, signal })
    try {
      const result = await publishing.run(
        params,
        { path: storage!.path },
        {
          signal,
          goOnWith: (before || undefined) as ObjectId | undefined,
          mayHaveBegun: before !== undefined,
          onRegistered: objectId => records.set(registeredKey, objectId, clock.now() + KEPT_MS),
        },
        key,
      )
      const answer = toJson(storeResultJson(result))
      await records.set(key, answer, clock.now() + KEPT_MS)
      return answer
    } finally {
      permit.leave()
    }
  }
}
