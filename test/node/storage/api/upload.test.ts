import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  confirmationMessage,
  decodeMetadata,
  encodeMetadata,
  objectIdFromBytes,
} from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { ObjectId, SliverRef } from '../../../../codec/types.ts'
import { type Answer, ask, jsonOf, openSocket, readAll, reasonOf } from '../../../support/http.ts'
import { N, startTestNode, type TestNode } from './support.ts'

describe('node API: storing piece by piece', () => {
  let node: TestNode
  let url: string
  let path: string
  /** BCS BlobMetadata, without the ID */
  let metadata: Uint8Array
  beforeEach(async () => {
    node = await startTestNode()
    url = await node.api()
    path = `${url}/v1/blobs/${node.blob.metadata.blobId}`
    metadata = encodeMetadata(node.blob.metadata).subarray(32)
  })
  afterEach(() => node.close())

  const registered = async (deletable = true): Promise<ObjectId> => {
    const { blobId } = node.blob.metadata
    const { objectId } = node.chain.register(blobId, { deletable })
    await node.blobs.waitFor(blobId, state => state !== undefined, { timeoutMs: 5_000 })
    return objectId
  }
  const put = (to: string, body: Uint8Array, headers: Record<string, string> = {}) =>
    ask(to, { method: 'PUT', body, headers: { 'content-length': String(body.length), ...headers } })
  const sliverUrl = ({ pair, axis }: SliverRef) => `${path}/slivers/${pair}/${axis}`
  const putSliver = (ref: SliverRef, bytes = node.blob.sliver(ref)) => put(sliverUrl(ref), bytes)
  const dataOf = (answer: Answer) => {
    assert.equal(answer.status, 200, answer.body.toString())
    assert.equal(jsonOf(answer).success.code, 200)
    return jsonOf(answer).success.data
  }
  const refused = (answer: Answer, status: number, reason: string) => {
    const { error } = jsonOf(answer)
    assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], answer.body.toString())
    assert.equal(error.code, status)
    assert.equal(error.details[0]['@type'], 'ErrorInfo')
    assert.equal(typeof error.details[0].domain, 'string')
  }

  /** What comes back when metadata of this length is announced, and sent only on demand. */
  const expectContinue = async (length: number) => {
    const socket = await openSocket(Number(new URL(url).port))
    socket.write(
      `PUT ${new URL(path).pathname}/metadata HTTP/1.1\r\nHost: x\r\nConnection: close\r\n` +
        `Content-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`,
    )
    return await readAll(socket)
  }

  it('takes metadata, then slivers, and confirms once it has everything', async () => {
    const objectId = await registered()
    const confirmation = `${path}/confirmation/deletable/${objectId}`
    assert.equal(dataOf(await ask(`${path}/metadata/status`)), 'Nonexistent')
    refused(await ask(`${path}/metadata`), 404, 'NOT_STORED')
    refused(await ask(confirmation), 404, 'INCOMPLETE')
    assert.match(dataOf(await put(`${path}/metadata`, metadata)), /successfully/)
    assert.match(dataOf(await put(`${path}/metadata`, metadata)), /already/)
    assert.equal(dataOf(await ask(`${path}/metadata/status`)), 'Stored')
    assert.deepEqual(decodeMetadata((await ask(`${path}/metadata`)).body, N), node.blob.metadata)

    const [first, ...others] = node.ours()
    refused(await ask(sliverUrl(first!)), 404, 'NOT_STORED')
    await Promise.all(others.map(async ref => dataOf(await putSliver(ref))))
    refused(await ask(confirmation), 404, 'INCOMPLETE')
    assert.equal(dataOf(await ask(`${sliverUrl(first!)}/status`)), 'Nonexistent')
    dataOf(await putSliver(first!))
    assert.match(dataOf(await putSliver(first!)), /already/)
    assert.equal(dataOf(await ask(`${sliverUrl(first!)}/status`)), 'Stored')
    const read = await ask(sliverUrl(first!))
    assert.equal(read.headers['content-type'], 'application/octet-stream')
    assert.deepEqual(read.body, Buffer.from(node.blob.sliver(first!)))

    const { signed } = dataOf(await ask(confirmation))
    const message = Buffer.from(signed.serializedMessage, 'base64')
    const persistence = { kind: 'deletable', objectId } as const
    const { epoch } = node.chain
    const { blobId } = node.blob.metadata
    assert.deepEqual(message, Buffer.from(confirmationMessage({ epoch, blobId, persistence })))
    const signature = Buffer.from(signed.signature, 'base64')
    assert.ok((await loadBls()).verify(node.publicKey, message, signature))
  })

  it('confirms a permanent blob as permanent only, and a deletable one for its object only', async () => {
    await registered(false)
    dataOf(await put(`${path}/metadata`, metadata))
    for (const answer of await Promise.all(node.ours().map(ref => putSliver(ref)))) dataOf(answer)
    dataOf(await ask(`${path}/confirmation/permanent`))
    const other = objectIdFromBytes(randomBytes(32))
    refused(await ask(`${path}/confirmation/deletable/${other}`), 400, 'NOT_REGISTERED')
  })

  it('takes nothing of a blob that is not registered, and does not even ask for the bytes', async () => {
    refused(await put(`${path}/metadata`, metadata), 400, 'NOT_REGISTERED')
    refused(await putSliver(node.ours()[0]!), 400, 'NOT_REGISTERED')
    assert.match(await expectContinue(metadata.length), /^HTTP\/1.1 400 /)
    assert.equal(await node.metadata.get(node.blob.metadata.blobId), undefined)
  })

  it('waits for a registration that its own view of the chain does not show yet', async () => {
    const late = await startTestNode({ registrationWaitMs: 20_000 })
    try {
      const { blobId } = late.blob.metadata
      const waiting = Promise.withResolvers<void>()
      const waitFor = late.blobs.waitFor.bind(late.blobs)
      late.blobs.waitFor = (...args) => {
        waiting.resolve()
        return waitFor(...args)
      }
      const body = encodeMetadata(late.blob.metadata).subarray(32)
      const stored = put(`${await late.api()}/v1/blobs/${blobId}/metadata`, body)
      await waiting.promise
      late.chain.register(blobId)
      dataOf(await stored)
    } finally {
      await late.close()
    }
  })

  it('refuses metadata that is not that of the blob, or not the one encoding of it', async () => {
    await registered()
    const altered = (at: number, bit = 1) => {
      const copy = Uint8Array.from(metadata)
      copy[at]! ^= bit
      return copy
    }
    // the last hash, the length; then version, encoding type, the number of pairs, a hash's tag (Empty)
    refused(await put(`${path}/metadata`, altered(metadata.length - 1)), 400, 'METADATA_MISMATCH')
    refused(await put(`${path}/metadata`, altered(2)), 400, 'METADATA_MISMATCH')
    for (const at of [0, 1, 10, 11]) {
      refused(await put(`${path}/metadata`, altered(at)), 400, 'MALFORMED')
    }
    refused(await put(`${path}/metadata`, altered(9, 0x80)), 400, 'MALFORMED')
    refused(await put(`${path}/metadata`, metadata.subarray(1)), 400, 'WRONG_LENGTH')
    assert.match(await expectContinue(metadata.length - 1), /^HTTP\/1.1 400 /)
    assert.match(await expectContinue(1e12), /^HTTP\/1.1 413 /)
    refused(await put(`${path}/metadata`, Buffer.concat([metadata, Buffer.of(0)])), 413, 'BODY_TOO_LARGE')
    assert.equal(await node.metadata.get(node.blob.metadata.blobId), undefined)
  })

  it('refuses slivers before their metadata, of other nodes, altered, or of another length', async () => {
    await registered()
    const [ref] = node.ours()
    refused(await putSliver(ref!), 400, 'METADATA_NOT_STORED')
    await put(`${path}/metadata`, metadata)
    const foreign = Array.from({ length: N }, (_, pair) => pair as SliverRef['pair']).find(
      pair => !node.ours().some(own => own.pair === pair),
    )!
    refused(await putSliver({ pair: foreign, axis: 'primary' }), 400, 'UNWANTED_SLIVER')
    const altered = node.blob.sliver(ref!)
    altered[20]! ^= 1
    refused(await putSliver(ref!, altered), 400, 'SLIVER_MISMATCH')
    const bytes = node.blob.sliver(ref!)
    refused(await putSliver(ref!, bytes.subarray(1)), 400, 'WRONG_LENGTH')
    refused(await putSliver(ref!, Buffer.concat([bytes, Buffer.of(0)])), 413, 'BODY_TOO_LARGE')
    // the same without a declared length
    const chunked = (body: Uint8Array) =>
      ask(sliverUrl(ref!), { method: 'PUT', body, headers: { 'transfer-encoding': 'chunked' } })
    refused(await chunked(bytes.subarray(1)), 400, 'WRONG_LENGTH')
    refused(await chunked(Buffer.concat([bytes, Buffer.of(0)])), 413, 'BODY_TOO_LARGE')
    refused(await put(sliverUrl(ref!), bytes, { 'content-encoding': 'gzip' }), 415, 'UNSUPPORTED_ENCODING')
    assert.deepEqual(await node.slivers.list(node.blob.metadata.blobId), [])
    dataOf(await chunked(bytes))
  })

  it('waits for no registration when a confirmation is asked for that nobody can give', async () => {
    await node.close()
    // forever, as far as this test goes
    node = await startTestNode({ registrationWaitMs: 600_000 })
    path = `${await node.api()}/v1/blobs/${node.blob.metadata.blobId}`
    metadata = encodeMetadata(node.blob.metadata).subarray(32)
    const nobodys = objectIdFromBytes(randomBytes(32))
    const asks = [`${path}/confirmation/permanent`, `${path}/confirmation/deletable/${nobodys}`]
    const bothRefuse = async () => {
      for (const to of asks) {
        refused(await ask(to), 400, 'NOT_REGISTERED')
        assert.equal((await ask(to, { method: 'HEAD' })).status, 400)
      }
    }
    await bothRefuse()
    // what is stored of it, and that it is registered as another object, changes nothing but a second
    await registered()
    dataOf(await put(`${path}/metadata`, metadata))
    for (const ref of node.ours()) dataOf(await putSliver(ref))
    await bothRefuse()
  }).timeout(10_000)

  it('takes and keeps nothing of a blob that was found invalid', async () => {
    const objectId = await registered()
    await put(`${path}/metadata`, metadata)
    const { blobId } = node.blob.metadata
    node.chain.emit({ type: 'InvalidBlobID', epoch: node.chain.epoch, blobId })
    await node.blobs.waitFor(blobId, state => state?.invalid === true, { timeoutMs: 5_000 })
    refused(await putSliver(node.ours()[0]!), 410, 'BLOB_INVALID')
    refused(await ask(`${path}/confirmation/deletable/${objectId}`), 410, 'BLOB_INVALID')
    const { invalid } = dataOf(await ask(`${path}/status`))
    assert.deepEqual(invalid, { event: { txDigest: 'digest-2', eventSeq: '0' } })
  })

  it('lets nothing of a blob be dropped while a sliver of it is written, and writes none of one that has ended', async () => {
    const objectId = await registered()
    await put(`${path}/metadata`, metadata)
    const { blobId } = node.blob.metadata
    const [first, second] = node.ours()
    const put_ = node.slivers.put.bind(node.slivers)
    const open: boolean[] = []
    node.slivers.put = async (...args) => {
      open.push(node.lock.isOpen(blobId))
      await put_(...args)
    }
    dataOf(await putSliver(first!))
    assert.deepEqual([...open, node.lock.isOpen(blobId)], [true, false])
    // it was dropped between the request and the last byte
    const holds = node.slivers.holds.bind(node.slivers)
    node.slivers.holds = async (...args) => {
      await node.chain.writer(node.chain.wallet).deleteBlob(objectId)
      await node.blobs.waitFor(blobId, state => state?.registrations.length === 0, { timeoutMs: 5_000 })
      return await holds(...args)
    }
    const { pair, axis } = second!
    refused(await put(sliverUrl({ pair, axis }), node.blob.sliver(second!)), 410, 'BLOB_GONE')
    assert.equal(await node.slivers.has(blobId, second!), false)
  })

  it('says 503 while it cannot see its chain', async () => {
    node.chain.committees = () => Promise.reject(new Error('no RPC answers: http://internal'))
    for (const to of [`${path}/confirmation/permanent`, `${url}/v1/health`]) {
      const answer = await ask(to)
      refused(answer, 503, 'CHAIN_UNAVAILABLE')
      assert.doesNotMatch(answer.body.toString(), /internal/)
      assert.ok(Number(answer.headers['retry-after']) > 0)
    }
  })
})
