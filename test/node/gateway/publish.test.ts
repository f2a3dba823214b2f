import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { BlobId, Epoch } from '../../../codec/types.ts'
import { ClientError } from '../../../node/client/errors.ts'
import type { StoreOptions } from '../../../node/client/types.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewayFactory, jsonOf, NETWORK, openSocket, readAll, reasonOf } from './support.ts'

const MIB = 1024 * 1024

describe('gateway: publishing', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)
  const put = (url: string, query: string, body: string | Uint8Array = 'Hello', headers = {}) =>
    ask(`${url}/v1/blobs${query}`, { method: 'PUT', body: Buffer.from(body), headers })

  it('answers newlyCreated exactly as a Walrus publisher', async () => {
    const { url } = await start()
    const answer = await put(url, '?epochs=5')
    assert.equal(answer.status, 200)
    const { newlyCreated, ...rest } = jsonOf(answer)
    assert.deepEqual(rest, {})
    const { blobObject, resourceOperation, cost } = newlyCreated
    assert.deepEqual(Object.keys(newlyCreated).sort(), ['blobObject', 'cost', 'resourceOperation'])
    assert.match(blobObject.id, /^0x[0-9a-f]{64}$/)
    assert.match(blobObject.storage.id, /^0x[0-9a-f]{64}$/)
    assert.deepEqual(
      { ...blobObject, id: '', storage: { ...blobObject.storage, id: '' } },
      {
        id: '',
        registeredEpoch: 1,
        blobId: blobObject.blobId,
        size: 5,
        encodingType: 'RS2',
        certifiedEpoch: 1,
        storage: { id: '', startEpoch: 1, endEpoch: 6, storageSize: 663_400 },
        deletable: true,
      },
    )
    assert.deepEqual(resourceOperation, { registerFromScratch: { encodedLength: 663_400, epochsAhead: 5 } })
    assert.equal(cost, 661_500)
  })

  it('answers alreadyCertified the second time, and stores again with force', async () => {
    const { url } = await start()
    const { blobObject } = jsonOf(await put(url, '?epochs=2')).newlyCreated
    assert.deepEqual(jsonOf(await put(url, '?epochs=2')), {
      alreadyCertified: { blobId: blobObject.blobId, object: blobObject.id, endEpoch: 3 },
    })
    assert.ok(jsonOf(await put(url, '?epochs=2&force=true')).newlyCreated)
  })

  it('makes an object for whoever is to be sent one, also of what is stored already', async () => {
    const { url } = await start()
    await put(url, '?epochs=2')
    const answer = await put(url, `?epochs=2&send_object_to=0x${'ab'.repeat(32)}`)
    assert.ok(jsonOf(answer).newlyCreated)
  })

  it('names what was used in place of buying, and the shared blob', async () => {
    const client = createFakeClient()
    const operations = [
      [{ kind: 'reuseStorage' }, { reuseStorage: { encodedLength: 663_400 } }],
      [{ kind: 'reuseRegistration' }, { reuseRegistration: { encodedLength: 663_400 } }],
      [
        { kind: 'reuseAndExtend', epochsExtended: 3 },
        { reuseAndExtend: { encodedLength: 663_400, epochsExtended: 3 } },
      ],
      [
        { kind: 'reuseAndExtendNonCertified', epochsExtended: 1 },
        { reuseAndExtendNonCertified: { encodedLength: 663_400, epochsExtended: 1 } },
      ],
    ] as const
    for (const [operation, told] of operations) {
      const { url } = await start({
        client: {
          ...client,
          async store(data, options) {
            const result = await client.store(data, { ...options, force: true })
            return result.kind === 'newlyCreated' ? { ...result, operation } : result
          },
        },
      })
      assert.deepEqual(jsonOf(await put(url, '')).newlyCreated.resourceOperation, told)
    }
    const { url } = await start()
    const { newlyCreated } = jsonOf(await put(url, '?share=true'))
    assert.match(newlyCreated.sharedBlobObject, /^0x[0-9a-f]{64}$/)
    assert.equal(newlyCreated.blobObject.deletable, false)
  })

  it('names the event that certified a permanent blob of somebody else', async () => {
    const event = { txDigest: '8QHmWTx', eventSeq: '1' }
    const client = createFakeClient()
    const { url } = await start({
      client: {
        ...client,
        store: async () => ({ kind: 'alreadyCertified', blobId: 'B' as BlobId, endEpoch: 3 as Epoch, event }),
      },
    })
    assert.deepEqual(jsonOf(await put(url, '')), { alreadyCertified: { blobId: 'B', event, endEpoch: 3 } })
  })

  it('writes u64 values with all their digits', async () => {
    const client = createFakeClient()
    const { url } = await start({
      client: {
        ...client,
        async store(data, options) {
          const result = await client.store(data, options)
          return result.kind === 'newlyCreated'
            ? { ...result, costFrost: 18_446_744_073_709_551_615n }
            : result
        },
      },
    })
    assert.match((await put(url, '')).body.toString(), /"cost":18446744073709551615[,}]/)
  })

  const stored = async (query: string) => {
    const { url, client } = await start()
    assert.equal((await put(url, query)).status, 200)
    const options = client.calls.at(-1)?.options
    assert.ok(typeof options === 'object' && options !== null)
    const { epochs, deletable, force, sendObjectTo, share, reuse } = options as StoreOptions
    return { epochs, deletable, force, sendObjectTo, share, reuse }
  }
  const usual = {
    ...{ epochs: 1, deletable: true, force: false, sendObjectTo: undefined, share: false, reuse: true },
  }

  it('reads its parameters', async () => {
    assert.deepEqual(await stored(''), usual)
    assert.deepEqual(await stored('?epochs=53'), { ...usual, epochs: 53 })
    assert.deepEqual(await stored('?permanent=true'), { ...usual, deletable: false })
    assert.deepEqual(await stored('?permanent'), { ...usual, deletable: false })
    assert.deepEqual(await stored('?deletable=false'), { ...usual, deletable: false })
    assert.deepEqual(await stored('?deletable=true&permanent=false'), usual)
    assert.deepEqual(await stored('?share'), { ...usual, deletable: false, share: true })
    assert.deepEqual(await stored('?reuse_resources=false&quilt_version=v1'), { ...usual, reuse: false })
    assert.deepEqual(await stored('?force'), { ...usual, force: true })
    assert.deepEqual(await stored('?send_object_to=0xab&encoding_type=RS2'), {
      ...usual,
      sendObjectTo: `0x${'ab'.padStart(64, '0')}`,
    })
  })

  it('refuses bad parameters with 400 before it takes the body', async () => {
    const { url, client } = await start()
    for (const query of [
      'epochs=0',
      'epochs=-1',
      'epochs=1.5',
      'epochs=54',
      'epochs=',
      'epochs=max',
      'epochs=1&epochs=2',
      'deletable=true&permanent=true',
      'deletable=yes',
      'send_object_to=bob',
      'send_object_to=0xab&share=true',
      'deletable=true&share=true',
      'quilt_version=2',
      'encoding_type=RedStuff',
      'epoch=5',
    ]) {
      const answer = await put(url, `?${query}`)
      assert.deepEqual([answer.status, reasonOf(answer)], [400, 'INVALID_PARAMETER'], query)
    }
    assert.ok(client.calls.every(call => call.operation !== 'store'))
  })

  it('refuses a declared size over the limit before a byte is sent', async () => {
    const { url, port, client } = await start({ limits: { maxBlobBytes: 1000 } })
    const answer = await put(url, '', Buffer.alloc(1001))
    assert.deepEqual([answer.status, reasonOf(answer)], [413, 'BODY_TOO_LARGE'])
    assert.equal((await put(url, '', Buffer.alloc(1000))).status, 200)

    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write(
      'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n',
    )
    const text = await received
    assert.match(text, /^HTTP\/1\.1 413 /)
    assert.doesNotMatch(text, /100 Continue/)
    assert.equal(client.calls.filter(call => call.operation === 'store').length, 1)
  })

  it('lets a sender finish that reads the answer only after its body', async () => {
    const { port } = await start({ limits: { maxBlobBytes: 1000 } })
    const socket = await openSocket(port)
    const length = 12 * MIB // more than the buffers of both systems
    socket.write(`PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`)
    await new Promise(resolve => socket.write(Buffer.alloc(length), resolve))
    assert.match(await readAll(socket), /^HTTP\/1\.1 413 [\s\S]*BODY_TOO_LARGE/)
  })

  it('refuses a chunked body once it passes the limit, and the sender sees why', async () => {
    const { port } = await start({ limits: { maxBlobBytes: MIB } })
    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n')
    const chunk = Buffer.concat([Buffer.from('40000\r\n'), Buffer.alloc(0x40000), Buffer.from('\r\n')])
    for (let i = 0; i < 16 && socket.writable; i++) socket.write(chunk)
    assert.match(await received, /^HTTP\/1\.1 413 [\s\S]*BODY_TOO_LARGE/)
  })

  it('takes chunked bodies of any cut, also empty ones', async () => {
    const { port, client } = await start()
    for (const parts of [[], ['a'], ['ab', 'c', 'd'.repeat(100_000), 'e'.repeat(70_000)]]) {
      const socket = await openSocket(port)
      const received = readAll(socket)
      socket.write(
        'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      )
      for (const part of parts) socket.write(`${part.length.toString(16)}\r\n${part}\r\n`)
      socket.write('0\r\n\r\n')
      assert.match(await received, /^HTTP\/1\.1 200 /)
      assert.ok([...client.blobs.values()].some(bytes => Buffer.from(bytes).toString() === parts.join('')))
    }
  })

  it('tells clients that wait for it to send the body', async () => {
    const { port } = await start()
    const socket = await openSocket(port)
    socket.write(
      'PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n',
    )
    const [first] = await once(socket, 'data')
    assert.match(first.toString(), /^HTTP\/1\.1 100 Continue/)
    const received = readAll(socket)
    socket.write('hi')
    assert.match(await received, /HTTP\/1\.1 200 OK/)
  })

  it('forgets uploads that break off', async () => {
    const { url, port, client } = await start({ limits: { uploads: 1 } })
    for (let i = 0; i < 3; i++) {
      const socket = await openSocket(port)
      socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf of it')
      socket.end()
      socket.destroySoon()
      await once(socket, 'close')
    }
    // the only slot is free again
    assert.equal((await put(url, '')).status, 200)
    assert.equal(client.blobs.size, 1)
  })

  it('stops storing for a client that hangs up', async () => {
    const { port, client } = await start()
    const release = client.hold('store')
    const socket = await openSocket(port)
    socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi')
    await client.begun('store', 1)
    socket.destroy()
    await client.ended('store', 1)
    release()
    assert.equal(client.calls.at(-1)?.outcome, 'aborted')
    assert.equal(client.blobs.size, 0)
  })

  it('answers 408 to a body that does not come', async () => {
    const { port } = await start({ limits: { bodyIdleMs: 100 } })
    const socket = await openSocket(port)
    const received = readAll(socket)
    socket.write('PUT /v1/blobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf')
    assert.match(await received, /^HTTP\/1\.1 408 /)
  })

  it('works on a bounded number of uploads at a time; the others wait', async () => {
    const { url, client } = await start({ limits: { uploads: 2 } })
    const release = client.hold('store')
    const answers = Array.from({ length: 5 }, (_, i) => put(url, '', `blob ${i}`))
    await client.begun('store', 2)
    release()
    for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200)
    assert.equal(client.blobs.size, 5)
  })

  it('bounds the bytes in flight, and lets one larger than that through alone', async () => {
    const { url, client } = await start({ limits: { uploadBytes: MIB } })
    const release = client.hold('store')
    const large = put(url, '', Buffer.alloc(2 * MIB))
    await client.begun('store', 1)
    const small = put(url, '', 'x')
    release()
    assert.equal((await large).status, 200)
    assert.equal((await small).status, 200)
    assert.deepEqual(
      client.calls.filter(call => call.operation === 'store').map(call => call.outcome),
      ['ok', 'ok'],
    )
  })

  it('says what the network or the wallet lacks', async () => {
    const { url, client } = await start()
    const confirmations = {
      blobId: 'A',
      confirmedShards: 10,
      neededShards: 67,
      nodes: 13,
      noSpaceNodes: 9,
      busyNodes: 2,
    }
    const cases: [Error, number][] = [
      [new ClientError('TOO_FEW_CONFIRMATIONS', 'only 10 of 67 shards', confirmations), 504],
      [new ClientError('NO_SPACE', '9 of 13 nodes have no space left', confirmations), 507],
      [new ClientError('NODES_BUSY', '9 of 13 nodes are too busy', confirmations), 503],
      [new ClientError('REGISTRATION_ENDED', 'over', { blobId: 'A', objectId: '0x1', endEpoch: 2 }), 503],
      [new ClientError('WALLET_BUSY', 'in use', { owner: '0x1', attempts: 20 }), 503],
      [new ClientError('BLOB_TOO_LARGE', 'too large', { maxBytes: 1, actualBytes: 2 }), 413],
      [new ClientError('INSUFFICIENT_FUNDS', 'too little WAL', { coin: 'WAL' }), 503],
      [new ClientError('INVALID_OPTION', 'no', { option: 'epochs', reason: 'no' }), 400],
      [new ClientError('NO_WALLET', 'no wallet', {}), 403],
      [new ClientError('CHAIN_REJECTED', 'aborted', { reason: 'EWrongEpoch' }), 502],
    ]
    for (const [error, status] of cases) {
      client.fail('store', error)
      assert.equal((await put(url, '')).status, status)
    }
  })

  it('publishes only on a localnet unless it is told to', async () => {
    const network = { ...NETWORK, kind: 'testnet' } as const
    const closed = await start({ network })
    const refused = await put(closed.url, '')
    assert.deepEqual([refused.status, reasonOf(refused)], [403, 'PUBLISHING_OFF'])
    assert.equal(closed.client.calls.length, 0)
    const open = await start({ network, publish: true })
    assert.equal((await put(open.url, '')).status, 200)
  })

  it('refuses compressed bodies', async () => {
    const { url } = await start()
    const answer = await put(url, '', 'Hello', { 'content-encoding': 'gzip' })
    assert.deepEqual([answer.status, reasonOf(answer)], [415, 'UNSUPPORTED_ENCODING'])
  })
})
