import assert from 'node:assert/strict'
import { LruMap } from '../../../../base/lru-map.ts'
import type { Committees } from '../../../../chain/types/index.ts'
import { createCodec, invalidBlobMessage } from '../../../../codec/index.ts'
import type { BlobId, Certificate, Epoch } from '../../../../codec/types.ts'
import { peerIdTextOf } from '../../../../node/network/peer-id.ts'
import { createConfirmationSigner } from '../../../../node/storage/custody/signer.ts'
import {
  createInconsistencies,
  type Inconsistencies,
} from '../../../../node/storage/recovery/inconsistencies.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { type PeerClient, ProtocolError } from '../../../../protocols/index.ts'
import { blobId, metadataOf } from '../../../protocols/support/fakes.ts'
import { quietLog } from '../../../protocols/support/quiet.ts'
import { fakeBls } from '../../../support/fake-bls.ts'
import { VirtualClock } from '../../../support/virtual-clock.ts'
import { createWorld, EPOCH } from './support.ts'

const N = 10
const secretOf = (member: number) => new Uint8Array(32).fill(member + 1)

describe('what is known of blobs that were encoded wrongly', () => {
  const codec = createCodec({ threads: 0 })
  let committees: Committees
  let clock: VirtualClock
  let asked: number[]
  let accused: string[]
  let sent: Certificate[]
  let failed: number
  let state: BlobState
  /** how member i answers; rightly when absent */
  let manners: Map<number, (blobId: BlobId) => ReturnType<PeerClient['proveInconsistent']>>
  let submit: (certificate: Certificate) => Promise<void>
  let known: Inconsistencies

  const signedBy = (member: number, id: BlobId, epoch = committees.epoch) =>
    createConfirmationSigner(fakeBls, secretOf(member)).attestInvalid({ epoch, blobId: id })
  const make = (options: { wallet?: boolean } = {}) => {
    // ten members of a shard each: four of them are enough
    const world = createWorld({ codec, nShards: N, members: 10 })
    const { current } = world.committees
    const members = current.members.map((member, i) => ({
      ...member,
      blsPublicKey: fakeBls.publicKey(secretOf(i)),
    }))
    committees = { ...world.committees, current: { ...current, members } }
    known = createInconsistencies({
      nodeId: members[0]!.nodeId,
      committees: { get: async () => committees },
      blobs: { get: async () => state },
      peers: {
        async proveInconsistent({ peerId }, { metadata }) {
          const member = members.findIndex(one => peerIdTextOf(one.networkPublicKey) === peerId)
          asked.push(member)
          const answer = manners.get(member)
          return answer === undefined ? signedBy(member, metadata.blobId) : await answer(metadata.blobId)
        },
      },
      book: { ...world.book, ranked: all => [...all], failed: () => void failed++ },
      bls: fakeBls,
      signer: createConfirmationSigner(fakeBls, secretOf(0)),
      operator:
        options.wallet === false
          ? undefined
          : {
              async invalidateBlobId(certificate) {
                await submit(certificate)
                return { digest: '' }
              },
            },
      wrong: new LruMap<BlobId, true>(100),
      accuse: ({ name }, what) => accused.push(`${name} ${what}`),
      clock,
      random: () => 0.5,
      log: quietLog,
    })
    known.start()
  }

  beforeEach(() => {
    clock = new VirtualClock()
    asked = []
    accused = []
    sent = []
    failed = 0
    manners = new Map()
    submit = async certificate => void sent.push(certificate)
    const registration = { objectId: '0x1' as never, deletable: false, certified: true, endEpoch: 9 as Epoch }
    state = { registrations: [registration] }
    make()
  })
  afterEach(() => known.stop())
  after(() => codec.close())

  const accusation = (byte: number, proofBytes = 100) => ({
    metadata: metadataOf(blobId(byte), 1_000),
    axis: 'primary' as const,
    proof: new Uint8Array(proofBytes),
  })
  const expectCertificate = (certificate: Certificate, signers: number[], byte = 1) => {
    const message = invalidBlobMessage({ epoch: committees.epoch, blobId: blobId(byte) })
    assert.deepEqual([certificate.epoch, certificate.signers], [committees.epoch, signers])
    assert.deepEqual(certificate.message, message)
    const keys = signers.map(index => fakeBls.publicKey(secretOf(index)))
    assert.ok(fakeBls.verifyAggregate(keys, message, certificate.signature))
  }

  it('is told to just as many as are needed, and to the chain', async () => {
    known.found(accusation(1))
    assert.ok(known.knows(blobId(1)) && !known.knows(blobId(2)))
    await clock.advance(1_000)
    assert.deepEqual(asked, [])
    await clock.advance(5_000)
    assert.deepEqual([asked, known.isMute()], [[1, 2, 3], false])
    expectCertificate(sent[0]!, [0, 1, 2, 3])
    await clock.advance(3_600_000)
    assert.equal(sent.length, 1)
  })

  it('is told to others where some are away, or sign wrongly, who are named', async () => {
    manners.set(1, async () => {
      throw new ProtocolError('UNREACHABLE')
    })
    manners.set(2, async id => ({ ...signedBy(2, id), signature: new Uint8Array(96) }))
    manners.set(3, async id => signedBy(3, id, (EPOCH - 1) as Epoch))
    manners.set(4, async () => signedBy(4, blobId(9)))
    known.found(accusation(1))
    await clock.advance(10_000)
    expectCertificate(sent[0]!, [0, 5, 6, 7])
    assert.deepEqual(accused, ['node-2 attestation'])
  })

  it('is told again, later and later, while too few sign or the chain does not take it', async () => {
    for (let i = 1; i < 8; i++)
      manners.set(i, async () => {
        throw new ProtocolError('PROOF_INVALID', { details: { blobId: blobId(1) }, remote: true })
      })
    known.found(accusation(1))
    await clock.advance(60_000)
    assert.deepEqual(sent, [])
    assert.ok(asked.length > 9 && asked.length < 9 * 8, `${asked.length} requests`)
    manners.clear()
    let failures = 1
    submit = async certificate => {
      if (failures-- > 0) throw new Error('no gas')
      sent.push(certificate)
    }
    await clock.advance(600_000)
    assert.equal(sent.length, 1)
  })

  it('is certified anew in the epoch that began meanwhile', async () => {
    submit = async certificate => {
      if (certificate.epoch === EPOCH) {
        const current = { ...committees.current, epoch: (EPOCH + 1) as Epoch }
        committees = { ...committees, epoch: current.epoch, current }
        throw new Error('EIncorrectEpoch')
      }
      sent.push(certificate)
    }
    known.found(accusation(1))
    await clock.advance(20_000)
    expectCertificate(sent[0]!, [0, 1, 2, 3])
  })

  it('is not told any more once somebody was first, or the blob has ended', async () => {
    known.found(accusation(1))
    state = { ...state, invalid: true }
    await clock.advance(20_000)
    assert.deepEqual([asked, sent], [[], []])
    state = { registrations: state.registrations }
    manners.set(1, async id => {
      state = { registrations: [] }
      return signedBy(1, id)
    })
    known.found(accusation(2))
    await clock.advance(20_000)
    assert.deepEqual([asked, sent], [[1, 2, 3], []])
  })

  it('does not let one that nobody signs hold up the others', async () => {
    const refuse = async (): Promise<never> => {
      throw new ProtocolError('NOT_REGISTERED', { details: { blobId: blobId(1) }, remote: true })
    }
    for (let i = 1; i < 10; i++)
      manners.set(i, async id => (id === blobId(1) ? await refuse() : signedBy(i, id)))
    known.found(accusation(1))
    known.found(accusation(2))
    await clock.advance(20_000)
    expectCertificate(sent[0]!, [0, 1, 2, 3], 2)
  })

  it('is told at once of one that was just found, however long another one waits by now', async () => {
    for (let i = 1; i < 10; i++)
      manners.set(i, async id => {
        if (id === blobId(1)) throw new ProtocolError('BUSY', { retryAfterMs: 1_000, remote: true })
        return signedBy(i, id)
      })
    known.found(accusation(1))
    await clock.advance(3_600_000)
    asked = []
    known.found(accusation(2))
    await clock.advance(3_000)
    expectCertificate(sent[0]!, [0, 1, 2, 3], 2)
    assert.equal(failed, 0)
    manners.clear()
    await clock.advance(600_000)
    expectCertificate(sent[1]!, [0, 1, 2, 3], 1)
  })

  it('takes bounded memory: what does not fit is found again', async () => {
    known.found(accusation(1, 60 * 1024 * 1024))
    known.found(accusation(2, 10 * 1024 * 1024))
    assert.ok(!known.knows(blobId(2)))
    await clock.advance(20_000)
    known.found(accusation(2, 10 * 1024 * 1024))
    assert.ok(known.knows(blobId(2)))
    await clock.advance(20_000)
    assert.equal(sent.length, 2)
  })

  it('is left to others by a node without a wallet', async () => {
    await known.stop()
    make({ wallet: false })
    known.found(accusation(1))
    assert.ok(known.knows(blobId(1)))
    await clock.advance(20_000)
    assert.deepEqual(asked, [])
    // which says so until the chain has heard of all
    assert.ok(known.isMute())
    known.found(accusation(2))
    known.told(blobId(1))
    assert.ok(known.isMute())
    known.told(blobId(2))
    assert.ok(!known.isMute())
  })
})
