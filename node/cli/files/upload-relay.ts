import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../base/clock.ts'
import { encodedSize, parseConfirmationMessage, parseObjectId } from '../../../codec/index.ts'
import type { BlobId, Certificate, ObjectId } from '../../../codec/types.ts'
import type { RegisteredBlob, StoreOptions } from '../../client/types.ts'
import type { Tip } from '../../gateway/index.ts'
import { CliError, EXIT } from '../errors.ts'
import { isOnlyHere } from '../only-here.ts'
import { formatSui } from '../text.ts'

export interface UploadRelayInit {
  /** without a path */
  url: string
  nShards: number
  /** what may be paid for one upload, in MIST */
  maxTipMist: bigint
  /** Sends SUI with a note; tells the transaction's digest. */
  pay(recipient: ObjectId, amountMist: bigint, note: Uint8Array, signal: AbortSignal): Promise<string>
  clock: Clock
  signal: AbortSignal
}

/** Somebody who sends what is registered to the nodes, for nothing or for a tip. */
export interface UploadRelay {
  /** How the relay sends these bytes. Throws TIP_TOO_HIGH, and INSECURE_RELAY where others could write the price, before anything is paid. */
  sender(body: Blob): NonNullable<StoreOptions['sendBy']>
}

const ASK_MS = 15_000
/** Once the body is there; a relay that sends waits for a quorum of nodes. */
const SEND_MS = 300_000
const SLOWEST_BYTES_PER_MS = 100
/** A relay may be anybody's. */
const ANSWER_BYTES = 1024 * 1024
const TRIES = 3
const AGAIN_MS = 1_000

/** Asks a relay for its price. Throws CliError UPLOAD_RELAY. */
export async function openUploadRelay(init: UploadRelayInit): Promise<UploadRelay> {
  const { url, nShards, maxTipMist, clock, signal } = init
  const tip = tipOf(await ask(init, '/v1/tip-config', {}, ASK_MS, signal), url)
  return {
    sender(body) {
      const amount = tip === undefined ? 0n : tipFor(tip, encodedSize(nShards, body.size))
      if (amount > 0n && !isSafe(url)) throw insecure(url, amount)
      if (amount > maxTipMist) throw tooHigh(url, amount, maxTipMist)
      let paying: Promise<PaidTip> | undefined
      return async (blob, unwanted) => {
        const query = new URLSearchParams({ blob_id: blob.blobId })
        if (blob.deletableObject !== undefined) query.set('deletable_blob_object', blob.deletableObject)
        // one tip is for one blob, however often it has to be sent
        if (tip !== undefined) paying ??= payTip(init, tip.address, amount, body, unwanted)
        for (const [name, value] of Object.entries((await paying) ?? {})) query.set(name, value)
        const path = `/v1/blob-upload-relay?${query}`
        const limitMs = SEND_MS + body.size / SLOWEST_BYTES_PER_MS
        for (let left = TRIES - 1; ; left--) {
          try {
            const answer = await ask(init, path, { method: 'POST', body }, limitMs, unwanted)
            return certificateOf(answer, blob, url)
          } catch (error) {
            if (left === 0 || !mayPass(error)) throw error
            await clock.sleep(AGAIN_MS, unwanted)
          }
        }
      }
    },
  }
}

type PaidTip = { tx_id: string; nonce: string }

/** The payment names the bytes, by their hash and length, and a secret by which no one else can use it. */
async function payTip(
  { pay }: UploadRelayInit,
  recipient: ObjectId,
  amount: bigint,
  body: Blob,
  signal: AbortSignal,
): Promise<PaidTip> {
  const hash = createHash('sha256')
  for await (const piece of body.stream()) hash.update(piece)
  const nonce = randomBytes(32)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(body.size))
  const note = Buffer.concat([hash.digest(), createHash('sha256').update(nonce).digest(), length])
  return { tx_id: await pay(recipient, amount, note, signal), nonce: nonce.toString('base64url') }
}

/** The started KiB counts, as Walrus's SDK pays it. */
function tipFor({ kind }: Tip, encodedBytes: number): bigint {
  if ('const' in kind) return kind.const
  return kind.linear.base + kind.linear.perEncodedKib * BigInt(Math.ceil(encodedBytes / 1024))
}

async function ask(
  { url, clock }: Pick<UploadRelayInit, 'url' | 'clock'>,
  path: string,
  request: RequestInit,
  limitMs: number,
  signal: AbortSignal,
): Promise<unknown> {
  using limit = clock.deadline(limitMs, [signal])
  let response: Response
  let text: string
  try {
    response = await fetch(`${url}${path}`, { ...request, signal: limit.signal, redirect: 'error' })
    text = await textOf(response)
  } catch (cause) {
    signal.throwIfAborted()
    if (cause instanceof RangeError) throw malformed(url, cause)
    throw failed(url, limit.expired ? 'does not answer' : 'cannot be reached', { cause })
  }
  const { status } = response
  if (!response.ok) throw failed(url, `answers HTTP ${status}: ${reasonOf(text)}`, { status })
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw malformed(url, cause)
  }
}

async function textOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES) throw new RangeError('too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function reasonOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') return error.message.slice(0, 300)
  } catch {
    // a relay of somebody else's may answer in plain text
  }
  return text.slice(0, 300).trim() || 'it does not say why'
}

function tipOf(answer: unknown, url: string): Tip | undefined {
  if (answer === 'no_tip') return undefined
  const { send_tip: tip } = (answer ?? {}) as { send_tip?: { address?: unknown; kind?: unknown } }
  const kind = (tip?.kind ?? {}) as { const?: unknown; linear?: Record<string, unknown> }
  try {
    const address = parseObjectId(String(tip?.address))
    if (kind.linear === undefined) return { address, kind: { const: mist(kind.const) } }
    const { base, encoded_size_mul_per_kib: perEncodedKib } = kind.linear
    return { address, kind: { linear: { base: mist(base), perEncodedKib: mist(perEncodedKib) } } }
  } catch (cause) {
    throw malformed(url, cause)
  }
}

function mist(value: unknown): bigint {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return BigInt(value as number)
  throw new RangeError('no amount')
}

function certificateOf(answer: unknown, { blobId }: RegisteredBlob, url: string): Certificate {
  const { confirmation_certificate: told } = (answer ?? {}) as {
    confirmation_certificate?: { signers?: unknown; serialized_message?: unknown; signature?: unknown }
  }
  const { signers, serialized_message: bytes, signature } = told ?? {}
  try {
    if (!isNumbers(signers, 65_535) || !isNumbers(bytes, 255) || typeof signature !== 'string')
      throw new RangeError('no certificate')
    const message = Uint8Array.from(bytes)
    const body = parseConfirmationMessage(message)
    if (body.blobId !== (blobId as BlobId)) throw new RangeError('a certificate of another blob')
    // in the alphabet of URLs, too
    return {
      epoch: body.epoch,
      signers,
      message,
      signature: Uint8Array.from(Buffer.from(signature, 'base64')),
    }
  } catch (cause) {
    throw malformed(url, cause)
  }
}

const isNumbers = (value: unknown, max: number): value is number[] =>
  Array.isArray(value) && value.every(one => Number.isInteger(one) && one >= 0 && one <= max)

/** Whether a moment later it may go well. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof CliError)) return false
  const { status = 503 } = error.details as { status?: number }
  return error.code === 'UPLOAD_RELAY' && (status === 429 || status >= 500)
}

function failed(
  url: string,
  words: string,
  { cause, status }: { cause?: unknown; status?: number },
): CliError {
  return new CliError('UPLOAD_RELAY', EXIT.unavailable, `The upload relay ${url} ${words}.`, {
    hint: 'Store it again, by this relay or without one: what is paid for is used, but for a tip.',
    details: { url, status },
    cause,
  })
}

const malformed = (url: string, cause: unknown) =>
  failed(url, 'answers what is not of an upload relay', { cause, status: 200 })

/** Nobody on the line can change whom the tip is for. */
function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  return protocol === 'https:' || host === 'localhost' || isOnlyHere(host)
}

function insecure(url: string, amount: bigint): CliError {
  return new CliError(
    'INSECURE_RELAY',
    EXIT.refused,
    `The upload relay ${url} takes a tip of ${formatSui(amount)}, and is asked over a line on which anybody may have said so.`,
    { hint: 'Name it with https://, or another relay.', details: { url } },
  )
}

function tooHigh(url: string, amount: bigint, max: bigint): CliError {
  return new CliError(
    'TIP_TOO_HIGH',
    EXIT.funds,
    `The upload relay ${url} takes a tip of ${formatSui(amount)}, and ${formatSui(max)} may be paid.`,
    {
      hint: 'Say how much it may take for each blob: --max-tip SUI.',
      details: { neededAmount: `${amount}`, availableAmount: `${max}` },
    },
  )
}
