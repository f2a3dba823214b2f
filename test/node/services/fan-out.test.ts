import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Committee } from '../../../chain/types.ts'
import {
  type Bls,
  type Codec,
  confirmationMessage,
  createCodec,
  type EncodedBlob,
  loadBls,
  verifyCertificate,
} from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { silentLog } from '../../../node/log.ts'
import { fanOut } from '../../../node/services/fan-out.ts'
import {
  type PeerAddress,
  ProtocolError,
  type StoreInput,
  type StoreOutcome,
} from '../../../protocols/index.ts'
import { fakeBook, fakeCommittee } from '../../support/fake-peers.ts'

const N = 10

describe('fan-out', () => {
  let bls: Bls
  let codec: Codec
  let encoded: EncodedBlob
  let secrets: Uint8Array[]
  let committee: Committee
  before(async () => {
    bls = await loadBls()
    codec = createCodec({ threads: 0 })
    encoded = await codec.encode(randomBytes(100), N)
    secrets = Array.from({ length: N }, () => bls.generateSecret())
    const plain = fakeCommittee(N, N)
    const members = plain.members.map((member, i) => ({ ...member, blsPublicKey: bls.publicKey(secrets[i]) }))
    committee = { ...plain, members }
  })
  after(() => codec.close())

  type Behave = (index: number, attempt: number) => StoreOutcome | Promise<StoreOutcome>
  const sign = (index: number, epoch = 1, secret = secrets[index]): StoreOutcome => {
    const { blobId } = encoded.metadata
    const message = confirmationMessage({ epoch: epoch as Epoch, blobId, persistence: { kind: 'permanent' } })
    return {
      epoch: epoch as Epoch,
      confirmation: { message, signature: bls.sign(secret, message) },
      sentBytes: 0,
    }
  }
  const run = (behave: Behave, signal = new AbortController().signal) => {
    const attempts = new Map<number, number>()
    const liars: string[] = []
    const store = async ({ peerId }: PeerAddress, _: StoreInput) => {
      const index = Number(peerId.slice('peer-'.length))
      const attempt = (attempts.get(index) ?? 0) + 1
      attempts.set(index, attempt)
      return behave(index, attempt)
    }
    const metrics = { liar: (nodeId: string) => liars.push(nodeId) }
    const header = {
      metadata: encoded.metadata,
      persistence: { kind: 'permanent' as const },
      registerDigest: '',
    }
    const components = { peers: { store }, book: fakeBook(), bls, log: silentLog(), metrics }
    return { ...fanOut(components, { committee, header, encoded, signal }), liars, attempts }
  }

  it('makes a certificate that verifies, of a quorum', async () => {
    const { result, finished } = run(index => sign(index))
    const { certificate, confirmedShards } = await result
    assert.ok(certificate)
    assert.ok(confirmedShards >= 7)
    const members = committee.members.map(({ blsPublicKey }) => ({ publicKey: blsPublicKey, weight: 1 }))
    assert.equal(verifyCertificate({ bls, certificate, nShards: N, members }), confirmedShards)
    await finished
  })

  it('leaves out and names who signs wrongly or something else', async () => {
    const { result, liars } = run(index => {
      if (index === 0) return sign(0, 1, secrets[1])
      if (index === 1) return { ...sign(1), confirmation: sign(1, 2).confirmation }
      return sign(index)
    })
    const { certificate } = await result
    assert.ok(certificate)
    assert.ok(!certificate.signers.includes(0) && !certificate.signers.includes(1))
    const named = committee.members.slice(0, 2).map(({ nodeId }) => nodeId)
    assert.deepEqual([...liars].sort(), named)
  })

  it('tries again what passes, and not what is final', async () => {
    const { result, finished, attempts } = run((index, attempt) => {
      if (index < 3 && attempt === 1) throw new ProtocolError('BUSY', { retryAfterMs: 1 })
      if (index === 3) throw new ProtocolError('STORAGE_FULL')
      return sign(index)
    })
    assert.ok((await result).certificate)
    await finished
    assert.deepEqual([attempts.get(0), attempts.get(3), attempts.get(4)], [2, 1, 1])
  })

  it('says why there is no quorum', async () => {
    const { result } = run(index => {
      if (index < 4) throw new ProtocolError('STORAGE_FULL')
      return sign(index)
    })
    const { certificate, confirmedShards, refusals, epochChanged } = await result
    assert.equal(certificate, undefined)
    assert.equal(confirmedShards, 6)
    assert.equal(epochChanged, false)
    assert.equal(refusals.length, 4)
    assert.match(refusals[0].message, /STORAGE_FULL/)
  })

  it('notices a new epoch, and never mixes two', async () => {
    const { result } = run(index => sign(index, index < 5 ? 1 : 2))
    const { certificate, confirmedShards, epochChanged } = await result
    assert.equal(certificate, undefined)
    assert.equal(confirmedShards, 5)
    assert.equal(epochChanged, true)
  })

  it('ends when it is told to', async () => {
    const stop = new AbortController()
    const { result, finished } = run(
      () =>
        new Promise((_, reject) => stop.signal.addEventListener('abort', () => reject(stop.signal.reason))),
      stop.signal,
    )
    stop.abort(new Error('enough'))
    await finished
    assert.equal((await result).certificate, undefined)
  })
})
