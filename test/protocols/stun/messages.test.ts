import assert from 'node:assert/strict'
import fc from 'fast-check'
import { ipFromBytes } from '../../../base/ip.ts'
import {
  decodeStunAnswer,
  decodeStunRequest,
  encodeStunAnswer,
  encodeStunRequest,
  stunLength,
} from '../../../protocols/stun/messages.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const isMapped = (ip: Uint8Array) =>
  ip.length === 16 && ip.subarray(0, 10).every(byte => byte === 0) && ip[10] === 0xff && ip[11] === 0xff

/** RFC 5769, section 2: the same transaction in all of them. */
const TRANSACTION = hex('b7e7a701 bc34d686 fa87dfae')
const ANSWER_IPV4 = hex('0101000c 2112a442 b7e7a701 bc34d686 fa87dfae 00200008 0001a147 e112a643')
const ANSWER_IPV6 = hex(
  '01010018 2112a442 b7e7a701 bc34d686 fa87dfae 00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9',
)

describe('stun', () => {
  it("reads and writes the addresses of the specification's vectors", () => {
    const v4 = { ip: '192.0.2.1', port: 32_853 }
    const v6 = { ip: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 }
    assert.deepEqual(decodeStunAnswer(ANSWER_IPV4, TRANSACTION), v4)
    assert.deepEqual(decodeStunAnswer(ANSWER_IPV6, TRANSACTION), v6)
    assert.deepEqual(encodeStunAnswer(TRANSACTION, v4), ANSWER_IPV4)
    assert.deepEqual(encodeStunAnswer(TRANSACTION, v6), ANSWER_IPV6)
  })

  it('answers one transaction, and another one not', () => {
    const other = TRANSACTION.slice()
    other[11]! ^= 1
    assert.equal(decodeStunAnswer(ANSWER_IPV4, other), undefined)
  })

  it('passes over attributes that may be passed over, and answers no request with others', () => {
    const software = hex('0001000c 2112a442 b7e7a701 bc34d686 fa87dfae 80220005 666c6f65 21000000')
    assert.deepEqual(decodeStunRequest(software), TRANSACTION)
    const required = software.slice()
    required[20] = 0
    assert.equal(decodeStunRequest(required), undefined)
  })

  it('tells an IPv4 address that a socket for both kinds saw as what it is', () => {
    const seen = encodeStunAnswer(TRANSACTION, { ip: '::ffff:192.0.2.1', port: 32_853 })
    assert.deepEqual(seen, ANSWER_IPV4)
  })

  it('comes back as it was', () => {
    const ip = fc.oneof(bytes(4), bytes(16)).filter(one => !isMapped(one))
    fc.assert(
      fc.property(bytes(12), ip.map(ipFromBytes), fc.nat(65_535), (transaction, ip, port) => {
        assert.deepEqual(decodeStunRequest(encodeStunRequest(transaction)), transaction)
        const answer = encodeStunAnswer(transaction, { ip, port })
        assert.equal(stunLength(answer), answer.length)
        assert.deepEqual(decodeStunAnswer(answer, transaction), { ip, port })
      }),
    )
  })

  it('takes any other bytes for nothing, and throws never', () => {
    const changes = fc.array(fc.record({ at: fc.nat(43), to: fc.nat(255) }), { maxLength: 4 })
    fc.assert(
      fc.property(changes, fc.nat(44), (changes, length) => {
        for (const good of [encodeStunRequest(TRANSACTION), ANSWER_IPV4, ANSWER_IPV6]) {
          const bad = good.slice(0, length)
          for (const { at, to } of changes) if (at < bad.length) bad[at] = to
          decodeStunRequest(bad)
          decodeStunAnswer(bad, TRANSACTION)
        }
      }),
    )
  })
})
