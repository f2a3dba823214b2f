import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import { createAccount } from '../../../protocols/quota/account.ts'
import { createQuotas } from '../../../protocols/quota/quotas.ts'
import { QUOTAS, SPECS } from '../../../protocols/specs.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const spec = { ...SPECS.fetch, streamsPerPeer: 2 }
const { signal } = new AbortController()

describe('account', () => {
  it('shuts out after so many failures within the window, for as long as they are in it', () => {
    let now = 0
    const account = createAccount(
      { ...QUOTAS.peer, failures: 2, failureWindowMs: 1_000 },
      { monotonic: () => now },
    )
    account.failed()
    assert.equal(account.shutOutMs(), 0)
    now = 400
    account.failed()
    assert.equal(account.shutOutMs(), 600)
    assert.ok(!account.idle)
    now = 1_001
    assert.equal(account.shutOutMs(), 0)
    now = 2_000
    assert.ok(account.idle)
  })

  it('is idle only while it holds nothing and has all of its rate', async () => {
    let now = 0
    const account = createAccount(
      { ...QUOTAS.peer, bytesPerSecond: 1_000, burstBytes: 100 },
      { monotonic: () => now },
    )
    assert.ok(account.idle)
    account.rate.take(50)
    assert.ok(!account.idle && account.holdsNothing)
    now = 50
    assert.ok(account.idle)
    for (const semaphore of [account.inFlight, account.pieces]) {
      const hold = await semaphore.take(1, signal)
      assert.ok(!account.idle && !account.holdsNothing)
      hold.release()
      assert.ok(account.idle)
    }
  })
})

describe('quotas', () => {
  it('count the streams of a protocol per peer', () => {
    const quotas = createQuotas(QUOTAS, systemClock)
    const first = quotas.admit(spec, 'a')
    quotas.admit(spec, 'a')
    assert.throws(() => quotas.admit(spec, 'a'), { code: 'BUSY' })
    quotas.admit({ ...spec, id: 'other' }, 'a')
    quotas.admit(spec, 'b')
    first.release()
    first.release()
    quotas.admit(spec, 'a')
    assert.throws(() => quotas.admit(spec, 'a'), { code: 'BUSY' })
  })

  it('count by address as well, because PeerIds cost nothing', () => {
    const quotas = createQuotas(QUOTAS, systemClock)
    for (let i = 0; i < 8; i++) quotas.admit(spec, `peer ${i}`, '192.0.2.1')
    assert.throws(() => quotas.admit(spec, 'peer 9', '192.0.2.1'), { code: 'BUSY' })
    quotas.admit(spec, 'peer 9', '192.0.2.2')
    quotas.admit(spec, 'a member')
  })

  it('shut out an address for the failures of its peers', () => {
    const quotas = createQuotas({ ...QUOTAS, address: { ...QUOTAS.address, failures: 4 } }, systemClock)
    for (let i = 0; i < 4; i++) {
      const stream = quotas.admit(spec, `peer ${i}`, '192.0.2.1')
      stream.failed()
      stream.release()
    }
    assert.throws(() => quotas.admit(spec, 'peer 5', '192.0.2.1'), { code: 'TOO_MANY_FAILURES' })
    quotas.admit(spec, 'peer 5', '192.0.2.2')
  })

  it('make a peer wait for bytes of its own, and all for the node', async () => {
    const peer = { ...QUOTAS.peer, bytesInFlight: 10 }
    const quotas = createQuotas({ ...QUOTAS, peer, nodeBytesInFlight: 15 }, systemClock)
    const a = quotas.admit(spec, 'a')
    const b = quotas.admit(spec, 'b')
    const giveBack = await a.hold(10, signal)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = [a.hold(1, controller.signal), b.hold(6, controller.signal)].map(hold =>
      assert.rejects(hold, reason),
    )
    controller.abort(reason)
    await Promise.all(waiting)
    // nothing of what was given up is still counted
    ;(await b.hold(5, signal))()
    giveBack()
    ;(await b.hold(10, signal))()
  })

  it('let peers behind one address hold no more pieces than it may, and others have theirs', async () => {
    assert.ok(QUOTAS.address.pieces * 8 <= QUOTAS.nodePieces)
    const address = { ...QUOTAS.address, pieces: 6 }
    const shared = createQuotas({ ...QUOTAS, address, nodePieces: 10 }, systemClock)
    const greedy = [0, 1, 2, 3].map(i => shared.admit(spec, `greedy ${i}`, '192.0.2.1'))
    const held = []
    for (let i = 0; i < 6; i++) held.push(await greedy[i % 4]!.piece(signal))
    const waiting = greedy.map(one => one.piece(signal))
    for (let i = 0; i < 4; i++) await shared.admit(spec, `other ${i}`, '192.0.2.2').piece(signal)
    for (const giveBack of held) giveBack()
    for (const one of waiting) (await one)()
  })

  it('hold no more pieces together than the node may', async () => {
    const quotas = createQuotas({ ...QUOTAS, nodePieces: 1 }, systemClock)
    const giveBack = await quotas.admit(spec, 'a').piece(signal)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = assert.rejects(quotas.admit(spec, 'b').piece(controller.signal), reason)
    controller.abort(reason)
    await waiting
    giveBack()
    ;(await quotas.admit(spec, 'c').piece(signal))()
  })

  it('send while what arrives fills its room', async () => {
    const quotas = createQuotas({ ...QUOTAS, nodeBytesInFlight: 10 }, systemClock)
    await quotas.admit(spec, 'slow').hold(10, signal)
    ;(await quotas.admit(spec, 'reader').piece(signal))()
  })

  it('let so many read from the disk at a time', async () => {
    const quotas = createQuotas({ ...QUOTAS, diskReads: 1 }, systemClock)
    const leave = await quotas.admit(spec, 'a').disk(signal)
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = assert.rejects(quotas.admit(spec, 'b').disk(controller.signal), reason)
    controller.abort(reason)
    await waiting
    leave()
    ;(await quotas.admit(spec, 'c').disk(signal))()
  })

  it('slow down a peer above its rate', async () => {
    const peer = { ...QUOTAS.peer, bytesPerSecond: 1_000, burstBytes: 100 }
    const clock = new VirtualClock()
    const stream = createQuotas({ ...QUOTAS, peer }, clock).admit(spec, 'a')
    await stream.pace(100, signal)
    let moved = false
    const waiting = stream.pace(50, signal).then(() => {
      moved = true
    })
    await clock.advance(49)
    assert.equal(moved, false)
    await clock.advance(1)
    await waiting
  })

  it('remember a bounded number of peers, those in use and those at fault before the others', () => {
    const quotas = createQuotas(
      { ...QUOTAS, accounts: 20, peer: { ...QUOTAS.peer, failures: 1 } },
      systemClock,
    )
    quotas.admit(spec, 'in use')
    quotas.admit(spec, 'in use')
    const bad = quotas.admit(spec, 'at fault')
    bad.failed()
    bad.release()
    for (let i = 0; i < 100; i++) quotas.admit(spec, `passing ${i}`).release()
    assert.throws(() => quotas.admit(spec, 'in use'), { code: 'BUSY' })
    assert.throws(() => quotas.admit(spec, 'at fault'), { code: 'TOO_MANY_FAILURES' })
  })

  it('forget those at fault too, the longest unused first, when there are too many', () => {
    const accounts = 10
    const quotas = createQuotas(
      { ...QUOTAS, accounts, peer: { ...QUOTAS.peer, failures: 1 } },
      new VirtualClock(),
    )
    const fail = (peer: string) => {
      const stream = quotas.admit(spec, peer)
      stream.failed()
      stream.release()
    }
    for (let i = 0; i < accounts; i++) fail(`peer ${i}`)
    assert.throws(() => quotas.admit(spec, 'peer 0'), { code: 'TOO_MANY_FAILURES' })
    fail('one more')
    for (const peer of ['peer 0', 'peer 2', 'one more']) {
      assert.throws(() => quotas.admit(spec, peer), { code: 'TOO_MANY_FAILURES' }, peer)
    }
    quotas.admit(spec, 'peer 1')
  })
})
