import assert from 'node:assert/strict'
import { createRetries, type Retries } from '../../../../node/client/upload/retries.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'

describe('offering a blob to a node again', () => {
  let clock: VirtualClock
  beforeEach(() => {
    clock = new VirtualClock()
  })
  const error = (code: string, retryAfterMs?: number, remote = false) =>
    new ProtocolError(code as 'BUSY', { retryAfterMs, remote })
  /** What comes after each of these failures, one upon the other. */
  const pausesAfter = (...errors: Error[]) => pausesOf(createRetries(clock), errors)
  const pausesOf = async (retries: Retries, errors: Error[]): Promise<(number | undefined)[]> => {
    const pauses = []
    for (const one of errors) {
      const pause = retries.after(one)
      pauses.push(pause)
      await clock.advance(pause ?? 0)
    }
    return pauses
  }
  const times = (count: number, one: Error) => Array.from({ length: count }, () => one)

  it('happens twice where the node or the line was not ready, after what the node says', async () => {
    assert.deepEqual(await pausesAfter(...times(3, error('BUSY', undefined, true))), [300, 600, undefined])
    assert.deepEqual(await pausesAfter(error('BUSY', 4_000, true)), [4_000])
    assert.deepEqual(await pausesAfter(error('BUSY', 6_000, true)), [undefined])
  })

  it('does not happen where it is refused, or cannot be reached in the first place', async () => {
    for (const one of ['NO_SPACE', 'UNREACHABLE', 'VIOLATION'])
      assert.deepEqual(await pausesAfter(error(one)), [undefined])
    assert.deepEqual(await pausesAfter(new Error('of our own')), [undefined])
  })

  it('happens twice where a node that is called over relays is not there yet', async () => {
    const relayed = () => createRetries(clock, { isRelayed: true })
    const away = times(3, error('UNREACHABLE'))
    assert.deepEqual(await pausesOf(relayed(), away), [1_000, 4_000, undefined])
    // what it tells of others, and once it has answered what it says counts
    assert.deepEqual(await pausesOf(relayed(), [error('UNREACHABLE', undefined, true)]), [undefined])
    const busy = times(2, error('BUSY', undefined, true))
    assert.deepEqual(await pausesOf(relayed(), [...away.slice(0, 1), ...busy]), [1_000, 300, 600])
    assert.deepEqual(await pausesOf(relayed(), [error('PATH_LOST'), away[0]!]), [250, 500])
  })

  it('happens up to five times where the path broke, also while the node cannot be reached then', async () => {
    for (const cut of ['CONNECTION_LOST', 'PATH_LOST', 'TRUNCATED'])
      assert.deepEqual(await pausesAfter(...times(6, error(cut))), [250, 500, 1_000, 2_000, 4_000, undefined])
    // over the relay that is left, say, or once the one relay is back
    const unreachable = [error('PATH_LOST'), ...times(3, error('UNREACHABLE'))]
    assert.deepEqual(await pausesAfter(...unreachable), [250, 500, 1_000, 2_000])
  })

  it('bears with a node that is not ready yet once it is back', async () => {
    const back = ['CHAIN_UNAVAILABLE', 'EPOCH_BEHIND'].map(code => error(code, undefined, true))
    const failures = [error('CONNECTION_LOST'), ...times(3, error('UNREACHABLE')), ...back]
    assert.deepEqual(await pausesAfter(...failures), [250, 500, 1_000, 2_000, 300, 600])
  })

  it('ends 30 s after the path broke last, when the node cannot be reached any more', async () => {
    const retries = createRetries(clock)
    assert.equal(retries.after(error('PATH_LOST')), 250)
    // of a sliver that took so long
    await clock.advance(60_000)
    assert.equal(retries.after(error('PATH_LOST')), 500)
    for (const pause of [1_000, 2_000, 4_000, 4_000]) {
      await clock.advance(5_000)
      assert.equal(retries.after(error('UNREACHABLE')), pause)
    }
    await clock.advance(9_999)
    assert.equal(retries.after(error('UNREACHABLE')), 4_000)
    await clock.advance(1)
    assert.equal(retries.after(error('UNREACHABLE')), undefined)
  })

  it('begins anew with each sliver that the node has taken, but not without end', () => {
    const retries = createRetries(clock)
    retries.wanted(30)
    for (let i = 0; i < 20; i++) {
      assert.equal(retries.after(error('CONNECTION_LOST')), 250)
      retries.wanted(29 - i)
    }
    assert.equal(retries.after(error('CONNECTION_LOST')), undefined)
  })

  it('does not begin anew for what the line has taken, and the node has not', () => {
    const retries = createRetries(clock)
    // one that lacks more than before, or the same again, has taken nothing
    for (const wanted of [9, 9, 20, 9, 9]) {
      retries.wanted(wanted)
      assert.notEqual(retries.after(error('CONNECTION_LOST')), undefined)
    }
    retries.wanted(9)
    assert.equal(retries.after(error('CONNECTION_LOST')), undefined)
  })

  it('takes what a node tells of its own paths for no cut', async () => {
    assert.deepEqual(await pausesAfter(error('PATH_LOST', undefined, true), error('UNREACHABLE')), [
      300,
      undefined,
    ])
  })
})
