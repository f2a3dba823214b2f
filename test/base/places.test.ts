import assert from 'node:assert/strict'
import { createPlaces } from '../../base/places.ts'

describe('places', () => {
  it('are so many of all and of each name, one of a name at least, and each is given back once', () => {
    const places = createPlaces()
    const first = places.take(3, [
      ['address a', 0],
      ['peer x', 2],
    ])
    assert.ok(first)
    assert.equal(places.take(3, [['address a', 1]]), undefined)
    const second = places.take(3, [
      ['address b', 1],
      ['peer x', 2],
    ])
    assert.ok(second)
    // what was refused has taken nothing
    assert.equal(
      places.take(3, [
        ['address c', 1],
        ['peer x', 2],
      ]),
      undefined,
    )
    assert.ok(places.take(3, [['address c', 1]]))
    assert.equal(places.take(3), undefined)
    first()
    first()
    assert.ok(places.take(3, [['address a', 1]]))
    assert.equal(places.take(3), undefined)
  })
})
