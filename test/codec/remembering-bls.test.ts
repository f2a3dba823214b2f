import assert from 'node:assert/strict'
import type { Bls } from '../../codec/index.ts'
import { rememberingBls } from '../../codec/index.ts'

describe('a BLS that remembers', () => {
  const bytes = (...values: number[]) => Uint8Array.from(values)

  it('verifies the same once, and anything else anew', () => {
    const asked: unknown[][] = []
    const bls = rememberingBls({
      verifyAggregate(...args: unknown[]) {
        asked.push(args)
        return asked.length === 1
      },
    } as Partial<Bls> as Bls)
    for (let i = 0; i < 3; i++)
      assert.equal(bls.verifyAggregate([bytes(1), bytes(2)], bytes(3), bytes(4)), true)
    assert.equal(asked.length, 1)
    assert.equal(bls.verifyAggregate([bytes(1)], bytes(2, 3), bytes(4)), false)
    assert.equal(bls.verifyAggregate([bytes(1), bytes(2)], bytes(3), bytes(5)), false)
    assert.equal(asked.length, 3)
  })

  it('forgets the oldest', () => {
    let asked = 0
    const bls = rememberingBls({ verifyAggregate: () => ++asked > 0 } as Partial<Bls> as Bls, 2)
    for (const i of [1, 2, 3, 1]) bls.verifyAggregate([bytes(i)], bytes(), bytes())
    assert.equal(asked, 4)
    bls.verifyAggregate([bytes(3)], bytes(), bytes())
    assert.equal(asked, 4)
  })
})
