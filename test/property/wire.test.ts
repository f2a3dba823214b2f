import assert from 'node:assert/strict'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { bcs } from '@mysten/bcs'
import fc from 'fast-check'
import { ipFromBytes } from '../../base/ip.ts'
import { blobIdFromBytes, objectIdFromBytes } from '../../codec/index.ts'
import type { Axis, Epoch, Persistence, ShardIndex, SliverPairIndex } from '../../codec/types.ts'
import {
  ERROR_CODES,
  errorFromWire,
  errorToWire,
  ProtocolError,
  type ProtocolErrorCode,
} from '../../protocols/errors.ts'
import { FetchAnswer, FetchRequest } from '../../protocols/fetch/messages.ts'
import { ChallengeMessage } from '../../protocols/gossip/challenge.ts'
import { CertifiedMessage } from '../../protocols/gossip/messages.ts'
import { InconsistencyAnswer, InconsistencyRequest } from '../../protocols/inconsistency/messages.ts'
import { AddressMessage, PeersAnswer, PeersRequest } from '../../protocols/peers/messages.ts'
import type { BlobStatus } from '../../protocols/ports.ts'
import { PunchAnswer, PunchOffer, PunchPong, PunchStepMessage } from '../../protocols/punch/messages.ts'
import { ReachAnswer, ReachRequest } from '../../protocols/reach/messages.ts'
import { RecoverAnswer, RecoverRequest, type RecoverStatus } from '../../protocols/recover/messages.ts'
import { SnapshotAnswer, SnapshotRequest } from '../../protocols/snapshot/messages.ts'
import {
  BlobStatusReply,
  CertifiedReply,
  MetadataReply,
  NodeInfoReply,
  SnapshotsReply,
  StatusRequest,
} from '../../protocols/status/messages.ts'
import { SliverHeader, StoreConfirmed, StoreRequest, StoreWanted } from '../../protocols/store/messages.ts'
import { ClientHello, encodeError, type Message, ServerHello } from '../../protocols/wire.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const blobId = bytes(32).map(blobIdFromBytes)
const objectId = bytes(32).map(objectIdFromBytes)
const u16 = fc.integer({ min: 0, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const size = fc.maxSafeNat()
const epoch = u32.map(value => value as Epoch)
const ref = fc.record({
  pair: u16.map(value => value as SliverPairIndex),
  axis: fc.constantFrom<Axis>('primary', 'secondary'),
})
const metadata = fc
  .record({ blobId, unencodedLength: size, nShards: fc.integer({ min: 1, max: 20 }) })
  .chain(fields =>
    bytes(64 * fields.nShards).map(hashes => ({ ...fields, encodingType: 'RS2' as const, hashes })),
  )
const persistence: fc.Arbitrary<Persistence> = fc.oneof(
  fc.constant<Persistence>({ kind: 'permanent' }),
  objectId.map(id => ({ kind: 'deletable' as const, objectId: id })),
)
const certificate = fc.record({
  epoch,
  signers: fc.array(u16, { maxLength: 20 }),
  message: fc.uint8Array({ maxLength: 80 }),
  signature: bytes(96),
})
const status: fc.Arbitrary<BlobStatus> = fc.oneof(
  fc.constant<BlobStatus>({ kind: 'nonexistent' }),
  fc.constant<BlobStatus>({ kind: 'invalid' }),
  fc.record({ kind: fc.constant('ended' as const), endEpoch: epoch }),
  fc.record(
    {
      kind: fc.constant('known' as const),
      certified: fc.boolean(),
      initialCertifiedEpoch: epoch,
      endEpoch: epoch,
      deletable: fc.boolean(),
      event: fc.record({ txDigest: fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,64}$/), eventSeq: u32 }),
    },
    { requiredKeys: ['kind', 'certified', 'endEpoch', 'deletable'] },
  ),
)
const info = fc.record({
  nodeId: objectId,
  network: objectId,
  version: fc.string(),
  epoch,
  shards: fc.array(u16.map(value => value as ShardIndex)),
  storedBlobs: size,
  storedBytes: size,
})

const ascending = fc
  .uniqueArray(u16, { maxLength: 40 })
  .map(shards => shards.sort((a, b) => a - b) as ShardIndex[])

const candidates = fc.array(fc.record({ ip: fc.oneof(bytes(4), bytes(16)).map(ipFromBytes), port: u16 }), {
  maxLength: 8,
})

/** Strips what bcs adds (`$kind`) and prototypes, so that plain values compare. */
const normal = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, inner) =>
      key === '$kind'
        ? undefined
        : inner instanceof Uint8Array
          ? `bytes ${Buffer.from(inner).toString('hex')}`
          : inner,
    ),
  )

function subject<T>(name: string, type: Message<T>, values: fc.Arbitrary<T>) {
  return { name, type: type as Message<unknown>, values: values as fc.Arbitrary<unknown> }
}

const peerId = bytes(32).map(key => peerIdFromPublicKey(publicKeyFromRaw(key)).toString())
const ip = fc.oneof(bytes(4), bytes(16)).map(ipFromBytes)
const record = fc.uint8Array({ maxLength: 300 })
const hello = fc.record({ network: objectId })
const subjects = [
  subject('ClientHello', ClientHello, hello),
  subject('ServerHello', ServerHello, hello),
  subject('StoreRequest', StoreRequest, fc.record({ metadata, persistence, registerDigest: fc.string() })),
  subject('StoreWanted', StoreWanted, fc.record({ epoch, slivers: fc.array(ref) })),
  subject('SliverHeader', SliverHeader, fc.record({ ref, length: u32 })),
  subject(
    'StoreConfirmed',
    StoreConfirmed,
    fc.record({ message: fc.uint8Array({ maxLength: 80 }), signature: bytes(96) }),
  ),
  subject(
    'FetchRequest',
    FetchRequest,
    fc.record({ items: fc.array(fc.record({ blobId, ref, offset: u32, length: fc.option(u32) })) }),
  ),
  subject('FetchAnswer', FetchAnswer, fc.record({ index: u16, total: fc.option(u32) })),
  subject(
    'StatusRequest',
    StatusRequest,
    fc.oneof(
      blobId.map(id => ({ BlobStatus: id })),
      blobId.map(id => ({ Metadata: id })),
      fc.constant({ NodeInfo: true as const }),
      certificate.map(one => ({ Certified: one })),
      fc.constant({ Snapshots: true as const }),
    ),
  ),
  subject(
    'RecoverRequest',
    RecoverRequest,
    fc.record({
      epoch,
      axis: fc.constantFrom<Axis>('primary', 'secondary'),
      targets: ascending,
      sources: ascending,
      blobs: fc.oneof(
        fc.array(blobId).map(Ids => ({ Ids })),
        fc.array(bytes(8)).map(Prefixes => ({ Prefixes })),
      ),
      proofs: fc.boolean(),
    }),
  ),
  subject(
    'RecoverAnswer',
    RecoverAnswer,
    fc.oneof(
      fc
        .array(
          fc.oneof(
            u16.map(symbolSize => ({ status: 'found' as const, symbolSize })),
            fc.constantFrom('unknown', 'ended', 'ambiguous').map(status => ({ status })),
          ) as fc.Arbitrary<RecoverStatus>,
        )
        .map(Blobs => ({ Blobs })),
      fc.array(fc.boolean(), { minLength: 1, maxLength: 40 }).map(Symbols => ({ Symbols })),
    ),
  ),
  subject(
    'InconsistencyRequest',
    InconsistencyRequest,
    fc.record({ metadata, axis: fc.constantFrom<Axis>('primary', 'secondary'), proofBytes: u32 }),
  ),
  subject(
    'InconsistencyAnswer',
    InconsistencyAnswer,
    fc.oneof(
      fc.constant({ Send: true as const }),
      fc
        .record({ message: fc.uint8Array({ maxLength: 80 }), signature: bytes(96) })
        .map(Attested => ({ Attested })),
    ),
  ),
  subject('BlobStatusReply', BlobStatusReply, status),
  subject('MetadataReply', MetadataReply, fc.record({ metadata: fc.option(metadata) })),
  subject('NodeInfoReply', NodeInfoReply, info),
  subject(
    'SnapshotsReply',
    SnapshotsReply,
    fc.array(
      fc.record({
        epoch,
        cursor: fc.stringMatching(/^[0-9a-f-]{1,100}$/),
        blobs: size,
        pages: u32,
        first: bytes(32),
      }),
      { maxLength: 2 },
    ),
  ),
  subject('SnapshotRequest', SnapshotRequest, fc.record({ digest: bytes(32), page: u32 })),
  subject(
    'SnapshotAnswer',
    SnapshotAnswer,
    fc.record({ rows: fc.uint8Array({ maxLength: 300 }), next: bytes(32) }),
  ),
  subject('PeersRequest', PeersRequest, fc.array(peerId)),
  subject('PeersAnswer', PeersAnswer, fc.array(record, { maxLength: 20 })),
  subject('AddressMessage', AddressMessage, record),
  subject('ReachRequest', ReachRequest, fc.array(u16, { maxLength: 4 })),
  subject(
    'ReachAnswer',
    ReachAnswer,
    fc.record({ seen: ip, reached: fc.array(fc.boolean(), { maxLength: 4 }) }),
  ),
  subject('PunchOffer', PunchOffer, candidates),
  subject('PunchAnswer', PunchAnswer, candidates),
  subject(
    'PunchStep',
    PunchStepMessage,
    fc.oneof(
      fc.constant({ Ping: true as const }),
      u16.map(Go => ({ Go })),
    ),
  ),
  subject('PunchPong', PunchPong, fc.constant(true as const)),
  subject('CertifiedReply', CertifiedReply, fc.boolean()),
  subject(
    'ChallengeMessage',
    ChallengeMessage,
    fc.record({
      epoch,
      round: fc.integer({ min: 0, max: 3 }),
      what: fc.oneof(
        fc.record({ Opened: bytes(32) }),
        fc.record({ Drawn: bytes(32) }),
        fc.record({ Committed: fc.record({ nodeId: objectId, root: bytes(32) }) }),
        fc.record({ Passed: objectId }),
      ),
    }),
  ),
  subject('CertifiedMessage', CertifiedMessage, certificate),
]

describe('wire format', () => {
  it('of a sliver header, written by hand, is BCS', () => {
    const { primary, secondary } = { primary: { Primary: true }, secondary: { Secondary: true } } as const
    const type = bcs.enum('SliverHeader', {
      V1: bcs.struct('SliverHeaderV1', {
        ref: bcs.struct('SliverRef', {
          pair: bcs.u16(),
          axis: bcs.enum('Axis', { Primary: null, Secondary: null }),
        }),
        length: bcs.u32(),
      }),
    })
    fc.assert(
      fc.property(ref, u32, (ref, length) => {
        const { pair, axis } = ref
        const value = { V1: { ref: { pair, axis: axis === 'primary' ? primary : secondary }, length } }
        assert.deepEqual(SliverHeader.encode({ ref, length }), type.serialize(value).toBytes())
      }),
    )
  })

  for (const { name, type, values } of subjects) {
    describe(name, () => {
      it('comes back as it was', () => {
        fc.assert(
          fc.property(values, value => {
            assert.deepEqual(normal(type.decode(type.encode(value))), normal(value))
          }),
        )
      })

      it('has one encoding: trailing, missing and changed bytes are another message or none', () => {
        fc.assert(
          fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
            const encoded = type.encode(value)
            assert.throws(() => type.decode(Uint8Array.from([...encoded, flip])), { code: 'MALFORMED' })
            assert.throws(() => type.decode(encoded.subarray(0, -1)), { code: 'MALFORMED' })
            const changed = encoded.slice()
            changed[where % changed.length]! ^= flip
            const decoded = tryDecode(type, changed)
            if (decoded !== undefined) assert.deepEqual(type.encode(decoded.value), changed)
          }),
        )
      })

      it('fails on any other bytes with a ProtocolError', () => {
        fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), junk => void tryDecode(type, junk)))
      })
    })
  }

  it('carries each error with the details of its code, and none else', () => {
    const codes = Object.keys(ERROR_CODES) as ProtocolErrorCode[]
    const retry = fc.option(fc.integer({ min: 1, max: 0xffff_ffff }), { nil: undefined })
    fc.assert(
      fc.property(fc.constantFrom(...codes), retry, fc.string(), (code, retryAfterMs, secret) => {
        const spec: { wire?: number; details: readonly string[] } = ERROR_CODES[code]
        const details = Object.fromEntries(spec.details.map((name, i) => [name, i]))
        const cause = new Error(secret)
        const error = new ProtocolError(code, {
          details: { ...details, internal: secret },
          cause,
          retryAfterMs,
        })
        assert.throws(
          () => CertifiedReply.decode(encodeError(error)),
          (got: unknown) => {
            assert.ok(got instanceof ProtocolError && got.remote)
            assert.equal(got.code, spec.wire === undefined ? 'INTERNAL' : code)
            assert.equal(got.retryAfterMs, retryAfterMs)
            assert.deepEqual(Object.keys(got.details), spec.wire === undefined ? [] : [...spec.details])
            return true
          },
        )
      }),
    )
  })

  it('does not pass on what another peer said', () => {
    const heard = errorFromWire({ code: ERROR_CODES.NO_SPACE.wire, retryAfterMs: 0, args: [] })
    assert.equal(errorToWire(heard).code, ERROR_CODES.INTERNAL.wire)
  })

  it('makes room for elements that came, not for those that were announced', () => {
    // V1, then a list of 2^25 elements that do not follow
    const announced = Uint8Array.from([0, 0x80, 0x80, 0x80, 0x10])
    const before = process.memoryUsage().rss
    for (let i = 0; i < 5; i++) assert.throws(() => FetchRequest.decode(announced), { code: 'MALFORMED' })
    const grown = process.memoryUsage().rss - before
    assert.ok(grown < 100 * 1024 * 1024, `${grown} bytes`)
  })

  it('numbers each error once', () => {
    const numbers = Object.values(ERROR_CODES).flatMap(spec => ('wire' in spec ? [spec.wire] : []))
    assert.equal(new Set(numbers).size, numbers.length)
  })
})

/** The value, or undefined when the bytes were refused; anything but a ProtocolError fails the test. */
function tryDecode(type: Message<unknown>, encoded: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: type.decode(encoded) }
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error))
    return undefined
  }
}
