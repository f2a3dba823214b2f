import { createBackoff } from '../../../base/backoff.ts'
import { anySignal } from '../../../base/wait.ts'
import type { ChainReader } from '../../../chain/types/index.ts'
import type { Certificate, Persistence } from '../../../codec/types.ts'
import { ClientError } from '../errors.ts'
import type { RegisteredBlob, SendOptions } from '../types.ts'
import type { Encode } from './encoding.ts'
import { FanOut } from './fan-out.ts'
import {
  EPOCH_BACKOFF,
  ROUNDS,
  type SendComponents,
  servingOrder,
  tooFewConfirmations,
} from './send-and-certify.ts'
import type { Source } from './source.ts'

export interface SendRegisteredComponents extends Omit<SendComponents, 'writer'> {
  chain: Pick<ChainReader, 'system'>
  encode: Encode
}

/**
 * Encodes a blob that somebody has registered, sends it to the nodes and collects their certificate, which is for its owner
 * to hand in. After an epoch change on the way it is sent to the new committee. The remaining nodes are served in the
 * background.
 */
export async function sendRegistered(
  components: SendRegisteredComponents,
  source: Source,
  { blobId, deletableObject }: RegisteredBlob,
  { signal, onProgress }: SendOptions & { signal: AbortSignal },
): Promise<Certificate> {
  const { chain, committees, book, encode, slots, clock, random } = components
  await using slot = await slots.acquire(signal)
  const { nShards } = await chain.system({ signal, recent: true })
  const encoded = slot.own(await encode(source, nShards, { signal, onProgress }))
  const { metadata } = encoded
  if (metadata.blobId !== blobId) {
    const actual = metadata.blobId
    throw new ClientError('BLOB_ID_MISMATCH', `these bytes are blob ${actual}, not ${blobId}`, {
      blobId,
      actual,
    })
  }
  const persistence: Persistence =
    deletableObject === undefined ? { kind: 'permanent' } : { kind: 'deletable', objectId: deletableObject }
  const header = { metadata, persistence, registerDigest: '' }
  const backoff = createBackoff({ ...EPOCH_BACKOFF, random, timers: clock })
  for (let round = 1; ; round++) {
    const { current } = await committees.get({ signal, fresh: round > 1 })
    const sending = new FanOut(components, {
      committee: current,
      order: servingOrder(book, current),
      header,
      encoded,
      onConfirmed: done => onProgress?.({ phase: 'upload', done, total: current.nShards }),
      signal: slots.signal,
    })
    const outcome = await sending.result(signal)
    if (outcome.certificate !== undefined) {
      sending.serveRest()
      slot.background(sending.finished, reason => void sending.stop(reason))
      return outcome.certificate
    }
    if (!outcome.epochChanged || round === ROUNDS) throw tooFewConfirmations(blobId, current, outcome)
    await backoff.pause(anySignal(signal, slots.signal))
  }
}
