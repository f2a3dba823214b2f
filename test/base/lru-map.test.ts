import assert from 'node:assert/strict'
import fc from 'fast-check'
import { LruMap } from '../../base/lru-map.ts'

describe('LRU map', () => {
  it('forgets what was longest unused', () => {
    const map = new LruMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    assert.equal(map.get('a'), 1)
    map.set('c', 3)
    assert.deepEqual(
      ['a', 'b', 'c'].map(key => map.has(key)),
      [true, false, true],
    )
  })

  it('is no larger than it may be, and has what was used last', () => {
    const step = fc.record({ key: fc.nat(9), act: fc.constantFrom('get', 'set', 'delete') })
    fc.assert(
      fc.property(fc.array(step), fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const map = new LruMap<number, number>(limit)
        let model: [key: number, value: number][] = []
        for (const [i, { key, act }] of steps.entries()) {
          const known = model.find(entry => entry[0] === key)
          if (act === 'get') assert.equal(map.get(key), known?.[1])
          if (act === 'set') map.set(key, i)
          if (act === 'delete') assert.equal(map.delete(key), known !== undefined)
          model = model.filter(entry => entry[0] !== key)
          if (act === 'set') model.push([key, i])
          if (act === 'get' && known !== undefined) model.push(known)
          model = model.slice(-limit)
          assert.equal(map.size, model.length)
          assert.ok(model.every(([key]) => map.has(key)))
        }
      }),
    )
  })
})
