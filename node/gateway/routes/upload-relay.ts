import type { Clock } from '../../../base/clock.ts'
import type { BlobObject, FullCoordinator } from '../../../chain/types/index.ts'
import { encodedSize, maxBlobSize } from '../../../codec/index.ts'
import type { BlobId, Certificate, Epoch } from '../../../codec/types.ts'
import type { Client, RegisteredBlob } from '../../client/types.ts'
import { blobIdParam } from '../../http/blob-id-param.ts'
import { checkBodyForm } from '../../http/body-form.ts'
import { type DigestCheck, sha256Check } from '../../http/digest.ts'
import { HttpError } from '../../http/errors.ts'
import type { Exchange, Handler } from '../../http/exchange.ts'
import type { Gate } from '../../http/gate.ts'
import { toJson } from '../../http/json.ts'
import { sendJson } from '../../http/respond.ts'
import { createShared } from '../../http/shared.ts'
import type { GatewayLimits } from '../options.ts'
import { addressParameter, expectEncoding, expectParameters, invalidParameter } from '../parameters.ts'
import { type PaidUpload, type Tip, type Tips, tipConfigJson } from '../tips.ts'
import type { ReceivedUpload, ReceiveUpload } from '../upload-receiver.ts'

export interface UploadRelayInit {
  client: Client
  chain: Pick<FullCoordinator, 'blob'>
  /** none: it is free */
  tips: Tips | undefined
  clock: Clock
  receive: ReceiveUpload
  /** uploads of which the chain is asked: whether the tip was paid, and the blob registered */
  registrations: Gate
  limits: GatewayLimits
}

const KNOWN = ['blob_id', 'tx_id', 'nonce', 'deletable_blob_object', 'encoding_type']
const LOOK_AGAIN_MS = 250
/** The epoch and the number of shards. */
const FRESH_MS = 2_000

/** `GET /v1/tip-config`. */
export function tipConfig(tip: Tip | undefined): Handler {
  return async exchange => sendJson(exchange, 200, tipConfigJson(tip) as object)
}

interface Params extends RegisteredBlob {
  /** of the transaction that paid the tip */
  txDigest: string | undefined
  nonce: Buffer | undefined
}

/**
 * `POST /v1/blob-upload-relay`, as Walrus's: the body goes to the storage nodes, their certificate to its sender. Before it is read
 * it is known that the blob is registered, and that its tip was paid.
 */
export function relayUpload(init: UploadRelayInit): Handler {
  const { client, tips, clock, receive, limits } = init
  const network = createShared(
    clock,
    async unwanted => {
      using limit = clock.deadline(limits.readMs, [unwanted])
      return (await client.info({ signal: limit.signal })).system
    },
    FRESH_MS,
  )

  return async exchange => {
    const params = parse(exchange.url.searchParams)
    checkBodyForm(exchange.request)
    const { nShards, epoch } = await network(exchange.signal)
    const encoded = (length: number) => encodedSize(nShards, length)
    const maxBytes = Math.min(maxBlobSize(nShards), limits.maxBlobBytes)
    if (tips === undefined) {
      await findRegistration(init, params, epoch, exchange)
      await using received = await receive(exchange, maxBytes)
      return send(exchange, params, await relay(exchange, params, received))
    }
    const { txDigest, nonce } = params
    if (txDigest === undefined || nonce === undefined)
      throw new HttpError(400, 'TIP_REQUIRED', 'this relay takes a tip: tx_id and nonce are needed')
    const permit = await init.registrations.enter({
      bytes: 0,
      address: exchange.address,
      signal: exchange.signal,
    })
    const paid = await tips.check(txDigest, nonce, encoded, exchange.signal).finally(() => permit.leave())
    await using held = await tips.hold(txDigest, params, epoch)
    if (held.answer !== undefined) return send(exchange, params, JSON.parse(held.answer))
    await findRegistration(init, params, epoch, exchange)
    await using received = await receive(exchange, Math.min(paid.length, maxBytes), paidBytes(paid))
    const certificate = await relay(exchange, params, received)
    await held.used(toJson(certificate))
    send(exchange, params, certificate)
  }

  async function relay(
    exchange: Exchange,
    params: Params,
    { source, sizeBytes }: ReceivedUpload,
  ): Promise<CertificateJson> {
    const ms = limits.publishMs + (1000 * sizeBytes) / limits.publishBytesPerSecond
    using limit = clock.deadline(ms, [exchange.signal])
    const certificate = await client.sendRegistered(source, params, { signal: limit.signal })
    exchange.note({ blobId: params.blobId, bytesIn: sizeBytes, outcome: 'relayed' })
    return certificateJson(certificate)
  }
}

function parse(query: URLSearchParams): Params {
  expectParameters(query, KNOWN)
  expectEncoding(query)
  const nonce = query.get('nonce')
  if (nonce !== null && !/^[A-Za-z0-9_-]{43}=?$/.test(nonce))
    throw invalidParameter('nonce', 'must be 32 bytes in URL-safe Base64')
  const txDigest = query.get('tx_id') ?? undefined
  if (txDigest !== undefined && !/^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(txDigest))
    throw invalidParameter('tx_id', 'must be the Base58 digest of a transaction')
  return {
    blobId: blobIdParam(query.get('blob_id') ?? ''),
    deletableObject: addressParameter(query, 'deletable_blob_object', 'the ID of a Blob object'),
    txDigest,
    nonce: nonce === null ? undefined : Buffer.from(nonce, 'base64url'),
  }
}

/** Nothing is worked on that nodes would not take. Throws 400 NOT_REGISTERED. */
async function findRegistration(
  init: UploadRelayInit,
  params: Params,
  epoch: Epoch,
  { address, signal }: Exchange,
): Promise<void> {
  const { registrations, clock, limits } = init
  const permit = await registrations.enter({ bytes: 0, address, signal })
  try {
    using limit = clock.deadline(limits.readMs, [signal])
    for (let leftMs = limits.registrationMs; ; leftMs -= LOOK_AGAIN_MS) {
      if (await isRegistered(init, params, epoch, limit.signal)) return
      if (leftMs <= 0) break
      await clock.sleep(LOOK_AGAIN_MS, limit.signal)
    }
  } finally {
    permit.leave()
  }
  const words = `blob ${params.blobId} is not registered: that comes first, and is its owner's affair`
  throw new HttpError(400, 'NOT_REGISTERED', words)
}

async function isRegistered(
  { chain, client }: UploadRelayInit,
  { blobId, deletableObject }: Params,
  epoch: Epoch,
  signal: AbortSignal,
): Promise<boolean> {
  if (deletableObject === undefined) {
    const { status } = await client.status(blobId, { signal })
    return status === 'registered' || status === 'certified'
  }
  const blob = await chain.blob(deletableObject, { signal })
  if (blob === undefined) return false
  expectSame(blob, blobId)
  return blob.storage.endEpoch > epoch
}

function expectSame(blob: BlobObject, blobId: BlobId): void {
  if (blob.blobId === blobId && blob.deletable) return
  const words = `object ${blob.objectId} is of another blob than ${blobId}, or of a permanent one`
  throw invalidParameter('deletable_blob_object', `does not fit: ${words}`)
}

/** The tip was paid for these bytes. */
function paidBytes({ sha256, length }: PaidUpload): DigestCheck {
  return sha256Check((actual, bytes) => {
    if (bytes === length && actual.equals(sha256)) return
    throw new HttpError(400, 'TIP_NOT_FOUND', 'the tip was paid for other bytes than these')
  })
}

interface CertificateJson {
  signers: number[]
  serialized_message: number[]
  signature: string
}

function certificateJson({ signers, message, signature }: Certificate): CertificateJson {
  return {
    signers,
    serialized_message: Array.from(message),
    signature: Buffer.from(signature).toString('base64'),
  }
}

function send(exchange: Exchange, { blobId }: Params, certificate: CertificateJson): void {
  sendJson(exchange, 200, { blob_id: blobId, confirmation_certificate: certificate })
}
