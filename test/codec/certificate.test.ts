import assert from 'node:assert/strict'
import { bls12381_min_pk_verify_aggregate } from '@mysten/walrus-wasm'
import {
  aggregateConfirmations,
  type Bls,
  bitmapSigners,
  blobIdFromBytes,
  type Certificate,
  confirmationMessage,
  type Epoch,
  signersBitmap,
  verifyCertificate,
} from '../../codec/index.ts'
import { loadBls } from '../../codec/node.ts'

const epoch = 5 as Epoch
const N_SHARDS = 10
/** A quorum of 10 shards is 7, and it is not reached by counting nodes. */
const WEIGHTS = [4, 3, 2, 1]

describe('certificates', () => {
  const message = confirmationMessage({
    epoch,
    blobId: blobIdFromBytes(new Uint8Array(32)),
    persistence: { kind: 'permanent' },
  })
  let bls: Bls
  let secrets: Uint8Array[]
  let members: { publicKey: Uint8Array; weight: number }[]
  let signatures: Uint8Array[]

  before(async () => {
    bls = await loadBls()
    secrets = WEIGHTS.map(() => bls.generateSecret())
    members = WEIGHTS.map((weight, i) => ({ weight, publicKey: bls.publicKey(secrets[i]!) }))
    signatures = secrets.map(secret => bls.sign(secret, message))
  })

  const aggregate = (signers: Map<number, Uint8Array>) =>
    aggregateConfirmations({ bls, message, epoch, nShards: N_SHARDS, members, signatures: signers })
  const certificateOf = (...signers: number[]): Certificate => ({
    epoch,
    signers,
    message,
    signature: bls.aggregateSignatures(signers.map(i => signatures[i]!)),
  })
  const verify = (certificate: Certificate) =>
    verifyCertificate({ bls, certificate, nShards: N_SHARDS, members })

  it('are made of a quorum by weight, and are what the official library verifies', () => {
    const { certificate, weight, bad } = aggregate(
      new Map([
        [1, signatures[1]!],
        [0, signatures[0]!],
      ]),
    )
    assert.ok(certificate)
    assert.deepEqual({ signers: certificate.signers, weight, bad }, { signers: [0, 1], weight: 7, bad: [] })
    assert.equal(verify(certificate), 7)
    const keys = [members[0]!.publicKey, members[1]!.publicKey]
    assert.equal(bls12381_min_pk_verify_aggregate(keys, message, certificate.signature), true)
  })

  it('are the same of signatures that were added up as they came', () => {
    const given = new Map([0, 1, 3].map(i => [i, signatures[i]!]))
    const sum = bls.sum()
    assert.equal(sum.verified(message), undefined)
    for (const [i, signature] of given) {
      sum.add(members[i]!.publicKey, signature)
      assert.deepEqual(
        sum.verified(message),
        certificateOf(...[0, 1, 3].filter(other => other <= i)).signature,
      )
    }
    const input = { bls, message, epoch, nShards: N_SHARDS, members, signatures: given }
    assert.deepEqual(aggregateConfirmations({ ...input, sum }), aggregateConfirmations(input))
    sum.free()
  })

  it('are found out when what was added up is no signature over the message', () => {
    const sum = bls.sum()
    sum.add(members[0]!.publicKey, signatures[0]!)
    for (const [key, signature] of [
      [new Uint8Array(48), signatures[1]!],
      [members[1]!.publicKey, new Uint8Array(96)],
    ])
      assert.throws(() => sum.add(key!, signature!), { code: 'INVALID_KEY' })
    assert.deepEqual(sum.verified(message), signatures[0])
    // the right signature of another member
    sum.add(members[1]!.publicKey, signatures[2]!)
    assert.equal(sum.verified(message), undefined)
    const given = new Map([0, 1].map(i => [i, signatures[i === 1 ? 2 : i]!]))
    const input = { bls, message, epoch, nShards: N_SHARDS, members, signatures: given, sum }
    assert.deepEqual(aggregateConfirmations(input).bad, [1])
    sum.free()
  })

  it('are not made of a sum of other signatures than those that are given', () => {
    const sum = bls.sum()
    for (const i of [0, 1]) sum.add(members[i]!.publicKey, signatures[i]!)
    const input = { bls, message, epoch, nShards: N_SHARDS, members, sum }
    const given = (...signers: number[]) => new Map(signers.map(i => [i, signatures[i]!]))
    assert.throws(() => sum.add(members[2]!.publicKey, new Uint8Array(96)), { code: 'INVALID_KEY' })
    assert.equal(sum.count, 2)
    for (const signers of [[0], [0, 1, 2]]) {
      assert.throws(() => aggregateConfirmations({ ...input, signatures: given(...signers) }), {
        code: 'INVALID_ARGUMENT',
      })
    }
    assert.ok(aggregateConfirmations({ ...input, signatures: given(0, 1) }).certificate)
    sum.free()
  })

  it('does not sum up to keys that cancel each other out', () => {
    const negated = Uint8Array.from(members[0]!.publicKey)
    negated[0]! ^= 0x20
    const sum = bls.sum()
    sum.add(members[0]!.publicKey, signatures[0]!)
    sum.add(negated, signatures[1]!)
    assert.equal(sum.verified(message), undefined)
    sum.free()
  })

  it('are not made of many nodes with little weight', () => {
    const { certificate, weight } = aggregate(new Map([1, 2, 3].map(i => [i, signatures[i]!])))
    assert.deepEqual({ certificate, weight }, { certificate: undefined, weight: 6 })
    assert.equal(aggregate(new Map()).certificate, undefined)
  })

  it('name who signed wrongly, and do without them', () => {
    const other = bls.sign(secrets[2]!, Uint8Array.of(1))
    const { certificate, bad, weight } = aggregate(
      new Map([
        [0, signatures[0]!],
        [1, signatures[1]!],
        [2, other],
        [3, new Uint8Array(96)],
      ]),
    )
    assert.deepEqual(
      { signers: certificate?.signers, bad, weight },
      { signers: [0, 1], bad: [2, 3], weight: 7 },
    )
  })

  it('are made of swapped signatures too, for their aggregate is the same', () => {
    // swapped signatures still add up: the aggregate is right, and so is the certificate
    const { certificate } = aggregate(
      new Map([
        [0, signatures[1]!],
        [1, signatures[0]!],
      ]),
    )
    assert.ok(certificate)
    assert.equal(verify(certificate), 7)
  })

  it('refuse signers that are no members', () => {
    assert.throws(() => aggregate(new Map([[4, signatures[0]!]])), { code: 'INVALID_ARGUMENT' })
  })

  for (const [what, change] of Object.entries<(good: Certificate) => Certificate>({
    'too little weight': () => certificateOf(1, 2, 3),
    'no signers': good => ({ ...good, signers: [] }),
    'a signer too many': good => ({ ...good, signers: [0, 1, 2] }),
    // with the signature that belongs to it: the weight alone is wrong
    'a signer counted twice': () => certificateOf(0, 0),
    'a signer between two members': good => ({ ...good, signers: [0, 0.5, 1] }),
    'signers out of order': () => certificateOf(1, 0),
    'a signer who is no member': good => ({ ...good, signers: [0, 1, 4] }),
    'another epoch': good => ({ ...good, epoch: 6 as Epoch }),
    'another message': good => ({ ...good, message: good.message.with(20, 1) }),
    'a message of another kind': good => ({ ...good, message: good.message.subarray(0, 39) }),
    'a wrong signature': good => ({ ...good, signature: signatures[0]! }),
    'the signature at infinity': good => ({
      ...good,
      signature: Uint8Array.from({ length: 96 }, (_, i) => (i ? 0 : 0xc0)),
    }),
    'no signature': good => ({ ...good, signature: new Uint8Array() }),
  })) {
    it(`are refused with ${what}`, () => {
      assert.throws(() => verify(change(certificateOf(0, 1))), { code: 'CERTIFICATE_INVALID' })
    })
  }
})

describe('BLS', () => {
  let bls: Bls
  before(async () => {
    bls = await loadBls()
  })

  it('refuses what is no key', () => {
    const infinity = Uint8Array.from({ length: 48 }, (_, i) => (i ? 0 : 0xc0))
    const message = Uint8Array.of(1)
    assert.throws(() => bls.publicKey(new Uint8Array(32)), { code: 'INVALID_KEY' })
    assert.throws(() => bls.publicKey(new Uint8Array(31).fill(1)), { code: 'INVALID_KEY' })
    assert.throws(() => bls.sign(new Uint8Array(32).fill(0xff), message), { code: 'INVALID_KEY' })
    assert.throws(() => bls.aggregateSignatures([]), { code: 'INVALID_KEY' })
    assert.throws(() => bls.aggregateSignatures([new Uint8Array(96)]), { code: 'INVALID_KEY' })
    const signature = bls.sign(bls.generateSecret(), message)
    for (const key of [infinity, new Uint8Array(48), new Uint8Array(47)]) {
      assert.equal(bls.verify(key, message, signature), false)
    }
  })

  it('does not verify keys that cancel each other out', () => {
    const secret = bls.generateSecret()
    const key = bls.publicKey(secret)
    const negative = key.slice()
    negative[0]! ^= 0x20
    const message = Uint8Array.of(1)
    assert.equal(bls.verifyAggregate([key, negative], message, bls.sign(secret, message)), false)
    assert.equal(bls.verifyAggregate([], message, bls.sign(secret, message)), false)
  })
})

describe('signer bitmaps', () => {
  it('have the least significant bit first', () => {
    assert.deepEqual([...signersBitmap([0, 3, 9], 13)], [0b1001, 0b10])
    assert.deepEqual(bitmapSigners(Uint8Array.of(0b1001, 0b10), 13), [0, 3, 9])
  })

  it('may be short, never long, and spare bits are zero', () => {
    assert.deepEqual(bitmapSigners(Uint8Array.of(1), 13), [0])
    assert.throws(() => bitmapSigners(Uint8Array.of(1, 0, 0), 13), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => bitmapSigners(Uint8Array.of(0, 0b100000), 13), { code: 'INVALID_ARGUMENT' })
    assert.throws(() => signersBitmap([13], 13), { code: 'INVALID_ARGUMENT' })
  })
})
