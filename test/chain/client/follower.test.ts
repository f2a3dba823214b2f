import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { type Clock, systemClock } from '../../../base/clock.ts'
import { Notify } from '../../../base/notify.ts'
import { EVENT_LAYOUTS } from '../../../chain/bindings/events.ts'
import { formatCursor, parseCursor } from '../../../chain/client/events.ts'
import { followEvents } from '../../../chain/client/follower.ts'
import { RpcPool } from '../../../chain/client/rpc.ts'
import { isChainError } from '../../../chain/errors.ts'
import type { ChainEvent, FollowProgress } from '../../../chain/types/index.ts'
import { parseObjectId } from '../../../codec/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { FakeCheckpoints, FakeSui } from './fake-sui.ts'

const PACKAGE = parseObjectId('0xabc')
const OTHER = parseObjectId('0xdef')

const started = (epoch: number) => ({
  type: `${PACKAGE}::events::EpochChangeStart`,
  bcs: EVENT_LAYOUTS.EpochChangeStart.serialize({ epoch }).toBytes(),
})
const foreign = { type: `${OTHER}::events::EpochChangeStart`, bcs: Uint8Array.of(1) }

describe('chain/client/follower', function () {
  this.timeout(20_000)
  let chain: FakeCheckpoints
  let servers: FakeSui[]
  let stop: AbortController

  beforeEach(async () => {
    chain = new FakeCheckpoints()
    servers = await Promise.all([0, 1].map(() => new FakeSui({ chain }).start()))
    stop = new AbortController()
  })
  afterEach(async () => {
    stop.abort()
    await Promise.all(servers.map(server => server.stop().catch(() => {})))
  })

  const follow = (
    from?: string,
    onOutage?: () => void,
    lagMs = 10_000,
    clock: Clock = systemClock,
    onProgress?: (progress: FollowProgress) => void,
    look?: Notify,
  ) => {
    const rpc = new RpcPool({
      clock,
      random: Math.random,
      urls: servers.map(s => s.url),
      network: 'localnet',
      closed: stop.signal,
    })
    return followEvents({
      rpc,
      originalPackageId: PACKAGE,
      from,
      signal: stop.signal,
      lagMs,
      onOutage,
      onProgress,
      look,
    })
  }
  const epochOf = (event: ChainEvent) => (event.type === 'EpochChangeStart' ? event.epoch : -1)

  /** Takes events until one of them is of the epoch. */
  const takeUntil = async (events: AsyncIterator<ChainEvent>, epoch: number) => {
    const seen: ChainEvent[] = []
    while (seen.length === 0 || epochOf(seen.at(-1)!) !== epoch) {
      const result = await events.next()
      assert.ok(!result.done, 'the follower ended')
      seen.push(result.value)
    }
    return seen
  }

  it('gives past events in order, leaves out other packages, then gives new ones', async () => {
    chain.add([])
    chain.add([[started(1), foreign, started(2)], [started(3)]])
    chain.add([[foreign]])
    const events = follow()
    const past = await takeUntil(events, 3)
    assert.deepEqual(past.map(epochOf), [1, 2, 3])
    assert.deepEqual(
      past.map(event => event.cursor),
      [
        formatCursor({ checkpoint: 1n, transaction: 0, event: 0, digest: 'tx-1-0' }),
        formatCursor({ checkpoint: 1n, transaction: 0, event: 2, digest: 'tx-1-0' }),
        formatCursor({ checkpoint: 1n, transaction: 1, event: 0, digest: 'tx-1-1' }),
      ],
    )
    assert.equal(past[0]!.digest, 'tx-1-0')
    assert.equal(past[0]!.timestampMs, 1_001_000)
    const live = takeUntil(events, 4)
    chain.add([[started(4)]])
    assert.deepEqual((await live).map(epochOf), [4])
  })

  it('tells how far it has come, whether that is the end of the chain, and that it is not when no node answers', async () => {
    for (let i = 1; i <= 3; i++) chain.add([[started(i)]])
    const told: FollowProgress[] = []
    const changed = { by: Promise.withResolvers<void>() }
    const telling = async (test: (last: FollowProgress | undefined) => boolean) => {
      while (!test(told.at(-1))) await changed.by.promise
    }
    const events = follow(undefined, undefined, 10_000, systemClock, progress => {
      told.push(progress)
      changed.by.resolve()
      changed.by = Promise.withResolvers()
    })
    // an event that was given but not dealt with does not count
    assert.equal(epochOf((await events.next()).value!), 1)
    assert.equal(told.length, 0)
    await takeUntil(events, 3)
    assert.ok(told.every(({ checkpoint, isTip }) => !isTip && checkpoint < 2n))
    const next = takeUntil(events, 4)
    await telling(last => last?.isTip === true)
    assert.equal(told.at(-1)!.checkpoint, 2n)
    // those without events count as well
    chain.add([[foreign]])
    await telling(last => last?.checkpoint === 3n && last.isTip)
    await Promise.all(servers.map(server => server.stop()))
    await telling(last => last?.isTip === false)
    assert.equal(told.at(-1)!.checkpoint, 3n)
    await Promise.all(servers.map(server => server.start()))
    await telling(last => last?.isTip === true)
    chain.add([[started(4)]])
    await next
  })

  it('takes a subscription for dead that brings nothing of a chain that has grown a while ago, not of one that just did', async () => {
    const clock = new VirtualClock()
    let outages = 0
    chain.add([[started(1)]])
    const events = follow(undefined, () => outages++, 10_000, clock)
    await takeUntil(events, 1)
    const next = takeUntil(events, 2)
    const heights = () =>
      servers.flatMap(({ calls }) => calls).filter(call => /GetServiceInfo/.test(call)).length
    const until = async (happened: () => boolean, stepMs: number): Promise<void> => {
      for (let step = 0; !happened(); step++) {
        assert.ok(step < 1_000, 'it does not happen')
        await clock.advance(stepMs)
        // the servers answer in their own time
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
    await until(() => servers.some(({ calls }) => calls.some(call => /Subscribe/.test(call))), 1)
    for (const server of servers) server.isMuted = true
    chain.add([[started(2)]])
    const before = heights()
    await until(() => heights() > before, 1_000)
    assert.equal(outages, 0)
    let isOver = false
    const over = next.finally(() => {
      isOver = true
    })
    await until(() => isOver, 1_000)
    assert.equal(outages, 1)
    assert.deepEqual((await over).map(epochOf), [2])
    await events.return()
  })

  it('asks at once when it is told to look, and gives nothing twice', async () => {
    // whose time does not go on by itself: no silence ends
    const look = new Notify()
    chain.add([[started(1)]])
    const events = follow(undefined, undefined, 10_000, new VirtualClock(), undefined, look)
    await takeUntil(events, 1)
    const next = takeUntil(events, 2)
    const calls = (what: RegExp) =>
      servers.flatMap(({ calls }) => calls).filter(call => what.test(call)).length
    const until = async (happened: () => boolean): Promise<void> => {
      for (let turn = 0; !happened(); turn++) {
        assert.ok(turn < 1_000, 'it does not happen')
        await new Promise(resolve => setTimeout(resolve, 5))
      }
    }
    await until(() => calls(/Subscribe/) > 0)
    for (const server of servers) server.isMuted = true
    // nothing is there to be found: one question
    const before = calls(/GetServiceInfo/)
    look.notify()
    await until(() => calls(/GetServiceInfo/) === before + 1)
    chain.add([[started(2)]])
    look.notify()
    assert.deepEqual((await next).map(epochOf), [2])
    for (const server of servers) server.isMuted = false
    const after = takeUntil(events, 3)
    chain.add([[started(3)]])
    assert.deepEqual((await after).map(epochOf), [3])
    assert.equal(calls(/Subscribe/), 1)
    await events.return()
  })

  it('goes on after a cursor, also in the middle of a transaction', async () => {
    chain.add([[started(1), started(2)], [started(3)]])
    const all = await takeUntil(follow(), 3)
    for (const [i, { cursor }] of all.entries()) {
      const events = follow(cursor)
      const next = takeUntil(events, 4)
      if (i === 0) chain.add([[started(4)]])
      const expected = [1, 2, 3, 4].slice(i + 1)
      assert.deepEqual((await next).map(epochOf), expected)
      await events.return()
    }
  })

  it('neither skips nor repeats an event while connections break and servers come and go', async () => {
    const total = 300
    let written = 0
    const random = mulberry(42)
    const write = () => {
      for (let i = 0; i < 5 && written < total; i++) chain.add([[started(written++)], [foreign]])
    }
    write()
    let cursor: string | undefined
    const seen: number[] = []
    while (seen.length < total) {
      // a restart of the follower, from the cursor it had kept
      const events = follow(cursor)
      for (let taken = 0; taken < 60 && seen.length < total; taken++) {
        const pending = events.next()
        write()
        const victim = servers[random() < 0.5 ? 0 : 1]!
        const dice = random()
        if (dice < 0.2) victim.cut()
        else if (dice < 0.25) {
          await victim.stop()
          await victim.start()
        }
        const { value } = await pending
        seen.push(epochOf(value!))
        cursor = value!.cursor
      }
      await events.return()
    }
    assert.deepEqual(
      seen,
      Array.from({ length: total }, (_, i) => i),
    )
  })

  it('outlives the outage of every server', async () => {
    chain.add([[started(1)]])
    let outages = 0
    const noticed = Promise.withResolvers<void>()
    const events = follow(undefined, () => {
      outages++
      noticed.resolve()
    })
    await takeUntil(events, 1)
    await Promise.all(servers.map(server => server.stop()))
    chain.add([[started(2)]])
    const next = takeUntil(events, 2)
    await noticed.promise
    await Promise.all(servers.map(server => server.start()))
    assert.deepEqual((await next).map(epochOf), [2])
    assert.equal(outages, 1)
  })

  it('ends when the signal is aborted, also while it waits', async () => {
    chain.add([[started(1)]])
    const events = follow()
    await takeUntil(events, 1)
    const waiting = events.next()
    stop.abort()
    assert.deepEqual(await waiting, { value: undefined, done: true })
  })

  it('says that history is gone instead of skipping it', async () => {
    for (let i = 0; i < 5; i++) chain.add([[started(i)]])
    const pruned = await new FakeSui({ chain, lowest: 3n }).start()
    servers.push(pruned)
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: [pruned.url],
      network: 'localnet',
      closed: stop.signal,
    })
    const from = formatCursor({ checkpoint: 0n, transaction: 0, event: 0 })
    const old = followEvents({ rpc, originalPackageId: PACKAGE, from, signal: stop.signal })
    await assert.rejects(
      old.next(),
      error => isChainError(error, 'HISTORY_PRUNED') && error.details.lowest === 3n,
    )
    const fresh = followEvents({ rpc, originalPackageId: PACKAGE, signal: stop.signal })
    assert.equal(epochOf((await fresh.next()).value!), 3)
  })

  it('does not take a filtered list over what is gone for one without events', async () => {
    for (let i = 0; i < 5; i++) chain.add([[started(i)]])
    const end = { reason: GrpcTypes.QueryEndReason.CHECKPOINT_BOUND }
    const handlers = { 'LedgerService/ListCheckpoints': () => ({ end }) }
    const pruned = await new FakeSui({ chain, lowest: 3n, handlers }).start()
    servers.push(pruned)
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: [pruned.url],
      network: 'localnet',
      closed: stop.signal,
    })
    const from = formatCursor({ checkpoint: 1n, transaction: 0, event: 0 })
    const old = followEvents({ rpc, originalPackageId: PACKAGE, from, signal: stop.signal })
    await assert.rejects(old.next(), error => isChainError(error, 'HISTORY_PRUNED'))
  })

  const lost = (error: unknown) => isChainError(error, 'CURSOR_UNKNOWN')

  it('tells a chain that has lost its end, whether it has grown since or not', async () => {
    for (let i = 0; i < 6; i++) chain.add([[started(i)]])
    const all = await takeUntil(follow(), 5)
    chain.checkpoints.length = 4
    const impatient = (cursor: string) => follow(cursor, undefined, 0)
    await assert.rejects(
      impatient(all[5]!.cursor).next(),
      error => isChainError(error, 'CURSOR_UNKNOWN') && error.details.height === 3n,
    )
    // what it has kept of it is good
    const kept = impatient(all[3]!.cursor)
    for (let i = 10; i < 14; i++) chain.add([[started(i)]], 'fork')
    assert.deepEqual((await takeUntil(kept, 13)).map(epochOf), [10, 11, 12, 13])
    for (const i of [4, 5]) await assert.rejects(impatient(all[i]!.cursor).next(), lost)
    // cursors of earlier versions say no more than where they are
    const { checkpoint, transaction, event } = parseCursor(all[5]!.cursor)
    const old = impatient(formatCursor({ checkpoint, transaction, event }))
    assert.deepEqual((await takeUntil(old, 13)).map(epochOf), [12, 13])
  })

  it('tells so when that happens while it follows, and skips nothing when it had no event yet', async () => {
    for (let i = 0; i < 6; i++) chain.add([[started(i)]])
    const events = follow(undefined, undefined, 0)
    await takeUntil(events, 5)
    const waiting = assert.rejects(events.next(), lost)
    await Promise.all(servers.map(server => server.stop()))
    chain.checkpoints.length = 3
    await Promise.all(servers.map(server => server.start()))
    await waiting

    chain.checkpoints.length = 0
    for (let i = 0; i < 6; i++) chain.add([[foreign]])
    let isCaughtUp = Promise.withResolvers<void>()
    const rpc = new RpcPool({
      clock: systemClock,
      random: Math.random,
      urls: servers.map(s => s.url),
      network: 'localnet',
      closed: stop.signal,
    })
    const empty = followEvents({
      rpc,
      originalPackageId: PACKAGE,
      signal: stop.signal,
      onCaughtUp: () => isCaughtUp.resolve(),
    })
    const first = takeUntil(empty, 7)
    await isCaughtUp.promise
    isCaughtUp = Promise.withResolvers()
    await Promise.all(servers.map(server => server.stop()))
    chain.checkpoints.length = 1
    await Promise.all(servers.map(server => server.start()))
    chain.add([[started(7)]])
    assert.deepEqual((await first).map(epochOf), [7])
  })

  it('waits for nodes that only lag behind, and takes what another one has', async () => {
    for (let i = 0; i < 6; i++) chain.add([[started(i)]])
    const all = await takeUntil(follow(), 5)
    const behind = new FakeCheckpoints()
    behind.checkpoints.push(...chain.checkpoints.slice(0, 3))
    const slow = await new FakeSui({ chain: behind }).start()
    const ahead = servers
    servers = [slow, ...ahead]
    const next = takeUntil(follow(all[5]!.cursor), 6)
    chain.add([[started(6)]])
    assert.deepEqual((await next).map(epochOf), [6])
    servers = [slow]
    try {
      const alone = takeUntil(follow(all[5]!.cursor), 6)
      behind.checkpoints.push(...chain.checkpoints.slice(3))
      assert.deepEqual((await alone).map(epochOf), [6])
    } finally {
      servers = [slow, ...ahead]
    }
  })

  it('reads back its cursors, which sort as events do', () => {
    const positions = [
      { checkpoint: 9n, transaction: 0, event: 11 },
      { checkpoint: 10n, transaction: 2, event: 0 },
      { checkpoint: 10n, transaction: 10, event: 0, digest: 'BASE58' },
      { checkpoint: 10n, transaction: 10, event: 1, digest: 'ABASE58' },
    ]
    const cursors = positions.map(formatCursor)
    assert.deepEqual(cursors.toSorted(), cursors)
    assert.deepEqual(cursors.map(parseCursor), positions)
    assert.throws(
      () => parseCursor('12'),
      error => isChainError(error, 'INVALID_ARGUMENT'),
    )
  })
})

/** A small generator of random numbers, so that a failure can be repeated. */
function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
