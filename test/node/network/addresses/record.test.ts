import assert from 'node:assert/strict'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { PeerRecord, RecordEnvelope } from '@libp2p/peer-record'
import { multiaddr } from '@multiformats/multiaddr'
import fc from 'fast-check'
import { type RecordProblem, readRecord, sealRecord } from '../../../../node/network/addresses/record.ts'
import { NOW, PUBLIC, type Signer, signer } from './support.ts'

const RULES = { now: NOW, isPrivate: false }
const HOUR_MS = 3_600_000

describe('an address record', () => {
  let one: Signer
  let other: Signer
  before(async () => {
    one = await signer(1)
    other = await signer(2)
  })

  it('says where a peer is, by its own signature', async () => {
    const relayed = `${PUBLIC}/p2p/${other.peerId}/p2p-circuit`
    const multiaddrs = [PUBLIC, '/dns/a.example.org/tcp/1', relayed, `${PUBLIC}/p2p/${one.peerId}`]
    const { bytes } = await sealRecord(one.key, multiaddrs, NOW)
    const read = readRecord(bytes, RULES)
    assert.ok(typeof read === 'object')
    assert.equal(read.peerId, one.peerId)
    assert.equal(read.sequence, NOW)
    assert.deepEqual(read.multiaddrs, multiaddrs)
    assert.equal(await read.isSigned(), true)
    // as any libp2p reads it
    const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN)
    assert.equal(PeerRecord.createFromProtobuf(envelope.payload.subarray()).seqNumber, BigInt(NOW))
  })

  const refused: [string, RecordProblem, () => Promise<Uint8Array>][] = [
    ['from the future', 'future', () => one.says(NOW + HOUR_MS + 1)],
    ['with a number that no clock shows', 'future', () => seal(2n ** 63n)],
    ['of two days ago', 'expired', () => one.says(NOW - 48 * HOUR_MS)],
    [
      "with somebody else's PeerId in an address",
      'address',
      () => one.says(NOW, [`${PUBLIC}/p2p/${other.peerId}`]),
    ],
    [
      'with too many addresses',
      'address',
      () =>
        one.says(
          NOW,
          Array.from({ length: 17 }, (_, i) => `/ip4/192.0.2.${i}/tcp/1`),
        ),
    ],
    ['with a private address', 'address', () => one.says(NOW, ['/ip4/192.168.0.1/tcp/1'])],
    [
      'with a relay in a private network',
      'address',
      () => one.says(NOW, [`/ip4/10.0.0.1/tcp/1/p2p/${other.peerId}/p2p-circuit`]),
    ],
    ['with a name that stands for whole addresses', 'address', () => one.says(NOW, ['/dnsaddr/example.org'])],
    ['with loopback', 'address', () => one.says(NOW, ['/ip6/::1/tcp/1'])],
    ['with an address of nobody', 'address', () => one.says(NOW, ['/ip4/0.0.0.0/tcp/1'])],
    ['about somebody else', 'signer', () => seal(BigInt(NOW), other)],
    ['that is too long', 'size', async () => new Uint8Array(2_049)],
    ['of bytes that are none', 'malformed', async () => Uint8Array.of(1, 2, 3)],
    ['of nothing', 'malformed', async () => new Uint8Array()],
    ['with something behind it', 'malformed', async () => Uint8Array.from([...(await one.says()), 0x50, 1])],
    ['of another kind', 'malformed', () => seal(BigInt(NOW), one, Uint8Array.of(3, 2))],
  ]
  for (const [what, problem, make] of refused) {
    it(`${what} is refused`, async () => assert.equal(readRecord(await make(), RULES), problem))
  }

  async function seal(seqNumber: bigint, about = one, codec?: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
    const { publicKey } = about.key
    const peerId = peerIdFromPublicKey(publicKey)
    const record = new PeerRecord({ peerId, multiaddrs: [multiaddr(PUBLIC)], seqNumber })
    if (codec !== undefined) record.codec = codec
    return (await RecordEnvelope.seal(record, one.key)).marshal()
  }

  it('may have private addresses in a network of such', async () => {
    const bytes = await one.says(NOW, ['/ip4/127.0.0.1/tcp/1', '/ip4/10.0.0.1/tcp/1'])
    assert.equal(typeof readRecord(bytes, { ...RULES, isPrivate: true }), 'object')
  })

  it('holds for an hour of a clock that is behind, and for two days', async () => {
    for (const sequence of [NOW + HOUR_MS, NOW - 48 * HOUR_MS + 1])
      assert.equal(typeof readRecord(await one.says(sequence), RULES), 'object')
  })

  it('is not signed any more when a bit has changed, or cannot be read', async () => {
    const bytes = await one.says()
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length * 8 - 1), async bit => {
        const changed = Uint8Array.from(bytes)
        changed[bit >> 3]! ^= 1 << (bit & 7)
        const read = readRecord(changed, RULES)
        assert.ok(typeof read === 'string' || !(await read.isSigned()))
      }),
    )
  })

  it('of any bytes ends in a reason', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        assert.equal(typeof readRecord(bytes, RULES), 'string')
      }),
    )
  })

  it('is not made when it would be too long', async () => {
    const relay = `/dns/${'a'.repeat(60)}.example.org/tcp/4001/p2p/${other.peerId}/p2p-circuit`
    const many = Array.from({ length: 16 }, (_, i) => relay.replace('4001', String(4001 + i)))
    await assert.rejects(sealRecord(one.key, many, NOW), RangeError)
  })
})
