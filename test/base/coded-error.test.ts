import assert from 'node:assert/strict'
import { CodedError, type NoDetails } from '../../base/coded-error.ts'

interface Table {
  TOO_LARGE: { maxBytes: number }
  CLOSED: NoDetails
}

class OurError<Code extends keyof Table = keyof Table> extends CodedError<Table, Code> {
  override readonly name = 'OurError'
}

describe('coded error', () => {
  it('has a name, a code, its data and a cause', () => {
    const cause = new Error('below')
    const error = new OurError('TOO_LARGE', 'too large', { maxBytes: 7 }, { cause })
    assert.ok(error instanceof OurError && error instanceof CodedError && error instanceof Error)
    assert.equal(error.details.maxBytes, 7)
    assert.equal(error.cause, cause)
    assert.deepEqual([error.name, error.code, error.message], ['OurError', 'TOO_LARGE', 'too large'])
    assert.equal('cause' in new OurError('CLOSED', 'closed', {}), false)
  })
})
