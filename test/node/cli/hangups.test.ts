import assert from 'node:assert/strict'
import { createHangups } from '../../../node/cli/hangups.ts'

describe('SIGHUP', () => {
  it('ends a command that reads no config, and is what the others read theirs at', () => {
    const heard: string[] = []
    const hangups = createHangups(() => heard.push('end'))
    hangups.onSignal()
    const stop = hangups.onHangup(() => heard.push('first'))
    hangups.onHangup(() => heard.push('second'))
    hangups.onSignal()
    stop()
    stop()
    hangups.onSignal()
    assert.deepEqual(heard, ['end', 'first', 'second', 'second'])
  })
})
