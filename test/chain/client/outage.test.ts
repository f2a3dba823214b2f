import assert from 'node:assert/strict'
import { isChainError } from '../../../chain/errors.ts'
import { createCoordinator } from '../../../chain/index.ts'
import type { ChainEvent, Coordinator } from '../../../chain/types/index.ts'
import { metadataOf, startTestNetwork, type TestNetwork } from './network.ts'
import { FlakyProxy } from './proxy.ts'

describe('the coordinator through bad connections', function () {
  this.timeout(60_000)
  let on: TestNetwork
  let proxies: FlakyProxy[]
  let coordinator: Coordinator
  let tag = 100

  before(async () => {
    on = await startTestNetwork()
  })
  after(() => on?.close())

  beforeEach(async () => {
    proxies = await Promise.all([0, 1].map(() => new FlakyProxy(on.localnet.url).start()))
    coordinator = createCoordinator({ ...on.network, suiRpc: proxies.map(proxy => proxy.url) })
  })
  afterEach(async () => {
    await coordinator.close()
    await Promise.all(proxies.map(proxy => proxy.stop()))
  })

  const register = (through = coordinator) =>
    through
      .writer(on.admin)
      .register({ metadata: metadataOf(on.nShards, 100, ++tag), epochs: 1, deletable: true })

  it('executes a transaction once when the reply is lost', async () => {
    const before = await on.coordinator.balances(on.admin.address)
    const lost = proxies[0]!.loseReplyTo('ExecuteTransaction')
    const { blob, costFrost, digest } = await register()
    await lost
    const after = await on.coordinator.balances(on.admin.address)
    assert.equal(before.wal - after.wal, costFrost)
    assert.ok(digest)
    assert.deepEqual(await on.coordinator.blob(blob.objectId), blob)
  })

  it('goes on through the other URL, in the middle of reads and writes', async () => {
    for (let i = 0; i < 4; i++) {
      const victim = proxies[i % 2]!
      const running = [register(), coordinator.committees({ fresh: true }), coordinator.system()]
      victim.cut()
      await Promise.all(running)
      await victim.stop()
      await register()
      await victim.start()
    }
  })

  it('follows events without a gap or a repetition while connections break and transactions go on', async () => {
    const stop = new AbortController()
    const wanted: string[] = []
    const seen: ChainEvent[] = []
    const sawAll = Promise.withResolvers<void>()
    const last = 20
    const follower = (async () => {
      let cursor: string | undefined
      while (!stop.signal.aborted) {
        // a restart after every seventh event, from the cursor that was kept
        const restart = new AbortController()
        const signal = AbortSignal.any([stop.signal, restart.signal])
        let taken = 0
        for await (const event of coordinator.follow({
          from: cursor,
          signal,
        })) {
          seen.push(event)
          cursor = event.cursor
          if (++taken === 7) restart.abort()
          if (wanted.length === last && 'objectId' in event && event.objectId === wanted.at(-1))
            sawAll.resolve()
        }
      }
    })()
    for (let i = 0; i < last; i++) {
      proxies[i % 2]!.cut()
      if (i % 5 === 0) {
        await proxies[0]!.stop()
        await proxies[0]!.start()
      }
      wanted.push((await register(on.coordinator)).blob.objectId)
    }
    // the event may have come before its transaction's answer did
    if (seen.some(event => 'objectId' in event && event.objectId === wanted.at(-1))) sawAll.resolve()
    await sawAll.promise
    stop.abort()
    await follower
    const own = seen.flatMap(event =>
      event.type === 'BlobRegistered' && wanted.includes(event.objectId) ? [event.objectId] : [],
    )
    assert.deepEqual(own, wanted)
    const cursors = seen.map(event => event.cursor)
    assert.deepEqual(cursors, [...new Set(cursors)].toSorted())
    // the whole story from the start is the same for one who was never disturbed
    const calm: ChainEvent[] = []
    const enough = new AbortController()
    for await (const event of on.coordinator.follow({ signal: enough.signal })) {
      calm.push(event)
      if (event.cursor === seen.at(-1)!.cursor) enough.abort()
    }
    assert.deepEqual(calm, seen)
  })

  it('says that no URL answers', async () => {
    await Promise.all(proxies.map(proxy => proxy.stop()))
    await assert.rejects(coordinator.system(), error => isChainError(error, 'RPC_UNAVAILABLE'))
  })

  it('ends everything when it is closed', async () => {
    await coordinator.system()
    await Promise.all(proxies.map(proxy => proxy.stop()))
    const events = coordinator.follow({ signal: new AbortController().signal })[Symbol.asyncIterator]()
    const waiting = [events.next(), coordinator.system(), register()]
    const outcomes = Promise.allSettled(waiting)
    await coordinator.close()
    const [followed, ...calls] = await outcomes
    assert.equal(followed!.status, 'fulfilled')
    for (const call of calls) {
      assert.ok(call.status === 'rejected' && isChainError(call.reason, 'CLOSED'), String(call.status))
    }
    await assert.rejects(coordinator.committees(), error => isChainError(error, 'CLOSED'))
  })
})
