import assert from 'node:assert/strict'
import { createCloseStack } from '../../base/close-stack.ts'

describe('what was opened', () => {
  it('is closed last first, once, and however the rest ends', async () => {
    const log: string[] = []
    const opened = createCloseStack({
      error: (fields, message) => log.push(message, Object.keys(fields).join()),
    })
    opened.push(async () => log.push('lock'))
    opened.push(() => Promise.reject(new Error('stuck')))
    opened.push(async () => log.push('server'))
    await opened.closeAll()
    assert.deepEqual(log, ['server', 'a part did not stop cleanly', 'err', 'lock'])
    await opened.closeAll()
    assert.equal(log.length, 4)
  })
})
