import type { IncomingMessage } from 'node:http'
import { encodeQuilt, encodingParams } from '../../../codec/index.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import { toJson } from '../../http/json.ts'
import { sendJsonText } from '../../http/respond.ts'
import type { AnsweredOnce } from '../answered-once.ts'
import type { GatewayLimits } from '../options.ts'
import type { Publishing } from '../publishing.ts'
import { expectForm, filesOfForm } from '../quilt-form.ts'
import type { ReceiveUpload } from '../upload-receiver.ts'
import { quiltStoreResultJson, storeResultJson } from '../walrus-json.ts'

export interface PublishInit {
  publishing: Publishing
  once: AnsweredOnce
  receive: ReceiveUpload
  limits: GatewayLimits
}

/** `PUT /v1/blobs`. Everything that can be refused is refused before the body is read. */
export function publishBlob({ publishing, once, receive }: PublishInit): Handler {
  return async exchange => {
    const admitted = await publishing.admit(exchange, checkBodyForm)
    await answer(exchange, once, async () => {
      await using received = await receive(exchange, admitted.maxBytes)
      return storeResultJson(await publishing.store(exchange, admitted, received))
    })
  }
}

/** `PUT /v1/quilts`: the files of a form as one blob. */
export function publishQuilt({ publishing, once, receive, limits }: PublishInit): Handler {
  return async exchange => {
    const { request, signal } = exchange
    const admitted = await publishing.admit(exchange, checkQuiltForm)
    const { nShards, maxBytes } = admitted
    await answer(exchange, once, async () => {
      await using received = await receive(exchange, Math.min(maxBytes, limits.quiltBytes))
      const maxFiles = encodingParams(nShards).secondarySymbols - 1
      const files = await filesOfForm(received.source, request, maxFiles, signal)
      const { data, patches } = await encodeQuilt(files, nShards, { signal })
      const result = await publishing.store(exchange, admitted, {
        source: data,
        sizeBytes: data.length,
        bodyBytes: received.sizeBytes,
      })
      return quiltStoreResultJson(result, patches)
    })
  }
}

function checkQuiltForm(request: IncomingMessage): void {
  expectForm(request)
  checkBodyForm(request, { isForm: true })
}

async function answer(exchange: Exchange, once: AnsweredOnce, work: () => Promise<object>): Promise<void> {
  sendJsonText(exchange, 200, await once.run(exchange, async () => toJson(await work())))
}
