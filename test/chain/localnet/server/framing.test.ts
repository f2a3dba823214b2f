import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { dataFrame } from '../../../../chain/localnet/rpc/framing.ts'
import { TestChain } from '../support/chain.ts'

const path = '/sui.rpc.v2.LedgerService/GetServiceInfo'

/** Frames of a gRPC-web reply: messages, then the trailer's text. */
function readFrames(body: Buffer): { messages: Buffer[]; trailer: string } {
  const messages: Buffer[] = []
  let trailer = ''
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1)
    const payload = body.subarray(at + 5, at + 5 + length)
    if (body[at] === 0x80) trailer = payload.toString()
    else messages.push(payload)
    at += 5 + length
  }
  return { messages, trailer }
}

describe('chain/localnet/server: framing', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const post = (to: string, init: RequestInit) => fetch(chain.localnet.url + to, { method: 'POST', ...init })
  const empty = dataFrame(new Uint8Array(0), 'binary')
  const binary = { 'content-type': 'application/grpc-web+proto' }
  const call = async (to: string, body: Uint8Array = empty) => {
    const response = await post(to, { headers: binary, body: Buffer.from(body) })
    return readFrames(Buffer.from(await response.arrayBuffer()))
  }

  it('answers binary with binary and text with text', async () => {
    const { messages, trailer } = await call(path)
    assert.equal(GrpcTypes.GetServiceInfoResponse.fromBinary(messages[0]!).chainId, chain.localnet.chainId)
    assert.match(trailer, /grpc-status:0/)
    const response = await post(path, {
      headers: { 'content-type': 'application/grpc-web-text' },
      body: Buffer.from(empty).toString('base64'),
    })
    assert.match(response.headers.get('content-type')!, /grpc-web-text/)
    const text = await response.text()
    assert.match(text, /^[A-Za-z0-9+/=]+$/)
  })

  it('tells what is wrong with a request by its status', async () => {
    const status = async (to: string, body?: Uint8Array) =>
      /grpc-status:(\d+)/.exec((await call(to, body)).trailer)![1]
    assert.equal(await status('/sui.rpc.v2.LedgerService/Nothing'), '12')
    assert.equal(await status(path, new Uint8Array(3)), '3')
    assert.equal(await status(path, Buffer.concat([empty, empty])), '3')
    assert.equal(await status(path, dataFrame(Uint8Array.of(0xff), 'binary')), '3')
    assert.equal(await status('/sui.rpc.v2.LedgerService/GetObject'), '3')
  })

  it('speaks HTTP to those who do not speak gRPC-web', async () => {
    assert.equal((await fetch(chain.localnet.url)).status, 404)
    assert.equal((await post(path, { headers: { 'content-type': 'text/plain' }, body: 'x' })).status, 415)
    assert.equal((await post(path, { headers: binary, body: Buffer.alloc(2 ** 20 + 1) })).status, 413)
  })
})
