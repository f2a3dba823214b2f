import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { formatNano } from '../../base/nano.ts'
import type { Records } from '../../base/records.ts'
import type { FullCoordinator, PaymentRecord } from '../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
import { HttpError } from '../http/errors.ts'
import type { Claims } from './claims.ts'

/** What an upload relay takes for an upload, in MIST: as much for each, or by the encoded size. */
export interface Tip {
  address: ObjectId
  kind: { const: bigint } | { linear: { base: bigint; perEncodedKib: bigint } }
}

/** `GET /v1/tip-config`, in the shape of Walrus's upload relay. */
export function tipConfigJson(tip: Tip | undefined): unknown {
  if (tip === undefined) return 'no_tip'
  const { address, kind } = tip
  if ('const' in kind) return { send_tip: { address, kind: { const: kind.const } } }
  const { base, perEncodedKib } = kind.linear
  return { send_tip: { address, kind: { linear: { base, encoded_size_mul_per_kib: perEncodedKib } } } }
}

/** In MIST. Payers round the size up to whole KiB; the started one is not insisted on. */
export function leastTip({ kind }: Tip, encodedBytes: number): bigint {
  if ('const' in kind) return kind.const
  return kind.linear.base + kind.linear.perEncodedKib * BigInt(Math.floor(encodedBytes / 1024))
}

/** What the transaction that paid a tip says of the upload that it was paid for. */
export interface PaidUpload {
  /** of the bytes to send */
  sha256: Buffer
  length: number
}

/** A tip that is in use for one upload. Dispose of it when that is over: unless it was used it may be tried again. */
export interface HeldTip extends AsyncDisposable {
  /** what the upload that it paid for was answered, in this epoch */
  readonly answer: string | undefined
  used(answer: string): Promise<void>
}

export interface TipsInit {
  tip: Tip
  chain: Pick<FullCoordinator, 'payment' | 'chainTime'>
  records: Records
  claims: Claims
  clock: Clock
}

/** A tip must be used so soon after it was paid, as with Walrus's relays. */
const FRESH_MS = 3_600_000
/** An RPC may show a transaction later than that which the payer asked. */
const VISIBLE_MS = 5_000
const LOOK_AGAIN_MS = 250
/** Hashes of the bytes and of the nonce, and the length as a u64. */
const PACKAGE_BYTES = 32 + 32 + 8

/** Checks tips on chain, and that each pays for one upload. */
export class Tips {
  readonly #init: TipsInit

  constructor(init: TipsInit) {
    this.#init = init
  }

  /** What a transaction paid for. Throws HttpError 400 when it is no tip, or not one of this nonce. */
  async check(
    txDigest: string,
    nonce: Uint8Array,
    encodedBytes: (length: number) => number,
    signal: AbortSignal,
  ): Promise<PaidUpload> {
    const { tip, chain } = this.#init
    const payment = await this.#find(txDigest, signal)
    const nowMs = await chain.chainTime({ signal })
    if (nowMs - payment.timestampMs > FRESH_MS)
      throw refuse('TIP_TOO_OLD', 'the tip was paid more than an hour ago')
    const paid = paidUpload(payment, nonce)
    if (paid === undefined)
      throw refuse('TIP_NOT_FOUND', `transaction ${txDigest} has no input for an upload with this nonce`)
    const needed = leastTip(tip, encodedBytes(paid.length))
    const received = payment.receivedMist[tip.address] ?? 0n
    if (received < needed) {
      const words = `a tip of ${formatNano(needed)} SUI is needed, ${formatNano(received)} came to ${tip.address}`
      throw refuse('TIP_TOO_SMALL', words)
    }
    return paid
  }

  /** Throws HttpError 409 when it has paid, or is about to pay, for something else; RecordsFull. */
  async hold(
    txDigest: string,
    blob: { blobId: BlobId; deletableObject?: ObjectId | undefined },
    epoch: Epoch,
  ): Promise<HeldTip> {
    const { records, claims, clock } = this.#init
    const key = `tip ${txDigest}`
    const claim = await claims.take(key)
    if (claim === undefined) throw taken('is being used for an upload that is under way')
    const untilMs = clock.now() + 2 * FRESH_MS
    const what = { blobId: blob.blobId, object: blob.deletableObject ?? '' }
    let isUsed = false
    try {
      const text = await records.get(key)
      const known = text === undefined ? undefined : (JSON.parse(text) as SpentTip)
      if (known !== undefined && (known.blobId !== what.blobId || known.object !== what.object))
        throw taken('has paid for another upload')
      isUsed = known?.answer !== undefined
      if (known === undefined) await records.set(key, JSON.stringify(what), untilMs)
      return {
        // a certificate of another epoch is of no use to its owner
        answer: known?.epoch === epoch ? known.answer : undefined,
        used: async answer => {
          isUsed = true
          await records.set(key, JSON.stringify({ ...what, answer, epoch }), untilMs)
        },
        [Symbol.asyncDispose]: async () => {
          if (!isUsed) await records.delete(key)
          await claim[Symbol.asyncDispose]()
        },
      }
    } catch (error) {
      await claim[Symbol.asyncDispose]()
      throw error
    }
  }

  async #find(txDigest: string, signal: AbortSignal): Promise<PaymentRecord & { timestampMs: number }> {
    const { chain, clock } = this.#init
    for (let leftMs = VISIBLE_MS; ; leftMs -= LOOK_AGAIN_MS) {
      const payment = await chain.payment(txDigest, { signal })
      if (payment?.succeeded === false)
        throw refuse('TIP_NOT_FOUND', `transaction ${txDigest} failed, and paid nothing`)
      const { timestampMs } = payment ?? {}
      if (payment !== undefined && timestampMs !== undefined) return { ...payment, timestampMs }
      if (leftMs <= 0) throw refuse('TIP_NOT_FOUND', `there is no transaction ${txDigest}`)
      await clock.sleep(LOOK_AGAIN_MS, signal)
    }
  }
}

interface SpentTip {
  blobId: string
  object: string
  answer?: string
  epoch?: number
}

function paidUpload({ pureInputs }: PaymentRecord, nonce: Uint8Array): PaidUpload | undefined {
  const nonceHash = createHash('sha256').update(nonce).digest()
  for (const input of pureInputs) {
    const bytes = Buffer.from(input)
    if (bytes.length !== PACKAGE_BYTES || !bytes.subarray(32, 64).equals(nonceHash)) continue
    return { sha256: bytes.subarray(0, 32), length: Number(bytes.readBigUInt64LE(64)) }
  }
  return undefined
}

const refuse = (code: 'TIP_NOT_FOUND' | 'TIP_TOO_OLD' | 'TIP_TOO_SMALL', message: string) =>
  new HttpError(400, code, message)
const taken = (how: string) => new HttpError(409, 'TIP_USED', `this tip ${how}: each pays for one`)
