import assert from 'node:assert/strict'
import { nearestName } from '../../base/nearest-name.ts'

describe('the nearest name', () => {
  const known = ['listen', 'announce', 'http', 'publicHttp', 'upBytesPerSecond', 'downBytesPerSecond']

  it('is the one with the fewest letters wrong, whatever their case', () => {
    const meant = {
      lisen: 'listen',
      listne: 'listen',
      Listen: 'listen',
      anounce: 'announce',
      publicHTTP: 'publicHttp',
      upBytePerSecond: 'upBytesPerSecond',
      htpt: 'http',
    }
    for (const [name, nearest] of Object.entries(meant)) assert.equal(nearestName(name, known), nearest, name)
  })

  it('counts two letters that have changed places as one', () => {
    assert.equal(nearestName('abdc', ['abef', 'abcd']), 'abcd')
    assert.equal(nearestName('bac', ['abc']), 'abc')
    assert.equal(nearestName('bad', ['abc']), undefined)
  })

  it('is none when more than a third is wrong', () => {
    for (const name of ['', 'x', 'quota', 'lsn', 'httphttp', 'https://example.org'])
      assert.equal(nearestName(name, known), undefined, name)
  })
})
