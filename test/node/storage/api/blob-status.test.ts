import assert from 'node:assert/strict'
import type { Epoch, ObjectId } from '../../../../codec/types.ts'
import { blobStatusJson } from '../../../../node/storage/api/routes/status.ts'
import type { BlobRegistration, BlobState } from '../../../../node/storage/store/blob-state.ts'

const e = (epoch: number) => epoch as Epoch
const registration = (of: Partial<BlobRegistration>): BlobRegistration => ({
  objectId: '0x1' as ObjectId,
  deletable: true,
  certified: false,
  endEpoch: e(5),
  event: { txDigest: 'digest', eventSeq: 2 },
  ...of,
})
const statusOf = (registrations: BlobRegistration[], more: Partial<BlobState> = {}) =>
  blobStatusJson({ registrations, ...more }, e(3))
const counts = (total: number, certified: number) => ({
  count_deletable_total: total,
  count_deletable_certified: certified,
})

describe("a blob's status as Walrus's clients parse it", () => {
  it('is nonexistent without a live registration', () => {
    assert.equal(blobStatusJson(undefined, e(3)), 'nonexistent')
    assert.equal(statusOf([registration({ endEpoch: e(3) })]), 'nonexistent')
  })

  it('counts deletable objects', () => {
    const objects = [registration({}), registration({ certified: true }), registration({ endEpoch: e(2) })]
    assert.deepEqual(statusOf(objects, { initialCertifiedEpoch: e(2) }), {
      deletable: { deletableCounts: counts(2, 1), initialCertifiedEpoch: 2 },
    })
    assert.deepEqual(statusOf([registration({})]), {
      deletable: { deletableCounts: counts(1, 0), initialCertifiedEpoch: null },
    })
  })

  it('tells of the permanent object that says most: certified before longer', () => {
    const event = { txDigest: 'certified', eventSeq: 1 }
    const objects = [
      registration({ deletable: false, endEpoch: e(9) }),
      registration({ deletable: false, certified: true, endEpoch: e(6), event }),
      registration({ deletable: false, certified: true, endEpoch: e(5) }),
      registration({}),
    ]
    assert.deepEqual(statusOf(objects, { initialCertifiedEpoch: e(1) }), {
      permanent: {
        deletableCounts: counts(1, 0),
        initialCertifiedEpoch: 1,
        endEpoch: 6,
        isCertified: true,
        statusEvent: { txDigest: 'certified', eventSeq: '1' },
      },
    })
  })

  it('is invalid before anything else; records of earlier versions have no event', () => {
    assert.deepEqual(statusOf([registration({})], { invalid: true }), {
      invalid: { event: { txDigest: '', eventSeq: '0' } },
    })
  })
})
