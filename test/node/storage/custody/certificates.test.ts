import assert from 'node:assert/strict'
import { systemClock } from '../../../../base/clock.ts'
import { silentLog } from '../../../../base/log.ts'
import type { Committees } from '../../../../chain/types/index.ts'
import { aggregateConfirmations, type Bls, confirmationMessage } from '../../../../codec/index.ts'
import { loadBls } from '../../../../codec/node.ts'
import type { Certificate, Epoch, ObjectId, Persistence } from '../../../../codec/types.ts'
import {
  type CertificateService,
  createCertificateService,
} from '../../../../node/storage/custody/certificates.ts'
import type { BlobState } from '../../../../node/storage/store/blob-state.ts'
import { CERTIFICATES } from '../../../../protocols/index.ts'
import { fakeCommittee } from '../../../support/fake-peers.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'

const N = 10
const EPOCH = 1 as Epoch

describe('certificates', () => {
  const committee = fakeCommittee(4, N)
  const secrets: Uint8Array[] = []
  const blobId = anyBlobId()
  const context = { peer: 'client', account: '192.0.2.1', signal: new AbortController().signal }
  let bls: Bls
  let verified: number
  let states: BlobState | undefined
  let appears: () => BlobState | undefined | Promise<BlobState | undefined>
  let committees: Committees
  let service: CertificateService
  let heard: Certificate[]
  let refused: Record<string, number>

  before(async () => {
    bls = await loadBls()
    for (const member of committee.members) {
      secrets.push(bls.generateSecret())
      member.blsPublicKey = bls.publicKey(secrets[member.index]!)
    }
  })
  beforeEach(() => {
    verified = 0
    heard = []
    states = state('1', false)
    appears = () => states
    committees = { epoch: EPOCH, current: committee } as Committees
    service = createCertificateService({
      bls: {
        verifyAggregate(...args: Parameters<Bls['verifyAggregate']>) {
          verified++
          return bls.verifyAggregate(...args)
        },
      } as Bls,
      committees: { get: async () => committees, latest: () => undefined },
      blobs: { get: async () => states, waitFor: async () => appears() },
      log: silentLog(),
      clock: systemClock,
      refusals: {
        refused(where, reason) {
          const key = `${where}.${reason}`
          refused[key] = (refused[key] ?? 0) + 1
        },
      },
    })
    refused = {}
    service.onCertificate(certificate => heard.push(certificate))
  })

  const objectId = (digit: string) => `0x${digit.repeat(64)}` as ObjectId
  const state = (digit: string, certified: boolean): BlobState => ({
    registrations: [{ objectId: objectId(digit), deletable: true, certified, endEpoch: 9 as Epoch }],
  })
  const certificateOf = (epoch = EPOCH, { members } = committee, keys = secrets): Certificate => {
    const persistence: Persistence = { kind: 'deletable', objectId: objectId('1') }
    const message = confirmationMessage({ epoch, blobId, persistence })
    const { certificate } = aggregateConfirmations({
      bls,
      message,
      epoch,
      nShards: N,
      members: members.map(({ blsPublicKey, shards }) => ({
        publicKey: blsPublicKey,
        weight: shards.length,
      })),
      signatures: new Map(keys.map((secret, i) => [i, bls.sign(secret, message)])),
    })
    assert.ok(certificate)
    return certificate
  }
  const forged = (): Certificate => ({ ...certificateOf(), signature: new Uint8Array(96) })

  it('passes on what a client hands over once, and verifies it once', async () => {
    for (let i = 0; i < 3; i++) await service.certified(certificateOf(), context)
    assert.equal(heard.length, 1)
    assert.equal(verified, 1)
  })

  it('42 verifies by the keys of their epoch what members signed before and after a change in which one has another key', async () => {
    const renewed = bls.generateSecret()
    const [first, ...others] = committee.members
    const members = [{ ...first!, blsPublicKey: bls.publicKey(renewed) }, ...others]
    const second = { ...committee, epoch: 2 as Epoch, members }
    committees = { epoch: 2 as Epoch, previous: committee, current: second } as unknown as Committees
    const before = certificateOf()
    const after = certificateOf(2 as Epoch, second, [renewed, ...secrets.slice(1)])
    for (const certificate of [before, after]) assert.equal(await service.check(certificate, {}), blobId)
    await service.certified(after, context)
    assert.deepEqual(heard, [after])
    // the former key is worth nothing in the epoch after it
    const mixed = certificateOf(2 as Epoch, committee, secrets)
    await assert.rejects(service.check(mixed, {}), { code: 'CERTIFICATE_INVALID' })
  })

  it('passes on no forged certificate', async () => {
    await assert.rejects(service.certified(forged(), context), { code: 'CERTIFICATE_INVALID' })
    await service.certified(certificateOf(), context)
    assert.deepEqual(heard, [certificateOf()])
  })

  it('looks at no signature of a client when the chain says the same already, or knows of no such blob', async () => {
    states = state('1', true)
    await service.certified(forged(), context)
    states = undefined
    await assert.rejects(service.certified(certificateOf(), context), { code: 'BLOB_GONE' })
    states = { ...state('1', false), invalid: true }
    await assert.rejects(service.certified(certificateOf(), context), { code: 'BLOB_INVALID' })
    assert.equal(verified, 0)
    assert.deepEqual(heard, [])
  })

  it('waits for the registration before it looks at the signature', async () => {
    const registration = Promise.withResolvers<BlobState>()
    states = undefined
    appears = () => registration.promise
    const handed = service.certified(certificateOf(), context)
    registration.resolve(state('1', false))
    await handed
    assert.equal(heard.length, 1)
  })

  it('lets few wait for the chain, of one account and of all', async () => {
    const registration = Promise.withResolvers<BlobState>()
    states = undefined
    appears = () => registration.promise
    const { waiting, waitingPerAccount } = CERTIFICATES
    const bad = forged()
    const of = (account: string) => service.certified(bad, { ...context, account })
    const ends: Promise<unknown>[] = []
    for (let i = 0; i < waiting / waitingPerAccount; i++) {
      const account = `192.0.2.${i}`
      for (let j = 0; j < waitingPerAccount; j++) ends.push(of(account).catch(() => undefined))
      await assert.rejects(of(account), { code: 'BUSY' })
    }
    await assert.rejects(of('192.0.2.200'), { code: 'BUSY' })
    registration.resolve(state('1', true))
    await Promise.all(ends)
    await of('192.0.2.200')
    assert.equal(verified, 0)
  })

  it('spends a few checks on an address that sends forged ones, whatever PeerIds it makes, and others go on', async () => {
    const tries = 100
    const bad = forged()
    const codes: Record<string, number> = {}
    for (let i = 0; i < tries; i++) {
      const code = await service.certified(bad, { ...context, peer: `peer ${i}` }).catch(({ code }) => code)
      codes[code] = (codes[code] ?? 0) + 1
    }
    const { faultBurst } = CERTIFICATES
    assert.equal(verified, faultBurst)
    assert.deepEqual(codes, { CERTIFICATE_INVALID: faultBurst, BUSY: tries - faultBurst })
    assert.deepEqual(refused, { 'certificates.invalid': faultBurst, 'certificates.busy': tries - faultBurst })
    await service.certified(certificateOf(), { ...context, account: '192.0.2.2' })
    assert.equal(heard.length, 1)
  })

  it('verifies what it hears, whatever the chain says, so that it never passes on what others must refuse', async () => {
    for (const certified of [true, false]) {
      states = state('1', certified)
      await service.check(certificateOf(), {})
      await assert.rejects(service.check(forged(), {}), { code: 'CERTIFICATE_INVALID', blame: true })
    }
    assert.equal(verified, 4)
  })

  it('passes on nothing of a blob that was found to be invalid', async () => {
    states = { ...state('1', true), invalid: true }
    await assert.rejects(service.check(certificateOf(), {}), { code: 'BLOB_INVALID', blame: false })
  })

  it('does not revive a deleted blob, nor for the sake of another registration', async () => {
    states = undefined
    await assert.rejects(service.check(certificateOf(), {}), { code: 'BLOB_GONE' })
    states = state('2', false)
    await assert.rejects(service.check(certificateOf(), {}), { code: 'BLOB_GONE' })
  })

  it('blames nobody for an epoch that it has not seen yet', async () => {
    const next = certificateOf(2 as Epoch)
    await assert.rejects(service.check(next, {}), { code: 'EPOCH_CHANGED', blame: false })
    await assert.rejects(service.check({ ...next, epoch: EPOCH }, {}), { code: 'CERTIFICATE_INVALID' })
  })

  it('blames nobody for an epoch that it does not see any more', async () => {
    const before = certificateOf()
    committees = { epoch: 3 as Epoch, current: { ...committee, epoch: 3 as Epoch } } as Committees
    await assert.rejects(service.check(before, {}), { code: 'EPOCH_CHANGED', blame: false })
    assert.equal(verified, 0)
  })

  it('blames only clients for signatures of a committee whose keys it may not know', async () => {
    const current = { ...committee, epoch: 2 as Epoch }
    committees = { epoch: 2 as Epoch, current, previous: committee } as Committees
    await service.check(certificateOf(), {})
    await assert.rejects(service.check(forged(), {}), { code: 'CERTIFICATE_INVALID', blame: true })
    committees.previous = { ...committee, keysUncertain: true }
    await service.check(certificateOf(), {})
    await assert.rejects(service.check(forged(), {}), { code: 'EPOCH_CHANGED', blame: false })
    await assert.rejects(service.certified(forged(), context), { code: 'CERTIFICATE_INVALID', blame: true })
  })
})
