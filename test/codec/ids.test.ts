import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  blobIdFromBytes,
  blobIdFromU256,
  blobIdToBytes,
  blobIdToU256,
  objectIdFromBytes,
  objectIdToBytes,
  parseBlobId,
  parseObjectId,
} from '../../codec/index.ts'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('blob IDs', () => {
  it('are the same as text, bytes and u256', () => {
    fc.assert(
      fc.property(bytes32, bytes => {
        const id = blobIdFromBytes(bytes)
        assert.equal(id, Buffer.from(bytes).toString('base64url'))
        assert.equal(parseBlobId(id), id)
        assert.deepEqual(blobIdToBytes(id), bytes)
        assert.equal(blobIdFromU256(blobIdToU256(id)), id)
      }),
    )
  })

  it('are little-endian as u256', () => {
    const bytes = new Uint8Array(32)
    bytes[0] = 1
    bytes[31] = 2
    assert.equal(blobIdToU256(blobIdFromBytes(bytes)), (2n << 248n) + 1n)
  })

  const id = 'CmzciFdWJP1IIM-rD3cqXlVBXYM0fpAfHahZBvkaZUI'
  for (const [what, text] of Object.entries({
    'too short': id.slice(1),
    'too long': `${id}A`,
    padded: `${id}=`,
    'standard base64': id.replace('-', '+'),
    'a second text of the same bytes': `${id.slice(0, -1)}J`,
    empty: '',
  })) {
    it(`refuses what is ${what}`, () => {
      assert.throws(() => parseBlobId(text), { name: 'CodecError', code: 'INVALID_ID' })
    })
  }

  it('says of 43 characters that only the last is wrong', () => {
    assert.throws(() => parseBlobId(`${'A'.repeat(42)}B`), { code: 'INVALID_ID', message: /ends in "B"/ })
    assert.throws(() => parseBlobId('A'.repeat(42)), { code: 'INVALID_ID', message: /43 characters/ })
  })

  it('names the blob ID that another form of the same bytes stands for', () => {
    // uniform enough to be as long as the IDs that people meet
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter(all => all[31]! > 0)
    fc.assert(
      fc.property(bytes, bytes => {
        const id = blobIdFromBytes(bytes)
        const hex = Buffer.from(bytes).toString('hex')
        const standard = Buffer.from(bytes).toString('base64')
        const forms = [String(blobIdToU256(id)), hex, `0x${hex.toUpperCase()}`, standard, `${id}=`]
        for (const form of forms.filter(form => form !== id)) {
          assert.throws(
            () => parseBlobId(form),
            ({ code, message }: { code: string; message: string }) =>
              code === 'INVALID_ID' && message.endsWith(`stands for ${id}`),
            form,
          )
        }
      }),
    )
  })

  it('guesses nothing of a text that is no form of 32 bytes', () => {
    for (const text of ['1'.repeat(43).slice(1), '9'.repeat(78), 'f'.repeat(63), `${id}==`, '12345']) {
      assert.throws(() => parseBlobId(text), { code: 'INVALID_ID', message: /base64$/ }, text)
    }
  })

  it('refuses what is out of range', () => {
    assert.throws(() => blobIdFromBytes(new Uint8Array(31)), { code: 'MALFORMED' })
    assert.throws(() => blobIdFromU256(1n << 256n), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => blobIdFromU256(-1n), { code: 'INVALID_ARGUMENT' })
  })
})

describe('object IDs', () => {
  it('are the same as text and bytes', () => {
    fc.assert(
      fc.property(bytes32, bytes => {
        const id = objectIdFromBytes(bytes)
        assert.equal(parseObjectId(id.toUpperCase().replace('0X', '0x')), id)
        assert.deepEqual(objectIdToBytes(id), bytes)
      }),
    )
  })

  it('are filled up', () => {
    assert.equal(parseObjectId('0x6'), `0x${'6'.padStart(64, '0')}`)
  })

  for (const text of ['', '6', '0x', '0xg', `0x${'0'.repeat(65)}`]) {
    it(`refuses "${text}"`, () => {
      assert.throws(() => parseObjectId(text), { code: 'INVALID_ID' })
    })
  }
})
