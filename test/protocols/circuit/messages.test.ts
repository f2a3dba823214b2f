import assert from 'node:assert/strict'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import {
  CIRCUIT_REASONS,
  HopAnswerMessage,
  HopRequestMessage,
  StopAnswerMessage,
  StopRequestMessage,
} from '../../../protocols/circuit/messages.ts'
import { readProtobuf, writeProtobuf } from '../../../protocols/circuit/protobuf.ts'
import { ProtocolError } from '../../../protocols/errors.ts'
import type { Message } from '../../../protocols/wire.ts'

const hex = (text: string) => new Uint8Array(Buffer.from(text, 'hex'))
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const peer = peerIdFromString('12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5')
const PEER = '0a260024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c'
const LIMIT = '0878' + '10808008'

const statuses = [
  'ok',
  'reservation-refused',
  'resource-limit-exceeded',
  'permission-denied',
  'connection-failed',
  'no-reservation',
  'malformed',
  'unexpected',
] as const
const optional = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
const limit = optional(
  fc.record({ durationSeconds: optional(fc.nat()), dataBytes: optional(fc.maxSafeNat()) }),
)
const answer = fc.record({
  status: fc.constantFrom(...statuses),
  reservation: optional(
    fc.record({
      expiresAtSeconds: fc.maxSafeNat(),
      addresses: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 16 }),
    }),
  ),
  limit,
  reason: optional(fc.constantFrom(...CIRCUIT_REASONS)),
  retryAfterMs: optional(fc.integer({ min: 1, max: 0xffff_ffff })),
  loadPermille: optional(fc.integer({ min: 0, max: 1000 })),
  stunPort: optional(fc.integer({ min: 1024, max: 65_535 })),
  isNear: optional(fc.constant(true)),
})

/** The code of what decoding throws. */
function codeOf(type: Message<unknown>, bytes: Uint8Array): string | undefined {
  try {
    type.decode(bytes)
    return undefined
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return error.code
  }
}

describe('circuit messages', () => {
  it('are the bytes of js-libp2p 3', () => {
    assert.equal(toHex(HopRequestMessage.encode({ kind: 'reserve' })), '0800')
    assert.equal(toHex(HopRequestMessage.encode({ kind: 'connect', peer })), `08011228${PEER}`)
    assert.equal(toHex(HopAnswerMessage.encode({ status: 'reservation-refused' })), '080228c801')
    assert.equal(
      toHex(StopRequestMessage.encode({ peer, limit: { durationSeconds: 120, dataBytes: 131_072 } })),
      `08001228${PEER}1a06${LIMIT}`,
    )
    assert.equal(toHex(StopAnswerMessage.encode({ status: 'ok' })), '08012064')
  })

  it('read what js-libp2p 3 writes, its voucher passed over', () => {
    const granted = hex(
      '08021a260880f7c4d5061208047f000001060fa11a140a0101120203021a080a010412010518092a010622060878108080082864',
    )
    const { addresses, expiresAtSeconds } = HopAnswerMessage.decode(granted).reservation!
    assert.equal(expiresAtSeconds, 1_790_000_000)
    assert.deepEqual(
      addresses.map(bytes => multiaddr(bytes).toString()),
      ['/ip4/127.0.0.1/tcp/4001'],
    )
    assert.deepEqual(HopAnswerMessage.decode(granted).limit, { durationSeconds: 120, dataBytes: 131_072 })
    const asked = HopRequestMessage.decode(hex(`08011228${PEER}`))
    assert.ok(asked.kind === 'connect' && asked.peer.equals(peer))
    assert.ok(StopRequestMessage.decode(hex(`08001228${PEER}1a06${LIMIT}`)).peer.equals(peer))
  })

  it('tell of two peers that they are near, or nothing', () => {
    const near = StopRequestMessage.encode({ peer, isNear: true })
    assert.equal(StopRequestMessage.decode(near).isNear, true)
    assert.deepEqual(StopRequestMessage.encode({ peer, isNear: false }), StopRequestMessage.encode({ peer }))
    near[near.length - 1] = 2
    assert.equal(codeOf(StopRequestMessage, near), 'MALFORMED')
  })

  it('come back as they were', () => {
    fc.assert(
      fc.property(answer, value => {
        const decoded = HopAnswerMessage.decode(HopAnswerMessage.encode(value))
        assert.deepEqual(normal(decoded), normal(value))
      }),
    )
  })

  it('pass over fields of later versions, and take a reason of a later one for none', () => {
    const later = writeProtobuf([
      [77, 5],
      [78, new Uint8Array(9)],
    ])
    const refused = HopAnswerMessage.encode({
      status: 'reservation-refused',
      reason: 'full',
      retryAfterMs: 900,
    })
    assert.equal(HopAnswerMessage.decode(Uint8Array.from([...refused, ...later])).retryAfterMs, 900)
    const unknown = writeProtobuf([
      [1, 2],
      [5, 200],
      [1000, 99],
    ])
    assert.equal(HopAnswerMessage.decode(unknown).reason, undefined)
  })

  it('tell a malformed message from one of another kind', () => {
    const cases: [string, Message<unknown>, string][] = [
      ['no type', HopRequestMessage as Message<unknown>, ''],
      ['an unknown type', HopRequestMessage as Message<unknown>, '0809'],
      ['no peer', HopRequestMessage as Message<unknown>, '0801'],
      ['a peer that is none', HopRequestMessage as Message<unknown>, '080112060a0400020102'],
      [
        'a peer that is a URL',
        HopRequestMessage as Message<unknown>,
        `0801120d0a0b0009${toHex(Buffer.from('http://ab'))}`,
      ],
      ['a type twice', HopRequestMessage as Message<unknown>, '08000800'],
      ['a long zero', HopRequestMessage as Message<unknown>, '088000'],
      ['a cut varint', HopRequestMessage as Message<unknown>, '0880'],
      ['a length over the end', HopRequestMessage as Message<unknown>, '080112ff01'],
      ['a group', HopRequestMessage as Message<unknown>, '080013'],
      ['field 0', HopRequestMessage as Message<unknown>, '08000001'],
      ['a number beyond 2^53', HopRequestMessage as Message<unknown>, '080038ffffffffffffffff7f'],
      ['a number where bytes are due', HopRequestMessage as Message<unknown>, '08011001'],
      ['a status that is none', HopAnswerMessage as Message<unknown>, '08022805'],
      [
        'an unbounded load',
        HopAnswerMessage as Message<unknown>,
        `08022864${toHex(writeProtobuf([[1002, 1001]]))}`,
      ],
      ...[0, 443, 65_536].map((port): [string, Message<unknown>, string] => [
        `STUN at port ${port}`,
        HopAnswerMessage as Message<unknown>,
        `08022864${toHex(writeProtobuf([[1003, port]]))}`,
      ]),
    ]
    for (const [name, type, bytes] of cases) assert.equal(codeOf(type, hex(bytes)), 'MALFORMED', name)
    assert.equal(codeOf(HopRequestMessage, hex('080228c801')), 'VIOLATION')
    assert.equal(codeOf(HopAnswerMessage, hex('0800')), 'VIOLATION')
    assert.equal(codeOf(StopRequestMessage, hex('08012064')), 'VIOLATION')
    assert.equal(codeOf(HopRequestMessage, new Uint8Array(4097)), 'TOO_LARGE')
    const many = { expiresAtSeconds: 1, addresses: Array.from({ length: 17 }, () => new Uint8Array(1)) }
    assert.equal(
      codeOf(HopAnswerMessage, HopAnswerMessage.encode({ status: 'ok', reservation: many })),
      'MALFORMED',
    )
  })

  it('fail on any bytes, and on any damage, with a ProtocolError', () => {
    const types = [HopRequestMessage, HopAnswerMessage, StopRequestMessage, StopAnswerMessage]
    fc.assert(
      fc.property(
        answer,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        fc.uint8Array({ maxLength: 100 }),
        (value, changes, junk) => {
          const bytes = HopAnswerMessage.encode(value)
          for (const [at, to] of changes) bytes[at % bytes.length] = to
          for (const type of types) for (const one of [bytes, junk]) codeOf(type as Message<unknown>, one)
        },
      ),
    )
  })

  it('have numbers of one encoding each, up to 53 bits', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), value => {
        assert.equal(readProtobuf(writeProtobuf([[3, value]])).number(3), value)
      }),
    )
  })
})

/** Without what is undefined, and bytes by their value. */
const normal = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, inner) => (inner instanceof Uint8Array ? toHex(inner) : inner)))
