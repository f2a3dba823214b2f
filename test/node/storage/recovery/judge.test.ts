import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { LruMap } from '../../../../base/lru-map.ts'
import type { Committees } from '../../../../chain/types/index.ts'
import {
  type Codec,
  createCodec,
  type EncodedBlob,
  encodeInconsistencyProof,
  longestInconsistencyProof,
  type ProvenSymbol,
  parseInvalidBlobMessage,
} from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { BlobId, BlobMetadata, Epoch, SliverPairIndex, SliverRef } from '../../../../codec/types.ts'
import { createMemberIndex } from '../../../../node/network/member-index.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import { createJudge, type Judge } from '../../../../node/storage/recovery/judge.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { ProtocolError } from '../../../../protocols/index.ts'
import type { InconsistencyClaim } from '../../../../protocols/ports.ts'
import { wronglyEncoded } from '../../../support/wrongly-encoded.ts'
import { createWorld, EPOCH, type World } from './support.ts'

const N = 10
const never = new AbortController().signal
const stray: SliverRef = { pair: 9 as SliverPairIndex, axis: 'secondary' }

describe('who judges proofs that blobs were encoded wrongly', function () {
  this.timeout(20_000)
  const secret = new Uint8Array(32).fill(3)
  let codec: Codec
  let world: World
  let wrong: EncodedBlob
  let right: EncodedBlob
  let proof: Uint8Array
  let state: BlobState | undefined
  let committees: Committees | undefined
  let accused: string[]
  let checks: number
  /** what a check waits for */
  let checking: (blobId: BlobId) => Promise<void>
  let judge: Judge
  let bls: Awaited<ReturnType<typeof loadBls>>

  before(async () => {
    bls = await loadBls()
    codec = createCodec({ threads: 0 })
    const data = randomBytes(3_000)
    wrong = await wronglyEncoded(codec, data, N, stray)
    right = await codec.encode(data, N)
    proof = await proofOf(wrong, wrong.metadata)
  })
  after(() => {
    wrong?.release()
    right?.release()
    return codec.close()
  })
  beforeEach(() => {
    world = createWorld({ codec, nShards: N, members: 5 })
    committees = world.committees
    const registration = { objectId: '0x1' as never, deletable: false, certified: true, endEpoch: 9 as Epoch }
    state = { registrations: [registration] }
    accused = []
    checks = 0
    checking = async () => undefined
    judge = createJudge({
      nodeId: world.members[0]!.nodeId,
      nShards: N,
      committees: () => committees,
      members: createMemberIndex(),
      blobs: { get: async () => state },
      codec: {
        isMetadata: metadata => codec.isMetadata(metadata),
        verifyInconsistencyProof: async input => {
          checks++
          await checking(input.metadata.blobId)
          return await codec.verifyInconsistencyProof(input)
        },
      },
      budget: world.budget,
      signer: createConfirmationSigner(bls, secret),
      wrong: new LruMap<BlobId, true>(100),
      liars: new LruMap<string, true>(100),
      accuse: ({ name }, what) => accused.push(`${name} ${what}`),
    })
  })

  async function proofOf(blob: EncodedBlob, metadata: BlobMetadata): Promise<Uint8Array> {
    const symbols: ProvenSymbol[] = []
    for (const pair of [0, 1, 2, 3] as SliverPairIndex[]) {
      const source = { pair, axis: 'primary' } as const
      const bytes = blob.sliver(source)
      symbols.push(
        ...(await codec.recoverySymbols({ metadata, source, bytes, targets: [stray], proofs: true })),
      )
    }
    return encodeInconsistencyProof({ target: stray, symbols }, N)
  }
  const peerOf = (member: number): string => peerIdTextOf(world.members[member]!.networkPublicKey)!
  const open = (member = 1, claim: Partial<InconsistencyClaim> = {}) =>
    judge.open(
      { metadata: wrong.metadata, axis: 'secondary', proofBytes: proof.length, ...claim },
      { peer: peerOf(member), signal: never },
    )
  const claims = async (member = 1, bytes = proof, metadata = wrong.metadata) => {
    const hearing = await open(member, { metadata, proofBytes: bytes.length })
    if (hearing.kind === 'known') return hearing.attestation
    try {
      return await hearing.judge(bytes)
    } finally {
      hearing.close()
    }
  }
  const refuses = (claim: Promise<unknown>, code: string) =>
    assert.rejects(claim, (error: unknown) => error instanceof ProtocolError && error.code === code)

  it('signs for one that holds what Walrus signs, and for others without another', async () => {
    const { message, signature } = await claims()
    // intent 2, version 0, Walrus's app, the epoch, the blob ID
    assert.deepEqual([...message.subarray(0, 7)], [2, 0, 3, EPOCH, 0, 0, 0])
    assert.deepEqual(parseInvalidBlobMessage(message), { epoch: EPOCH, blobId: wrong.metadata.blobId })
    assert.ok(bls.verify(bls.publicKey(secret), message, signature))
    for (const member of [1, 2]) assert.equal((await open(member)).kind, 'known')
    assert.equal(checks, 1)
    assert.deepEqual(accused, [])
  })

  it('hears anybody by address, two at a time, and leaves it to the caller to count lies', async () => {
    const bring = (peer: string, bytes = proof) =>
      judge.hear(
        { metadata: wrong.metadata, axis: 'secondary', proofBytes: bytes.length },
        { peer, signal: never },
      )
    for (const member of [2, 3]) assert.equal((await open(member)).kind, 'open')
    const [one, two] = [await bring('192.0.2.1'), await bring('192.0.2.2')]
    await refuses(bring('192.0.2.1'), 'BUSY')
    await refuses(bring('192.0.2.3'), 'BUSY')
    assert.equal((await open()).kind, 'open')
    assert.ok(one.kind === 'open' && two.kind === 'open')
    two.close()
    await refuses(one.judge(proof.map((byte, i) => (i === 10 ? byte ^ 1 : byte))), 'PROOF_INVALID')
    one.close()
    const again = await bring('192.0.2.1')
    assert.ok(again.kind === 'open')
    const { message } = await again.judge(proof)
    again.close()
    assert.deepEqual(parseInvalidBlobMessage(message), { epoch: EPOCH, blobId: wrong.metadata.blobId })
    assert.equal((await bring('192.0.2.4')).kind, 'known')
    assert.deepEqual(accused, [])
  })

  it('refuses, before the proof comes, who is no member, and what cannot be invalidated', async () => {
    const stranger = judge.open(
      { metadata: wrong.metadata, axis: 'secondary', proofBytes: proof.length },
      { peer: 'nobody', signal: never },
    )
    await refuses(stranger, 'NOT_A_MEMBER')
    const known = state!
    state = undefined
    await refuses(open(), 'NOT_REGISTERED')
    state = { registrations: [{ ...known.registrations[0]!, endEpoch: EPOCH }] }
    await refuses(open(), 'BLOB_GONE')
    state = { ...known, invalid: true }
    await refuses(open(), 'BLOB_INVALID')
    state = known
    await refuses(open(1, { metadata: { ...wrong.metadata, unencodedLength: 2_999 } }), 'METADATA_MISMATCH')
    await refuses(open(1, { metadata: right.metadata, proofBytes: 1e6 }), 'TOO_LARGE')
    const limit = longestInconsistencyProof(N, wrong.metadata.unencodedLength, 'secondary')
    await refuses(open(1, { proofBytes: limit + 1 }), 'TOO_LARGE')
    committees = undefined
    await refuses(open(), 'CHAIN_UNAVAILABLE')
  })

  it('names who sends a proof that shows nothing, and does not listen to it again', async () => {
    const honest = await proofOf(right, right.metadata)
    await refuses(claims(1, honest, right.metadata), 'PROOF_INVALID')
    await refuses(open(1, { metadata: right.metadata }), 'PROOF_INVALID')
    await refuses(open(1), 'PROOF_INVALID')
    assert.equal(checks, 1)
    await refuses(claims(2, proof.slice(0, -1)), 'PROOF_INVALID')
    await refuses(claims(3, proof.with(40, proof[40]! ^ 1)), 'PROOF_INVALID')
    assert.deepEqual(accused, ['node-1 proof', 'node-2 proof', 'node-3 proof'])
    // it is a claim like any other from those who have not lied
    await claims(4)
  })

  it('hears one claim of each at a time, and checks one proof of a blob at a time', async () => {
    const first = await open(1)
    assert.ok(first.kind === 'open')
    await refuses(open(1), 'BUSY')
    const second = await open(2)
    assert.ok(second.kind === 'open')
    const both = await Promise.all([first.judge(proof), second.judge(proof)])
    assert.deepEqual(both[0], both[1])
    assert.equal(checks, 1)
    first.close()
    second.close()
    state = undefined
    await refuses(open(1), 'NOT_REGISTERED')
  })

  it('is not kept from one blob by the proof of another, and holds each against the budget', async () => {
    const { promise: slow, resolve: end } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    checking = async blobId => {
      if (blobId !== right.metadata.blobId) return
      begin()
      await slow
    }
    const honest = await proofOf(right, right.metadata)
    const [first, second] = [
      await open(1, { metadata: right.metadata, proofBytes: honest.length }),
      await open(2),
    ]
    assert.ok(first.kind === 'open' && second.kind === 'open')
    const waits = first.judge(honest)
    await begun
    assert.equal(world.budget.view().heldBytes, honest.length)
    await second.judge(proof)
    end()
    await refuses(waits, 'PROOF_INVALID')
    assert.equal(world.budget.view().heldBytes, 0)
  })

  it('ends with who brought the proof, also while another one of the blob is checked', async () => {
    const { promise: slow, resolve: end } = Promise.withResolvers<void>()
    checking = () => slow
    const over = new AbortController()
    const first = await open(1)
    const second = await judge.open(
      { metadata: wrong.metadata, axis: 'secondary', proofBytes: proof.length },
      { peer: peerOf(2), signal: over.signal },
    )
    assert.ok(first.kind === 'open' && second.kind === 'open')
    const [checked, waits] = [first.judge(proof), second.judge(proof)]
    over.abort(new ProtocolError('CLOSED'))
    await refuses(waits, 'CLOSED')
    end()
    await checked
    assert.equal(checks, 1)
  })

  it('signs for nothing that was invalidated, or has ended, while the proof came', async () => {
    const hearing = await open()
    assert.ok(hearing.kind === 'open')
    state = { ...state!, invalid: true }
    await refuses(hearing.judge(proof), 'BLOB_INVALID')
    assert.equal(checks, 0)
  })

  it('signs in the present epoch only, and only while it is in the committee', async () => {
    await claims()
    const { current } = world.committees
    const next = { ...current, epoch: (EPOCH + 1) as Epoch }
    committees = { ...world.committees, epoch: next.epoch, current: next, previous: current }
    assert.equal(parseInvalidBlobMessage((await claims(2)).message).epoch, EPOCH + 1)
    committees = { ...committees, current: { ...next, members: next.members.slice(1) } }
    await refuses(open(2), 'NOT_IN_COMMITTEE')
  })
})
