import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../../base/clock.ts'
import { RpcPool, rpcStatus } from '../../../chain/client/rpc.ts'
import { ChainError, isChainError } from '../../../chain/errors.ts'
import { FakeCheckpoints, FakeSui, type FakeSuiOptions, GrpcFailure, STATUS } from './fake-sui.ts'

describe('chain/client/rpc', () => {
  const open: { stop(): Promise<void> }[] = []
  const closing = new AbortController()

  const serve = async (options: Partial<FakeSuiOptions> = {}) => {
    const server = await new FakeSui({ chain: new FakeCheckpoints(), ...options }).start()
    open.push(server)
    return server
  }
  const pool = (...urls: string[]) =>
    new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls,
      network: 'localnet',
      closed: closing.signal,
    })
  const gasPrice = (rpc: RpcPool, signal?: AbortSignal) =>
    rpc.read(async client => (await client.core.getReferenceGasPrice()).referenceGasPrice, signal)
  const priced = (referenceGasPrice: bigint) => ({
    'LedgerService/GetEpoch': () => ({ epoch: { referenceGasPrice } }),
  })

  afterEach(async () => {
    await Promise.all(open.splice(0).map(server => server.stop()))
  })
  after(() => closing.abort())

  it('goes to the next URL when one does not answer, and stays there', async () => {
    const dead = await serve()
    const live = await serve({ handlers: priced(7n) })
    await dead.stop()
    open.shift()
    const rpc = pool(dead.url, live.url)
    assert.equal(await gasPrice(rpc), '7')
    assert.equal(await gasPrice(rpc), '7')
    assert.equal(live.calls.filter(call => call.endsWith('GetServiceInfo')).length, 1)
  })

  it('tries again when the only URL says UNAVAILABLE', async () => {
    let failures = 2
    const server = await serve({
      handlers: {
        'LedgerService/GetEpoch': () => {
          if (failures-- > 0) throw new GrpcFailure(STATUS.UNAVAILABLE, 'starting')
          return { epoch: { referenceGasPrice: 9n } }
        },
      },
    })
    assert.equal(await gasPrice(pool(server.url)), '9')
    assert.equal(server.calls.length, 3)
  })

  it('does not repeat what would fail again', async () => {
    const server = await serve({
      handlers: {
        'LedgerService/GetEpoch': () => {
          throw new GrpcFailure(STATUS.INVALID_ARGUMENT, 'no such epoch')
        },
      },
    })
    await assert.rejects(gasPrice(pool(server.url)), error => rpcStatus(error) === 'INVALID_ARGUMENT')
    assert.equal(server.calls.length, 1)
  })

  it('says what it was answered instead, with the HTTP status', async () => {
    for (const [status, words] of [
      [502, /answers HTTP 502 Bad Gateway/],
      [429, /answers HTTP 429 Too Many Requests/],
      // a page of a proxy, for as long as there is nothing behind it
      [200, /answers HTTP 200 OK with text\/html, which is no gRPC/],
    ] as const) {
      let asked = 0
      const proxy = createServer((_, response) => {
        asked++
        response.writeHead(status, { 'content-type': 'text/html' }).end('<html>')
      })
      open.push({ stop: () => new Promise(resolve => proxy.close(() => resolve())) })
      await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
      const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
      await assert.rejects(gasPrice(pool(url)), error => {
        assert.ok(isChainError(error, 'RPC_UNAVAILABLE'))
        assert.equal(error.details.httpStatus, status)
        assert.match(error.message, words)
        assert.doesNotMatch(error.message, /no Sui RPC answers/)
        return true
      })
      assert.equal(asked, 6)
    }
  })

  it('does not go on asking what is no RPC', async () => {
    let asked = 0
    const site = createServer((_, response) => {
      asked++
      response.writeHead(404).end('no such page')
    })
    open.push({ stop: () => new Promise(resolve => site.close(() => resolve())) })
    await new Promise<void>(resolve => site.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
    await assert.rejects(gasPrice(pool(url)), error => {
      assert.ok(isChainError(error, 'RPC_FAILED'))
      assert.equal(error.details.httpStatus, 404)
      return true
    })
    assert.equal(asked, 1)
  })

  it('gives up on silent ones after so long in all, whatever their number', async () => {
    const silent = { 'LedgerService/GetEpoch': () => new Promise<object>(() => {}) }
    const server = await serve({ handlers: silent })
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: [server.url],
      network: 'localnet',
      closed: closing.signal,
      attemptTimeoutMs: 60,
      silenceMs: 100,
    })
    await assert.rejects(gasPrice(rpc), error => {
      assert.ok(isChainError(error, 'RPC_UNAVAILABLE'))
      assert.match(error.message, /no Sui RPC answers/)
      return true
    })
    // one that took all its time, and one for the rest
    assert.equal(server.calls.length, 2)
  })

  it('says which URLs do not answer', async () => {
    const dead = await serve()
    await dead.stop()
    open.shift()
    await assert.rejects(gasPrice(pool(dead.url)), error => {
      assert.ok(isChainError(error, 'RPC_UNAVAILABLE'))
      assert.deepEqual(error.details.urls, [dead.url])
      return true
    })
  })

  it('ends at once when aborted, with the reason', async () => {
    const controller = new AbortController()
    const reached = Promise.withResolvers<void>()
    const server = await serve({
      handlers: {
        'LedgerService/GetEpoch': () => {
          reached.resolve()
          return new Promise<object>(() => {})
        },
      },
    })
    const answer = gasPrice(pool(server.url), controller.signal)
    await reached.promise
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(answer, reason)
  })

  it('never mixes two chains', async () => {
    const one = await serve({ handlers: priced(1n), chainId: 'one' })
    const other = await serve({ handlers: priced(2n), chainId: 'other' })
    const rpc = pool(one.url, other.url)
    assert.equal(await gasPrice(rpc), '1')
    await one.stop()
    open.shift()
    await assert.rejects(gasPrice(rpc), error => isChainError(error, 'RPC_UNAVAILABLE'))
    assert.ok(!other.calls.some(call => call.endsWith('GetEpoch')))
  })

  it('does not wait for ever to learn which chain a URL of a stream serves', async () => {
    const asked = Promise.withResolvers<void>()
    const silent = await serve({
      handlers: {
        'LedgerService/GetServiceInfo': () => {
          asked.resolve()
          return new Promise<object>(() => {})
        },
      },
    })
    const live = await serve()
    const urls = [silent.url, live.url]
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls,
      network: 'localnet',
      closed: closing.signal,
      attemptTimeoutMs: 50,
    })
    const stream = rpc.stream(new AbortController().signal)
    await asked.promise
    await assert.rejects(stream, error => rpcStatus(error) === 'DEADLINE_EXCEEDED')
    assert.equal((await rpc.stream(new AbortController().signal)).url, live.url)
  })

  it('ends what is under way when the coordinator is closed', async () => {
    const closed = new AbortController()
    const reached = Promise.withResolvers<void>()
    const server = await serve({
      handlers: {
        'LedgerService/GetEpoch': () => {
          reached.resolve()
          return new Promise<object>(() => {})
        },
      },
    })
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: [server.url],
      network: 'localnet',
      closed: closed.signal,
    })
    const answer = gasPrice(rpc)
    await reached.promise
    closed.abort(new ChainError('CLOSED', 'closed', {}))
    await assert.rejects(answer, error => isChainError(error, 'CLOSED'))
  })
})
