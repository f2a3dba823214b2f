import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createBandwidth } from '../../../protocols/index.ts'
import type { Direction } from '../../../protocols/quota/bandwidth.ts'
import { ratesAt } from '../../../protocols/quota/bandwidth-limits.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const KIB = 1024

describe('the bandwidth of a node', () => {
  const START = Date.UTC(2026, 10, 29, 12)
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock(START)
  })

  it('makes nobody wait without limits, and counts what moves', () => {
    const bandwidth = createBandwidth({ clock })
    const line = bandwidth.of('a')
    assert.equal(line.move('up', 5_000_000), undefined)
    assert.equal(line.move('down', 1_000), undefined)
    assert.ok(line.pieceBytes('up') > 1e9)
    assert.deepEqual(bandwidth.month(), { month: '2026-11', bytes: 5_001_000 })
    assert.equal(clock.waiting, 0)
  })

  it('tells what moves by peer and path, the fastest first, of few of many', async () => {
    const bandwidth = createBandwidth({ clock })
    for (let i = 0; i < 300; i++) bandwidth.of(`peer ${i}`).move('down', 1)
    for (let second = 0; second < 60; second++) {
      bandwidth.of('a').move('up', 1_000)
      bandwidth.of('a', 'relay R').move('down', 5_000)
      await clock.advance(1_000)
    }
    const told = bandwidth.traffic()
    assert.equal(told.length, 32)
    assert.deepEqual(
      told.slice(0, 2).map(({ peer, path, up, down }) => [peer, path, up.bytes, down.bytes]),
      [
        ['a', 'relay R', 0, 300_000],
        ['a', 'direct', 60_000, 0],
      ],
    )
    assert.ok(Math.abs(told[0]!.down.bytesPerSecond - 5_000) < 700, `${told[0]!.down.bytesPerSecond}`)
    assert.deepEqual(bandwidth.view().paths, {
      direct: { up: 60_000, down: 300 },
      relayed: { up: 0, down: 300_000 },
    })
    await clock.advance(60_000)
    assert.equal(bandwidth.traffic()[0]!.down.bytesPerSecond, 1)
  })

  it('makes what is above the rate wait, each direction by itself', async () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 320 * KIB }, clock })
    const line = bandwidth.of('a')
    const piece = line.pieceBytes('up')
    assert.equal(piece, 10 * KIB)
    let moved = 0
    const waits = []
    for (let i = 0; i < 64; i++)
      waits.push(
        Promise.resolve(line.move('up', piece)).then(() => {
          moved += piece
        }),
      )
    await clock.advance(999)
    assert.ok(moved <= 320 * KIB && moved > 290 * KIB, `${moved}`)
    assert.equal(line.move('down', 5_000_000), undefined)
    await clock.advance(1_500)
    await Promise.all(waits)
    assert.equal(clock.waiting, 0)
  })

  it('lets one who waits give up, and leaves nobody waiting when it is closed', async () => {
    const bandwidth = createBandwidth({ limits: { downBytesPerSecond: 32 * KIB }, clock })
    const line = bandwidth.of('a')
    for (let i = 0; i < 2; i++) await Promise.race([line.move('down', KIB), clock.advance(0)])
    const controller = new AbortController()
    const reason = new Error('enough')
    const given = assert.rejects(line.move('down', KIB, controller.signal)!, reason)
    const closed = assert.rejects(line.move('down', KIB)!, { code: 'CLOSED' })
    assert.equal(bandwidth.view().waiting.down, 3)
    controller.abort(reason)
    await given
    assert.equal(bandwidth.view().waiting.down, 2)
    bandwidth.close()
    await closed
    assert.equal(clock.waiting, 0)
    assert.throws(() => line.move('down', KIB), { code: 'CLOSED' })
  })

  it('takes other limits at once, also for what waits', async () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 1_000 }, clock })
    const line = bandwidth.of('a')
    let moved = 0
    for (let i = 0; i < 10; i++) void Promise.resolve(line.move('up', 1_000)).then(() => moved++)
    await clock.advance(0)
    assert.equal(moved, 1)
    bandwidth.set({ upBytesPerSecond: 1_000 * KIB })
    // what was granted at the old rate is paid for at the new one
    await clock.advance(20)
    assert.equal(moved, 10)
    bandwidth.set({ upBytesPerSecond: 1_000 })
    const last = Promise.all([line.move('up', 1_000), line.move('up', 1_000)])
    assert.equal(bandwidth.view().waiting.up > 0, true)
    bandwidth.set({})
    await last
    assert.equal(line.move('up', 5_000_000), undefined)
  })

  it('lets no more transfers begin than get a fair speed, nor one peer have them all', () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 256 * KIB }, clock })
    const begin = (peer: string, direction: Direction = 'up') =>
      bandwidth.begin({ peer, isMember: true }, direction)
    const ends = [begin('a'), begin('a')]
    assert.throws(() => begin('a'), { code: 'BUSY', retryAfterMs: 2_000 })
    ends.push(begin('b'), begin('c'))
    assert.throws(() => begin('d'), { code: 'BUSY' })
    begin('d', 'down')()
    // a second time does nothing
    ends[0]!()
    ends[0]!()
    begin('d')
    assert.throws(() => begin('e'), { code: 'BUSY' })
  })

  it('leaves a quarter of the transfers to members, however many addresses others have', () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 512 * KIB }, clock })
    for (let i = 0; i < 6; i++) bandwidth.begin({ peer: `stranger ${i}` }, 'up')
    assert.throws(() => bandwidth.begin({ peer: 'another' }, 'up'), { code: 'BUSY' })
    for (let i = 0; i < 2; i++) bandwidth.begin({ peer: `member ${i}`, isMember: true }, 'up')
    assert.throws(() => bandwidth.begin({ peer: 'one more', isMember: true }, 'up'), { code: 'BUSY' })
  })

  it('lets strangers have a line that carries a single transfer', () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 64 * KIB }, clock })
    bandwidth.begin({ peer: 'a' }, 'up')()
    bandwidth.begin({ peer: 'b', isMember: true }, 'up')()
  })

  it('lets PeerIds, which cost nothing, not have all transfers for one account', () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 256 * KIB }, clock })
    const ends = ['a', 'b'].map(peer => bandwidth.begin({ peer, account: '192.0.2.1' }, 'up'))
    assert.throws(() => bandwidth.begin({ peer: 'c', account: '192.0.2.1' }, 'up'), { code: 'BUSY' })
    bandwidth.begin({ peer: 'd', account: '192.0.2.2' }, 'up')
    for (const end of ends) end()
    bandwidth.begin({ peer: 'c', account: '192.0.2.1' }, 'up')
  })

  it('lets no more transfers of one peer begin than its own rate carries', () => {
    const bandwidth = createBandwidth({ limits: { peerUpBytesPerSecond: 150 * KIB }, clock })
    const ends = [bandwidth.begin({ peer: 'a' }, 'up'), bandwidth.begin({ peer: 'a' }, 'up')]
    assert.throws(() => bandwidth.begin({ peer: 'a' }, 'up'), { code: 'BUSY' })
    bandwidth.begin({ peer: 'b' }, 'up')
    ends[0]!()
    bandwidth.begin({ peer: 'a' }, 'up')
    bandwidth.set({ peerUpBytesPerSecond: 1 })
    assert.throws(() => bandwidth.begin({ peer: 'a' }, 'up'), { code: 'BUSY' })
    bandwidth.begin({ peer: 'c' }, 'up')
  })

  it('lets a message pass slivers on a slow line, too, where their pieces are as short', async () => {
    const bandwidth = createBandwidth({ limits: { upBytesPerSecond: 320 * KIB }, clock })
    const order: string[] = []
    const move = (what: string, bytes: number) =>
      void Promise.resolve(bandwidth.of('a').move('up', bytes)).then(() => order.push(what))
    for (let i = 0; i < 20; i++) move('piece', bandwidth.of('a').pieceBytes('up'))
    move('message', 200)
    await clock.advance(2_000)
    assert.equal(order.length, 21)
    assert.ok(order.indexOf('message') <= 2, order.join())
  })

  it('refuses to send when the month is used up, until it ends', () => {
    const bandwidth = createBandwidth({
      limits: { bytesPerMonth: 1_000 },
      kept: { month: '2026-11', bytes: 990 },
      clock,
    })
    bandwidth.begin({ peer: 'a' }, 'up')()
    bandwidth.of('a').move('down', 10)
    const retryAfterMs = 36 * 3_600_000
    assert.throws(() => bandwidth.begin({ peer: 'a' }, 'up'), { code: 'OVER_CAP', retryAfterMs })
    assert.deepEqual(bandwidth.view().month, {
      month: '2026-11',
      bytes: 1_000,
      limitBytes: 1_000,
      usedUp: true,
    })
    // what is taken in, and what is small, still moves
    bandwidth.begin({ peer: 'a' }, 'down')()
    assert.equal(bandwidth.of('a').move('up', 500), undefined)
    bandwidth.set({ bytesPerMonth: 2_000 })
    bandwidth.begin({ peer: 'a' }, 'up')()
  })

  describe('when the month is used up', () => {
    const answer = 256 * KIB
    const usedUp = () =>
      createBandwidth({
        limits: { bytesPerMonth: 1_000 },
        kept: { month: '2026-11', bytes: 1_000 },
        clock,
      })

    it('sends an account four of the largest small answers, then one a minute', async () => {
      const bandwidth = usedUp()
      const small = (peer: string) => bandwidth.small({ peer, account: '192.0.2.1' }, answer)
      for (const peer of ['a', 'b', 'c', 'd']) small(peer)
      assert.throws(() => small('e'), { code: 'OVER_CAP', retryAfterMs: 64_000 })
      bandwidth.small({ peer: 'e', account: '192.0.2.2' }, answer)
      await clock.advance(64_000)
      small('e')
      assert.throws(() => small('e'), { code: 'OVER_CAP' })
    })

    it('leaves members theirs when strangers of many addresses have used up what all may have', () => {
      const bandwidth = usedUp()
      let sent = 0
      assert.throws(
        () => {
          for (; sent < 1_000; sent++) bandwidth.small({ peer: `${sent}` }, answer)
        },
        { code: 'OVER_CAP' },
      )
      assert.equal(sent, 64)
      bandwidth.small({ peer: 'member', isMember: true }, answer)
    })

    it('takes nothing of what all may have for one who has used up its own', () => {
      const bandwidth = usedUp()
      const ask = (peer: string) => bandwidth.small({ peer }, answer)
      for (let i = 0; i < 4; i++) ask('a')
      for (let i = 0; i < 100; i++) assert.throws(() => ask('a'), { code: 'OVER_CAP' })
      for (let i = 0; i < 60; i++) ask(`${i}`)
      assert.throws(() => ask('another'), { code: 'OVER_CAP' })
    })

    it('tells nobody to wait beyond the end of the month', async () => {
      const bandwidth = usedUp()
      await clock.advance(36 * 3_600_000 - 1_000)
      assert.throws(() => bandwidth.small({ peer: 'a' }, 1_024 * KIB + 1), {
        code: 'OVER_CAP',
        retryAfterMs: 1_000,
      })
    })

    it('counts nothing of small answers before', () => {
      const bandwidth = createBandwidth({ limits: { bytesPerMonth: 1_000 }, clock })
      for (let i = 0; i < 100; i++) bandwidth.small({ peer: 'a' }, answer)
      bandwidth.of('a').move('up', 1_000)
      bandwidth.small({ peer: 'a' }, answer)
    })
  })

  it('begins a month with nothing', async () => {
    const limits = { bytesPerMonth: 1_000 }
    const bandwidth = createBandwidth({ limits, kept: { month: '2026-11', bytes: 5_000 }, clock })
    assert.throws(() => bandwidth.begin({ peer: 'a' }, 'up'), { code: 'OVER_CAP' })
    await clock.advance(36 * 3_600_000)
    bandwidth.begin({ peer: 'a' }, 'up')()
    assert.deepEqual(bandwidth.month(), { month: '2026-12', bytes: 0 })
  })

  it('looks at the time of day again each minute', async () => {
    const minute = new Date(START).getHours() * 60 + new Date(START).getMinutes()
    const text = (of: number) =>
      [Math.floor(of / 60) % 24, of % 60].map(part => String(part).padStart(2, '0')).join(':')
    const quietHours = [{ from: text(minute + 1), to: text(minute + 2), upBytesPerSecond: 77_000 }]
    const bandwidth = createBandwidth({ limits: { quietHours }, clock })
    const seen = []
    for (let i = 0; i < 3; i++) {
      const { quiet, upBytesPerSecond } = bandwidth.view()
      seen.push([quiet, upBytesPerSecond])
      await clock.advance(60_000)
    }
    assert.deepEqual(seen, [
      [false, undefined],
      [true, 77_000],
      [false, undefined],
    ])
  })
})

describe('the rates at a time of day', () => {
  const limits = {
    upBytesPerSecond: 100,
    downBytesPerSecond: 200,
    peerUpBytesPerSecond: 10,
    quietHours: [
      { from: '22:30', to: '06:00', upBytesPerSecond: 1_000 },
      { from: '05:00', to: '08:00', upBytesPerSecond: 5, downBytesPerSecond: 6 },
    ],
  }

  it('are those of the hours that it falls into, past midnight, too', () => {
    const at = (hours: number, minutes: number) => {
      const { up, down, quiet } = ratesAt(limits, hours * 60 + minutes)
      return [up.total, down.total, quiet]
    }
    assert.deepEqual(at(22, 29), [100, 200, false])
    assert.deepEqual(at(22, 30), [1_000, 200, true])
    assert.deepEqual(at(0, 0), [1_000, 200, true])
    assert.deepEqual(at(5, 59), [1_000, 200, true])
    assert.deepEqual(at(6, 0), [5, 6, true])
    assert.deepEqual(at(8, 0), [100, 200, false])
  })

  it('are those of peers all day', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_439 }), minute => {
        assert.equal(ratesAt(limits, minute).up.perPeer, 10)
        assert.equal(ratesAt(limits, minute).down.perPeer, Number.POSITIVE_INFINITY)
      }),
    )
  })

  it('are the quiet ones all day when both times are one', () => {
    const quietHours = [{ from: '07:00', to: '07:00', upBytesPerSecond: 1 }]
    for (const minute of [0, 419, 420, 1_439]) assert.equal(ratesAt({ quietHours }, minute).up.total, 1)
  })
})
