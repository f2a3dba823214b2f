import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import { connect } from 'node:net'
import * as grpc from '@grpc/grpc-js'
import { GrpcTypes, SuiGrpcClient } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { GrpcTransport } from '@protobuf-ts/grpc-transport'
import { dataFrame } from '../../../../chain/localnet/rpc/framing.ts'
import { SERVER_LIMITS } from '../../../../chain/localnet/rpc/server-limits.ts'
import { TestChain } from '../support/chain.ts'

const paths = {
  info: '/sui.rpc.v2.LedgerService/GetServiceInfo',
  object: '/sui.rpc.v2.LedgerService/GetObject',
  checkpoints: '/sui.rpc.v2.SubscriptionService/SubscribeCheckpoints',
}

/** What a call over bare HTTP/2 was answered. */
interface Answer {
  headers: http2.IncomingHttpHeaders
  trailers: http2.IncomingHttpHeaders
  messages: Buffer[]
}

describe('chain/localnet/server: native gRPC', function () {
  this.timeout(60_000)
  let chain: TestChain
  let session: http2.ClientHttp2Session
  before(async () => {
    chain = await TestChain.start()
    session = http2.connect(chain.localnet.url)
  })
  after(async () => {
    session?.destroy()
    await chain?.close()
  })

  /** As strict clients send it: no more headers than gRPC asks for. */
  const call = async (
    path: string,
    body: Uint8Array = dataFrame(new Uint8Array(0), 'native'),
    headers: http2.OutgoingHttpHeaders = {},
  ): Promise<Answer> => {
    const stream = session.request(
      { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', ...headers },
      { endStream: false },
    )
    const answer: Answer = { headers: {}, trailers: {}, messages: [] }
    stream.on('response', received => {
      answer.headers = received
    })
    stream.on('trailers', received => {
      answer.trailers = received
    })
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.on('error', () => undefined)
    stream.end(body)
    await once(stream, 'close')
    // an answer of nothing but a status has it in its headers
    if (answer.headers['grpc-status'] !== undefined) answer.trailers = answer.headers
    let bytes = Buffer.concat(chunks)
    while (Number(answer.headers[':status']) === 200 && bytes.length > 0) {
      assert.equal(bytes[0], 0)
      const end = 5 + bytes.readUInt32BE(1)
      answer.messages.push(bytes.subarray(5, end))
      bytes = bytes.subarray(end)
    }
    return answer
  }
  const status = async (...args: Parameters<typeof call>) => (await call(...args)).trailers['grpc-status']

  it('answers headers, one message and trailers', async () => {
    for (const type of ['application/grpc', 'application/grpc+proto']) {
      const { headers, trailers, messages } = await call(paths.info, undefined, { 'content-type': type })
      assert.deepEqual([headers[':status'], headers['content-type']], [200, type])
      assert.equal(headers['x-sui-chain-id'], chain.localnet.chainId)
      assert.equal(trailers['grpc-status'], '0')
      assert.equal(messages.length, 1)
      assert.equal(GrpcTypes.GetServiceInfoResponse.fromBinary(messages[0]!).chainId, chain.localnet.chainId)
    }
  })

  it('refuses by status what is not a call of it', async () => {
    assert.equal(await status('/sui.rpc.v2.LedgerService/Nothing'), '12')
    assert.equal(await status(paths.info, new Uint8Array(0)), '3')
    assert.equal(await status(paths.info, new Uint8Array(3)), '3')
    const empty = dataFrame(new Uint8Array(0), 'native')
    assert.equal(await status(paths.info, Buffer.concat([empty, empty])), '3')
    assert.equal(await status(paths.object, dataFrame(Uint8Array.of(0xff), 'native')), '3')
    assert.equal(await status(paths.object, dataFrame(Uint8Array.of(10, 1, 65), 'native')), '5')
    const http = async (headers: http2.OutgoingHttpHeaders) =>
      (await call(paths.info, undefined, headers)).headers[':status']
    assert.equal(await http({ 'content-type': 'application/grpc+json' }), 415)
    assert.equal(await http({ 'content-type': 'application/grpc-web+proto' }), 415)
    assert.equal(await http({ ':method': 'GET' }), 404)
    assert.equal(await http({ ':authority': 'example.com' }), 403)
  })

  it('refuses compression, and says what it takes instead', async () => {
    const { headers, trailers } = await call(paths.info, undefined, { 'grpc-encoding': 'gzip' })
    assert.deepEqual([trailers['grpc-status'], headers['grpc-accept-encoding']], ['12', 'identity'])
    const flagged = Buffer.from(dataFrame(new Uint8Array(0), 'native'))
    flagged[0] = 1
    assert.equal(await status(paths.info, flagged), '12')
    assert.equal(await status(paths.info, undefined, { 'grpc-encoding': 'identity' }), '0')
  })

  it('bounds a message by its declared size, before it is there', async () => {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(SERVER_LIMITS.maxBodyBytes + 1, 1)
    assert.equal(await status(paths.info, head), '8')
  })

  it('keeps deadlines', async () => {
    const passed = await call(paths.checkpoints, undefined, { 'grpc-timeout': '50m' })
    assert.equal(passed.trailers['grpc-status'], '4')
    assert.equal(await status(paths.info, undefined, { 'grpc-timeout': '0n' }), '4')
    assert.equal(await status(paths.info, undefined, { 'grpc-timeout': '10S' }), '0')
    for (const timeout of ['soon', '123456789S', '5', '-1S'])
      assert.equal(await status(paths.info, undefined, { 'grpc-timeout': timeout }), '3')
  })

  it('answers plain routes over HTTP/2 too', async () => {
    const stream = session.request({ ':method': 'POST', ':path': '/v2/gas' })
    stream.end(JSON.stringify({ FixedAmountRequest: { recipient: '0x77' } }))
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    assert.equal(headers[':status'], 201)
    stream.resume()
    await once(stream, 'close')
  })

  it('tells the version of HTTP by the first bytes, however they arrive', async () => {
    const { port } = new URL(chain.localnet.url)
    const socket = connect(Number(port), '127.0.0.1')
    try {
      for (const part of ['P', 'O', `ST /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`]) {
        socket.write(part)
        await new Promise(resolve => setImmediate(resolve))
      }
      const [answer] = (await once(socket, 'data')) as [Buffer]
      assert.match(answer.toString(), /^HTTP\/1\.1 415/)
    } finally {
      socket.destroy()
    }
    const raw = connect(Number(port), '127.0.0.1')
    try {
      for (const byte of Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')) raw.write(Uint8Array.of(byte))
      raw.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0))
      const [answer] = (await once(raw, 'data')) as [Buffer]
      // its own SETTINGS frame
      assert.equal(answer[3], 4)
    } finally {
      raw.destroy()
    }
  })

  describe('with @grpc/grpc-js', () => {
    let client: SuiGrpcClient
    let transport: GrpcTransport
    before(() => {
      transport = new GrpcTransport({
        host: new URL(chain.localnet.url).host,
        channelCredentials: grpc.credentials.createInsecure(),
      })
      client = new SuiGrpcClient({ network: 'localnet', transport })
    })
    after(() => transport?.close())

    it("carries the SDK's calls: reads, a transaction, an error", async () => {
      const { balance } = await client.getBalance({ owner: chain.address })
      assert.ok(BigInt(balance.balance) > 0n)
      const tx = new Transaction()
      tx.transferObjects([tx.splitCoins(tx.gas, [5])], '0x78')
      const result = await client.signAndExecuteTransaction({ transaction: tx, signer: chain.keypair })
      assert.equal(result.$kind, 'Transaction')
      assert.equal((await client.getBalance({ owner: '0x78' })).balance.balance, '5')
      await assert.rejects(client.getObject({ objectId: '0x1234' }), /not found/)
    })

    it('streams from the server until the caller cancels, and tells metadata first', async () => {
      const abort = new AbortController()
      const call = client.subscriptionService.subscribeCheckpoints({}, { abort: abort.signal })
      call.status.catch(() => undefined)
      call.trailers.catch(() => undefined)
      const headers = await call.headers
      assert.equal(headers['x-sui-chain'], 'localnet')
      const first = await chain.localnet.faucet('0x79')
      const { response } = await client.ledgerService.getTransaction({
        digest: first.digest,
        readMask: { paths: ['checkpoint'] },
      })
      const seen: bigint[] = []
      const reading = (async () => {
        for await (const { cursor } of call.responses) {
          seen.push(cursor!)
          abort.abort()
        }
      })()
      await assert.rejects(reading)
      assert.deepEqual(seen, [response.transaction!.checkpoint])
    })

    it('keeps a deadline of the client', async () => {
      const call = client.subscriptionService.subscribeCheckpoints({}, { timeout: 100 })
      call.status.catch(() => undefined)
      call.trailers.catch(() => undefined)
      await assert.rejects(
        (async () => {
          for await (const _ of call.responses);
        })(),
        { code: 'DEADLINE_EXCEEDED' },
      )
    })

    it('has many streams on one connection', async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => client.ledgerService.getServiceInfo({}).response),
      )
      assert.ok(answers.every(({ chainId }) => chainId === chain.localnet.chainId))
    })
  })

  it('does not keep the server from closing', async () => {
    const other = await TestChain.start({ sample: false })
    const peer = http2.connect(other.localnet.url)
    try {
      peer.on('error', () => undefined)
      const stream = peer.request({
        ':method': 'POST',
        ':path': paths.checkpoints,
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('error', () => undefined)
      stream.end(dataFrame(new Uint8Array(0), 'native'))
      await once(stream, 'response')
      const ended = once(stream, 'trailers') as Promise<[http2.IncomingHttpHeaders]>
      stream.resume()
      await other.close()
      assert.equal((await ended)[0]['grpc-status'], '14')
    } finally {
      peer.destroy()
      await other.close()
    }
  })
})
