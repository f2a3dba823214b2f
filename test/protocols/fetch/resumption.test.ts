import assert from 'node:assert/strict'
import { createResumption } from '../../../protocols/fetch/resumption.ts'
import { ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

describe('going on after a path broke', () => {
  const begun = { begun: true, progressed: true, signal: undefined }
  /** How long it waits in ms; undefined when it does not go on. */
  const pauseAfter = async (
    code: ProtocolErrorCode,
    state: Parameters<ReturnType<typeof createResumption>['after']>[1] = begun,
    { clock, resumption } = fresh(),
    remote = false,
  ): Promise<number | undefined> => {
    const error = new ProtocolError(code as 'BUSY', { remote })
    const start = clock.monotonic()
    const waiting = resumption.after(error, state)
    try {
      await clock.advanceUntil(waiting, 1)
      return clock.monotonic() - start
    } catch (thrown) {
      assert.equal(thrown, error)
      return undefined
    }
  }
  const fresh = () => {
    const clock = new VirtualClock()
    return { clock, resumption: createResumption(clock) }
  }

  it('happens five times, after longer and longer pauses', async () => {
    const one = fresh()
    const pauses = []
    for (let i = 0; i < 6; i++) pauses.push(await pauseAfter('CONNECTION_LOST', begun, one))
    assert.equal(pauses[5], undefined)
    for (const [i, most] of [250, 500, 1_000, 2_000, 4_000].entries()) {
      const pause = pauses[i]!
      assert.ok(pause >= most / 2 - 1 && pause <= most + 1, `${pauses}`)
    }
  })

  it('does not happen before the peer has answered', async () => {
    assert.equal(await pauseAfter('CONNECTION_LOST', { ...begun, begun: false }), undefined)
  })

  it('happens once for a peer that falls silent, and as often as any cut when it has sent something since', async () => {
    assert.equal(await pauseAfter('TIMEOUT', { ...begun, progressed: false }), undefined)
    assert.notEqual(await pauseAfter('TIMEOUT'), undefined)
    assert.notEqual(await pauseAfter('UNREACHABLE', { ...begun, progressed: false }), undefined)
  })

  it('does not happen for what a peer says, or does wrong', async () => {
    for (const code of ['VIOLATION', 'TOO_LARGE', 'MALFORMED', 'CLOSED'] as const)
      assert.equal(await pauseAfter(code), undefined)
    assert.equal(await pauseAfter('TRUNCATED', begun, fresh(), true), undefined)
  })

  it('ends with the signal, before and while it waits', async () => {
    const { resumption } = fresh()
    const controller = new AbortController()
    const reason = new Error('enough')
    const cut = new ProtocolError('CONNECTION_LOST')
    const waiting = resumption.after(cut, { ...begun, signal: controller.signal })
    controller.abort(reason)
    await assert.rejects(waiting, reason)
    await assert.rejects(resumption.after(cut, { ...begun, signal: controller.signal }), reason)
  })
})
