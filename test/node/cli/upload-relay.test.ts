import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { confirmationMessage, encodedSize, parseBlobId, parseObjectId } from '../../../codec/index.ts'
import type { Epoch, ObjectId } from '../../../codec/types.ts'
import { CliError } from '../../../node/cli/errors.ts'
import { maxTipMist } from '../../../node/cli/files/relay-of.ts'
import { openUploadRelay } from '../../../node/cli/files/upload-relay.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const blobId = parseBlobId('A'.repeat(43))
const address = parseObjectId('0x717')
const object = parseObjectId('0xb10b')
const bytes = Buffer.from('Hello')

describe('store --upload-relay', () => {
  const { signal } = new AbortController()
  let server: Server
  let url: string
  let answers: (request: IncomingMessage, response: ServerResponse) => void
  const asked: { method?: string | undefined; query: URLSearchParams; body: Buffer }[] = []
  before(async () => {
    server = createServer(async (request, response) => {
      const chunks = await Array.fromAsync(request)
      const { searchParams: query } = new URL(request.url ?? '', 'http://relay')
      asked.push({ method: request.method, query, body: Buffer.concat(chunks) })
      answers(request, response)
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })

  const message = confirmationMessage({ epoch: 7 as Epoch, blobId, persistence: { kind: 'permanent' } })
  const certificate = (of = message) => ({
    confirmation_certificate: {
      signers: [0, 2],
      serialized_message: [...of],
      signature: Buffer.alloc(48, 251).toString('base64'),
    },
  })
  const give =
    (value: unknown, status = 200) =>
    (response: ServerResponse) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  /** The price first, then these, the last one for ever. */
  const relay = (tip: unknown, ...told: ((response: ServerResponse) => void)[]) => {
    answers = (request, response) => {
      if (request.url === '/v1/tip-config') return void give(tip)(response)
      ;(told.length > 1 ? told.shift()! : told[0]!)(response)
    }
  }
  const linear = { send_tip: { address, kind: { linear: { base: 100, encoded_size_mul_per_kib: 2 } } } }
  const paid: { recipient: ObjectId; amount: bigint; note: Buffer }[] = []
  beforeEach(() => {
    asked.splice(0)
    paid.splice(0)
  })
  const open = (clock = new VirtualClock(), maxTipMist = 10_000n, at = url) =>
    openUploadRelay({
      url: at,
      nShards: 100,
      maxTipMist,
      async pay(recipient, amount, note) {
        paid.push({ recipient, amount, note: Buffer.from(note) })
        return 'digest'
      },
      clock,
      signal,
    })
  const body = new Blob([bytes])

  it('sends the bytes for nothing, and takes the certificate', async () => {
    relay('no_tip', give(certificate()))
    const send = (await open()).sender(body)
    const { epoch, signers, signature } = await send({ blobId, deletableObject: object }, signal)
    assert.deepEqual([epoch, signers, signature.length], [7, [0, 2], 48])
    const { method, query, body: sent } = asked[1]!
    assert.deepEqual([method, sent.toString()], ['POST', 'Hello'])
    assert.deepEqual(Object.fromEntries(query), { blob_id: blobId, deletable_blob_object: object })
    assert.deepEqual(paid, [])
  })

  it('pays the tip for these bytes, once for all tries', async () => {
    relay(linear, give({ error: { message: 'busy' } }, 503), give({}, 429), give(certificate()))
    const clock = new VirtualClock()
    const send = (await open(clock)).sender(body)
    const sending = send({ blobId }, signal)
    await clock.advanceUntil(sending, 100)
    await send({ blobId }, signal)
    assert.equal(paid.length, 1)
    const { recipient, amount, note } = paid[0]!
    assert.deepEqual(
      [recipient, amount],
      [address, 100n + 2n * BigInt(Math.ceil(encodedSize(100, 5) / 1024))],
    )
    const queries = asked.slice(1).map(({ query }) => query)
    assert.deepEqual([queries.length, new Set(queries.map(String)).size], [4, 1])
    const nonce = Buffer.from(queries[0]!.get('nonce')!, 'base64url')
    const hash = (of: Uint8Array) => createHash('sha256').update(of).digest()
    assert.deepEqual(note, Buffer.concat([hash(bytes), hash(nonce), Buffer.from([5, 0, 0, 0, 0, 0, 0, 0])]))
    assert.equal(queries[0]!.get('tx_id'), 'digest')
  })

  it('is not begun where the tip is higher than allowed', async () => {
    relay(linear)
    const { sender } = await open(new VirtualClock(), 100n)
    assert.throws(
      () => sender(body),
      (error: CliError) => error.code === 'TIP_TOO_HIGH' && /--max-tip/.test(error.hint ?? ''),
    )
  })

  it('is not begun where somebody on the line could ask for the tip', async () => {
    relay(linear)
    // leads to this machine, which its name does not tell
    const { port } = server.address() as AddressInfo
    const open0 = () => open(new VirtualClock(), 10_000n, `http://0.0.0.0:${port}`)
    const { sender } = await open0()
    assert.throws(() => sender(body), { code: 'INSECURE_RELAY', exitCode: 8 })
    relay('no_tip', give(certificate()))
    await (await open0()).sender(body)({ blobId }, signal)
    assert.deepEqual(paid, [])
    relay(linear)
    assert.ok((await open(new VirtualClock(), 10_000n, `http://localhost:${port}`)).sender(body))
  })

  it('has what it may take said, also where nobody is to be asked', () => {
    const most = (maxTip?: string, skipTipConfirmation = false) =>
      maxTipMist({ ...(maxTip !== undefined && { maxTip }), skipTipConfirmation })
    assert.deepEqual([most(), most('0'), most('0.5'), most('1')], [0n, 0n, 500_000_000n, 1_000_000_000n])
    assert.deepEqual(
      [most(undefined, true), most('0', true), most('0.5', true)],
      [100_000_000n, 0n, 500_000_000n],
    )
  })

  it('believes no relay what makes no sense, and says what it answered', async () => {
    const refused = async (words: RegExp) =>
      assert.rejects(
        async () => await (await open()).sender(body)({ blobId }, signal),
        (error: CliError) =>
          error instanceof CliError && error.code === 'UPLOAD_RELAY' && words.test(error.message),
      )
    const other = confirmationMessage({
      epoch: 7 as Epoch,
      blobId: parseBlobId(`B${'A'.repeat(42)}`),
      persistence: { kind: 'permanent' },
    })
    const wrong = certificate()
    wrong.confirmation_certificate.signers = [0.5]
    for (const answer of [{}, null, certificate(other), wrong, certificate(message.subarray(1))]) {
      relay('no_tip', give(answer))
      await refused(/answers what is not of an upload relay/)
    }
    for (const tip of [
      { send_tip: { address: 'nobody', kind: { const: 1 } } },
      { send_tip: { address, kind: { const: -1 } } },
      {},
      7,
    ]) {
      relay(tip)
      await refused(/answers what is not of an upload relay/)
    }
    relay('no_tip', give({ error: { message: 'blob is not registered' } }, 400))
    await refused(/answers HTTP 400: blob is not registered/)
    relay('no_tip', give({ ...certificate(), more: 'x'.repeat(2 ** 20) }))
    await refused(/answers what is not of an upload relay/)
  })

  it('is given up when the relay says nothing', async () => {
    answers = () => {}
    const clock = new VirtualClock()
    const opening = open(clock)
    await assert.rejects(clock.advanceUntil(opening, 1_000), /does not answer/)
    assert.equal(clock.now() >= 15_000, true)
  })
})
