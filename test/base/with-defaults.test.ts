import assert from 'node:assert/strict'
import { withDefaults } from '../../base/with-defaults.ts'

describe('with defaults', () => {
  it('takes what was given, nothing and false too, and the default where that is undefined', () => {
    const defaults = { most: 7, least: 1, strict: true, name: 'it' }
    assert.deepEqual(withDefaults(defaults), defaults)
    assert.deepEqual(withDefaults(defaults, { most: undefined, least: 0, strict: false, name: '' }), {
      most: 7,
      least: 0,
      strict: false,
      name: '',
    })
  })
})
