import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { thisMachine } from '../../../base/processes.ts'
import { createRecords } from '../../../base/records.ts'
import type { BlobObject, PaymentRecord } from '../../../chain/types/index.ts'
import { blobIdFromBytes, parseObjectId } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { ClientError } from '../../../node/client/errors.ts'
import { temporaryFolder } from '../../support/temporary.ts'
import { ask, gatewayFactory, put, reasonOf } from './support.ts'

describe('gateway: upload relay', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  const address = parseObjectId('0x717')
  const object = parseObjectId('0xb10b')
  const body = randomBytes(1000)
  const blobId = blobIdFromBytes(createHash('sha256').update(body).digest())
  const nonce = randomBytes(32)
  const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest()
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(1000n)

  const startRelay = async (payment: Partial<PaymentRecord> = {}, more: { dir?: string } = {}) => {
    const blob = {
      objectId: object,
      blobId,
      deletable: true,
      storage: { endEpoch: 9 as Epoch },
    } as BlobObject
    const chain = {
      blob: async () => blob,
      chainTime: async () => 1_000,
      payment: async (digest: string): Promise<PaymentRecord> => ({
        digest,
        succeeded: true,
        timestampMs: 0,
        pureInputs: [Uint8Array.of(1), Buffer.concat([sha256(body), sha256(nonce), length])],
        receivedMist: { [address]: 5n },
        ...payment,
      }),
    }
    return await start({ ...more, uploadRelay: { chain, tip: { address, kind: { const: 5n } } } })
  }
  const post = (url: string, bytes: Uint8Array = body) => {
    const query = new URLSearchParams({
      blob_id: blobId,
      deletable_blob_object: object,
      tx_id: '1'.repeat(44),
      nonce: nonce.toString('base64url'),
    })
    return ask(`${url}/v1/blob-upload-relay?${query}`, { method: 'POST', body: Buffer.from(bytes) })
  }

  it('uses a tip for one upload at a time, and not up when that fails', async () => {
    const { url, client } = await startRelay()
    const release = client.hold('sendRegistered')
    const first = post(url)
    await client.begun('sendRegistered', 1)
    assert.equal(reasonOf(await post(url)), 'TIP_USED')
    client.fail('sendRegistered', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    release()
    assert.equal((await first).status, 503)
    client.fail('sendRegistered', undefined)
    assert.equal((await post(url)).status, 200)
    // the third is the first's answer again
    assert.equal((await post(url)).status, 200)
    assert.equal(client.calls.filter(({ operation }) => operation === 'sendRegistered').length, 2)
  })

  it('leaves a tip to another process that uses it', async () => {
    const folder = await temporaryFolder()
    try {
      const { url } = await startRelay({}, { dir: folder.path })
      const records = createRecords({ folder: join(folder.path, 'tips'), limit: 9, clock: systemClock })
      const key = `claim tip ${'1'.repeat(44)}`
      await records.add(key, `${thisMachine()}-${process.ppid}-0`, Date.now() + 60_000)
      assert.equal(reasonOf(await post(url)), 'TIP_USED')
      await records.delete(key)
      assert.equal((await post(url)).status, 200)
    } finally {
      await stopAll()
      await folder.remove()
    }
  })

  it('takes no more than was paid for, and nothing for a transaction that failed', async () => {
    const { url } = await startRelay()
    assert.equal((await post(url, Buffer.alloc(1001))).status, 413)
    const failed = await startRelay({ succeeded: false })
    assert.equal(reasonOf(await post(failed.url)), 'TIP_NOT_FOUND')
  })

  it('keeps no reader waiting, however long its own wait for the chain', async () => {
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<PaymentRecord | undefined>()
    const chain = {
      blob: async () => undefined,
      chainTime: async () => 1_000,
      payment: async () => {
        asked.resolve()
        return await answer.promise
      },
    }
    const tip = { address, kind: { const: 5n } } as const
    const { url } = await start({ uploadRelay: { chain, tip }, limits: { lookups: 1 } })
    const stored = await put(url, 'Hello')
    const waiting = post(url)
    await asked.promise
    assert.equal((await ask(`${url}/v1/blobs/${stored}`)).status, 200)
    answer.reject(new Error('no chain'))
    assert.equal((await waiting).status, 500)
  })

  it('is for pages of any origin, and not there unless it was wished for', async () => {
    const { url } = await startRelay()
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    const preflight = await ask(`${url}/v1/blob-upload-relay`, { method: 'OPTIONS', headers })
    assert.equal(preflight.headers['access-control-allow-origin'], '*')
    assert.match(String(preflight.headers['access-control-allow-methods']), /POST/)
    const without = await start()
    assert.equal((await post(without.url)).status, 404)
  })
})
