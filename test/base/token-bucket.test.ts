import assert from 'node:assert/strict'
import { createTokenBucket } from '../../base/token-bucket.ts'

describe('token bucket', () => {
  it('refills with time, up to its burst', () => {
    let now = 0
    const bucket = createTokenBucket(10, 20, () => now)
    assert.ok(bucket.tryTake(20))
    assert.ok(!bucket.tryTake(1))
    now = 100
    assert.ok(bucket.has(1) && bucket.tryTake(1) && !bucket.has(1))
    now = 100_000
    assert.ok(bucket.full && !bucket.has(21))
  })

  it('says how long a debt takes', () => {
    let now = 0
    const bucket = createTokenBucket(10, 20, () => now)
    assert.equal(bucket.take(20), 0)
    assert.equal(bucket.take(5), 500)
    now = 500
    assert.equal(bucket.take(0), 0)
  })
})
