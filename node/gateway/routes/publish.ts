import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { encodeQuilt, encodingParams } from '../../../codec/index.ts'
import { declaredLength } from '../../http/body.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { sha256Check } from '../../http/digest.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import { toJson } from '../../http/json.ts'
import { sendJsonText } from '../../http/respond.ts'
import type { AnsweredOnce, Content } from '../answered-once.ts'
import type { GatewayLimits } from '../options.ts'
import type { Kept, PublishGrant, Publishing } from '../publishing.ts'
import { expectForm, filesOfForm } from '../quilt-form.ts'
import type { ReceiveUpload } from '../upload-receiver.ts'
import { quiltStoreResultJson, storeResultJson } from '../walrus-json.ts'

/** What a form may have beyond the quilt that comes of it. */
const FORM_BYTES = 2 ** 20

export interface PublishInit {
  publishing: Publishing
  once: AnsweredOnce
  receive: ReceiveUpload
  limits: GatewayLimits
}

/** How one form of upload is taken in and stored. */
interface Form<C extends Content> {
  check(request: IncomingMessage): void
  /** of the blob, where the request tells */
  declaredBytes(request: IncomingMessage): number | undefined
  take(exchange: Exchange, grant: PublishGrant): Promise<C>
  store(exchange: Exchange, grant: PublishGrant, content: C, kept?: Kept): Promise<object>
}

/** `PUT /v1/blobs`. Everything that can be refused is refused before the body is read. */
export function publishBlob(init: PublishInit): Handler {
  const { publishing, receive } = init
  return publish(init, {
    check: checkBodyForm,
    declaredBytes: request => declaredLength(request, Number.POSITIVE_INFINITY),
    async take(exchange, { maxBytes }) {
      let sha256 = ''
      const hashing = sha256Check(actual => {
        sha256 = actual.toString('hex')
      })
      const isKeyed = exchange.request.headers['idempotency-key'] !== undefined
      const received = await receive(exchange, maxBytes, isKeyed ? hashing : undefined)
      return { ...received, sha256 }
    },
    async store(exchange, grant, { source, sizeBytes }, kept) {
      return storeResultJson(await publishing.store(exchange, grant, { source, sizeBytes }, kept))
    },
  })
}

/** `PUT /v1/quilts`: the files of a form as one blob. */
export function publishQuilt(init: PublishInit): Handler {
  const { publishing, receive, limits } = init
  return publish(init, {
    check: checkQuiltForm,
    declaredBytes: () => undefined,
    async take(exchange, { nShards, maxBytes }) {
      const { request, signal } = exchange
      const received = await receive(exchange, Math.min(maxBytes + FORM_BYTES, limits.quiltBytes))
      try {
        const maxFiles = encodingParams(nShards).secondarySymbols - 1
        const files = await filesOfForm(received.source, request, maxFiles, signal)
        const quilt = await encodeQuilt(files, nShards, {
          signal,
          maxBytes: Math.min(maxBytes, limits.quiltBytes),
        })
        // a form sent again has another boundary: the files are what is the same
        const sha256 = createHash('sha256').update(quilt.data).digest('hex')
        return { ...received, ...quilt, sha256 }
      } catch (error) {
        await received[Symbol.asyncDispose]()
        throw error
      }
    },
    async store(exchange, grant, { data, patches }, kept) {
      const quilt = { source: data, sizeBytes: data.length }
      return quiltStoreResultJson(await publishing.store(exchange, grant, quilt, kept), patches)
    },
  })
}

function publish<C extends Content>({ publishing, once }: PublishInit, form: Form<C>): Handler {
  return async exchange => {
    const asker = await publishing.ask(exchange)
    const keyed = await once.find(exchange, asker.name)
    const grant = await publishing.admit(exchange, asker, {
      checkForm: form.check,
      declaredBytes: form.declaredBytes(exchange.request),
      isRetry: keyed?.isRetry,
    })
    if (keyed === undefined) {
      await using content = await form.take(exchange, grant)
      sendJsonText(exchange, 200, toJson(await form.store(exchange, grant, content)))
      return
    }
    const { id } = keyed
    const taken = await form.take(exchange, grant)
    const answer = await keyed.answer(taken, async (content, progress, signal) =>
      toJson(await form.store(exchange, grant, content, { id, progress, signal })),
    )
    sendJsonText(exchange, 200, answer)
  }
}

function checkQuiltForm(request: IncomingMessage): void {
  expectForm(request)
  checkBodyForm(request, { isForm: true })
}
