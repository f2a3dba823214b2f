import assert from 'node:assert/strict'
import { createUsage } from '../../../node/services/usage.ts'

describe('usage', () => {
  const one = async function* () {
    yield 'A' as never
  }

  it('is counted once for those who ask at the same time, and again after a failure', async () => {
    let counts = 0
    const usage = createUsage({
      metadata: { list: one },
      slivers: {
        async usage() {
          if (++counts === 1) throw new Error('disk')
          return { slivers: 1, bytes: 9 }
        },
      },
      metrics: { stored: () => {} },
    })
    await assert.rejects(usage.get(), /disk/)
    assert.deepEqual(await Promise.all([usage.get(), usage.get()]), [
      { blobs: 1, bytes: 9 },
      { blobs: 1, bytes: 9 },
    ])
    assert.equal(counts, 2)
    await usage.stop()
  })
})
