import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  type EncodedBlob,
  encodeInconsistencyProof,
  invalidBlobMessage,
  longestInconsistencyProof,
} from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { SliverPairIndex } from '../../../../codec/types.ts'
import { ask, jsonOf, openSocket, readAll, reasonOf } from '../../../support/http.ts'
import { wronglyEncoded } from '../../../support/wrongly-encoded.ts'
import { N, startTestNode, type TestNode } from './support.ts'

// its symbols' paths have empty siblings: proofs are shorter than they might be
const STRAY = { pair: 1 as SliverPairIndex, axis: 'secondary' } as const

describe('node API: proofs that a blob was encoded wrongly', () => {
  let node: TestNode
  let wrong: EncodedBlob
  let proof: Uint8Array
  let path: string
  beforeEach(async () => {
    node = await startTestNode()
    wrong = await wronglyEncoded(node.codec, randomBytes(3_000), N, STRAY)
    proof = await proofFrom(wrong)
    path = `${await node.api()}/v1/blobs/${wrong.metadata.blobId}/inconsistencyProof`
  })
  afterEach(async () => {
    wrong.release()
    await node.close()
  })

  async function proofFrom(blob: EncodedBlob): Promise<Uint8Array> {
    const { metadata } = wrong
    const symbols = []
    for (const pair of [0, 1, 2, 3] as SliverPairIndex[]) {
      const source = { pair, axis: 'primary' } as const
      const bytes = blob.sliver(source)
      symbols.push(
        ...(await node.codec.recoverySymbols({ metadata, source, bytes, targets: [STRAY], proofs: true })),
      )
    }
    return encodeInconsistencyProof({ target: STRAY, symbols }, N)
  }
  const post = (body: Uint8Array, axis = 'secondary', headers: Record<string, string> = {}) =>
    ask(`${path}/${axis}`, {
      method: 'POST',
      body,
      headers: { 'content-length': String(body.length), ...headers },
    })
  const refused = async (body: Uint8Array, status: number, reason: string, axis?: string) => {
    const answer = await post(body, axis)
    assert.deepEqual([answer.status, reasonOf(answer)], [status, reason], answer.body.toString())
  }
  const stored = async () => {
    const { metadata } = wrong
    node.chain.register(metadata.blobId, { deletable: true })
    await node.blobs.waitFor(metadata.blobId, state => state !== undefined, { timeoutMs: 5_000 })
    await node.metadata.put(metadata)
  }

  it('are signed for when they hold, as Walrus has it, and afterwards without a look', async () => {
    await stored()
    const bls = await loadBls()
    for (const body of [proof, new Uint8Array(3)]) {
      const answer = await post(body)
      assert.equal(answer.status, 200, answer.body.toString())
      const { code, data } = jsonOf(answer).success
      assert.deepEqual([code, Object.keys(data).sort()], [200, ['serializedMessage', 'signature']])
      const message = Buffer.from(data.serializedMessage, 'base64')
      const { blobId } = wrong.metadata
      assert.ok(message.equals(invalidBlobMessage({ epoch: node.chain.epoch, blobId })))
      assert.ok(bls.verify(node.publicKey, message, Buffer.from(data.signature, 'base64')))
    }
  })

  it('are refused when they show nothing, are none, or are of another axis', async () => {
    await stored()
    const other = proof.slice()
    other[10]! ^= 1
    await refused(other, 400, 'PROOF_INVALID')
    await refused(proof.subarray(0, -1), 400, 'PROOF_INVALID')
    await refused(new Uint8Array(), 400, 'PROOF_INVALID')
    await refused(proof, 400, 'PROOF_INVALID', 'primary')
    await refused(proof, 400, 'INVALID_PARAMETER', 'tertiary')
    assert.equal((await post(proof)).status, 200)
  })

  it('do not come so slowly that others are not heard', async () => {
    await stored()
    // what other bodies may do
    const limits = { bodyIdleMs: 300, bodyBytesPerSecond: 1 }
    const url = new URL(await node.api({ limits }))
    const socket = await openSocket(Number(url.port))
    const received = readAll(socket)
    const target = `/v1/blobs/${wrong.metadata.blobId}/inconsistencyProof/secondary`
    socket.write(
      `POST ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${proof.length}\r\n\r\n`,
    )
    let at = 0
    const timer = setInterval(() => {
      if (at < proof.length && socket.writable) socket.write(proof.subarray(at, ++at))
    }, 20)
    assert.match(await received.finally(() => clearInterval(timer)), /^HTTP\/1\.1 408 [\s\S]*BODY_TOO_SLOW/)
    assert.equal((await post(proof)).status, 200)
  })

  it('are refused before a byte is taken in when they are too long, or of a blob that is not here', async () => {
    await refused(proof, 400, 'METADATA_NOT_STORED')
    await stored()
    const most = longestInconsistencyProof(N, wrong.metadata.unencodedLength, 'secondary')
    await refused(new Uint8Array(most + 1), 413, 'BODY_TOO_LARGE')
    const chunked = await ask(`${path}/secondary`, {
      method: 'POST',
      body: proof,
      headers: { 'transfer-encoding': 'chunked' },
    })
    assert.equal(chunked.status, 200, chunked.body.toString())
    assert.equal((await ask(`${path}/secondary`)).status, 405)
  })
})
