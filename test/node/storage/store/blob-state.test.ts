import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { ChainEvent } from '../../../../chain/types/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../../../codec/types.ts'
import {
  applyBlobEvent,
  type BlobState,
  endEpochOf,
  endedSince,
  isRegistered,
  stateAt,
  statusOf,
} from '../../../../node/storage/store/blob-state.ts'

const blobId = 'A'.repeat(43) as BlobId
const base = {
  cursor: '1',
  digest: 'd',
  eventIndex: 0,
  checkpoint: 1n,
  timestampMs: 1,
  blobId,
}
const e = (epoch: number) => epoch as Epoch
const id = (name: string) => name as ObjectId

const registered = (objectId: string, endEpoch: number, deletable = true): ChainEvent => ({
  ...base,
  type: 'BlobRegistered',
  epoch: e(1),
  size: 1,
  endEpoch: e(endEpoch),
  deletable,
  objectId: id(objectId),
})
const certified = (
  objectId: string,
  endEpoch: number,
  deletable = true,
  epoch = 1,
  isExtension = false,
): ChainEvent => ({
  ...base,
  type: 'BlobCertified',
  epoch: e(epoch),
  endEpoch: e(endEpoch),
  deletable,
  objectId: id(objectId),
  isExtension,
})
const deleted = (objectId: string, epoch = 1): ChainEvent => ({
  ...base,
  type: 'BlobDeleted',
  epoch: e(epoch),
  endEpoch: e(5),
  objectId: id(objectId),
  wasCertified: true,
})
const invalid: ChainEvent = { ...base, type: 'InvalidBlobID', epoch: e(1) }
const stateOf = (...events: ChainEvent[]) => events.reduce<BlobState | undefined>(applyBlobEvent, undefined)

describe('blob state', () => {
  it('tells a size while something is registered, and is the same then whether it was pruned or not', () => {
    const state = stateOf(registered('a', 3))
    assert.equal(stateAt(state, e(2))?.size, 1)
    assert.equal(stateAt(stateOf(registered('a', 3), certified('a', 3)), e(2))?.size, 1)
    const late: ChainEvent = { ...base, type: 'InvalidBlobID', epoch: e(4) }
    assert.deepEqual(stateAt(applyBlobEvent(state, late), e(4)), stateAt(stateOf(late), e(4)))
    const deletedAndInvalid = stateOf(registered('a', 5), deleted('a'), invalid)
    assert.equal(stateAt(deletedAndInvalid, e(1))?.size, undefined)
    assert.equal(applyBlobEvent(stateOf(late), registered('b', 9)).size, 1)
    const { size: _, ...ofEarlier } = state!
    assert.equal(applyBlobEvent(ofEarlier, registered('a', 3)).size, 1)
  })

  it('confirms a deletable blob only for exactly that registered object', () => {
    const state = stateOf(registered('0xa', 3), registered('0xb', 5, false))
    const deletable = (objectId: string) => ({ kind: 'deletable' as const, objectId: id(objectId) })
    assert.equal(isRegistered(state, deletable('0xa'), e(2)), true)
    assert.equal(isRegistered(state, deletable('0xa'), e(3)), false, 'expired')
    assert.equal(isRegistered(state, deletable('0xb'), e(2)), false, 'permanent')
    assert.equal(isRegistered(state, deletable('0xc'), e(2)), false, 'unknown')
    assert.equal(
      isRegistered(stateOf(registered('0xa', 3), deleted('0xa')), deletable('0xa'), e(2)),
      false,
      'deleted',
    )
    assert.equal(isRegistered(undefined, deletable('0xa'), e(1)), false)
  })

  it('confirms a permanent blob while some permanent registration holds', () => {
    assert.equal(isRegistered(stateOf(registered('0xa', 3)), { kind: 'permanent' }, e(1)), false)
    const state = stateOf(registered('0xa', 3, false))
    assert.equal(isRegistered(state, { kind: 'permanent' }, e(2)), true)
    assert.equal(isRegistered(state, { kind: 'permanent' }, e(3)), false)
  })

  it('tells the status', () => {
    assert.deepEqual(statusOf(undefined, e(1)), { kind: 'nonexistent' })
    assert.deepEqual(statusOf(stateOf(registered('0xa', 3)), e(1)), {
      kind: 'known',
      certified: false,
      endEpoch: 3,
      deletable: true,
    })
    const both = stateOf(
      registered('0xa', 9),
      certified('0xa', 9),
      registered('0xb', 4, false),
      certified('0xb', 4, false, 2),
    )
    assert.deepEqual(statusOf(both, e(2)), {
      kind: 'known',
      certified: true,
      initialCertifiedEpoch: 1,
      endEpoch: 4,
      deletable: false,
      event: { txDigest: 'd', eventSeq: 0 },
    })
    assert.deepEqual(statusOf(both, e(4)), {
      kind: 'known',
      certified: true,
      initialCertifiedEpoch: 1,
      endEpoch: 9,
      deletable: true,
    })
    assert.deepEqual(statusOf(both, e(9)), { kind: 'ended', endEpoch: 9 })
    // only what was certified once was ever stored
    assert.deepEqual(statusOf(stateOf(registered('0xa', 3)), e(3)), { kind: 'nonexistent' })
    const gone = stateOf(registered('0xa', 3), certified('0xa', 3), deleted('0xa'))
    assert.deepEqual(statusOf(gone, e(2)), { kind: 'ended', endEpoch: 1 })
    assert.equal(statusOf(applyBlobEvent(gone, registered('0xb', 7)), e(2)).kind, 'known')
    // another object of it lives on
    assert.equal(statusOf(applyBlobEvent(both, deleted('0xb')), e(2)).kind, 'known')
    assert.deepEqual(statusOf(stateOf(certified('0xa', 3), invalid), e(1)), { kind: 'invalid' })
    const extended = stateOf(certified('0xa', 3), certified('0xa', 7, true, 2, true))
    assert.deepEqual(statusOf(extended, e(5)), {
      kind: 'known',
      certified: true,
      initialCertifiedEpoch: 1,
      endEpoch: 7,
      deletable: true,
    })
  })

  it('that was dropped lives until its new end when it is registered again', () => {
    const dropped: BlobState = { registrations: [], ended: e(3), dropped: true }
    assert.equal(endEpochOf(dropped), 5)
    assert.equal(endEpochOf(applyBlobEvent(dropped, registered('0xb', 9))), 9)
  })

  it('goes on alike whether a record that had ended was pruned or not', () => {
    const again = certified('0xb', 9, true, 5)
    const kept = stateOf(certified('0xa', 4), again)
    assert.deepEqual(kept, applyBlobEvent(undefined, again))
    assert.equal(kept?.initialCertifiedEpoch, 5)
    // what was certified first while another registration held counts on
    assert.equal(stateOf(certified('0xa', 6), again)?.initialCertifiedEpoch, 1)
  })

  it('is certified since the same epoch when the chain is read again from the beginning', () => {
    const again = (events: ChainEvent[]) => {
      const once = stateOf(...events)
      const twice = events.reduce<BlobState | undefined>(applyBlobEvent, once)
      return [once, twice].map(state => state?.initialCertifiedEpoch)
    }
    const [first, second] = [registered('0xa', 9), certified('0xa', 9)]
    const later = certified('0xb', 9, true, 5)
    assert.deepEqual(again([first, second, deleted('0xa'), later]), [5, 5])
    assert.deepEqual(again([first, second, later, deleted('0xa')]), [1, 1])
    // two that were certified anew, once nothing was certified any more
    const another = certified('0xc', 9, true, 5)
    assert.deepEqual(again([first, second, deleted('0xa'), later, another]), [5, 5])
  })

  it('is the same in every part when any history of a chain is read again', () => {
    const step = fc.record({
      object: fc.nat({ max: 3 }),
      what: fc.constantFrom('store', 'certify', 'extend', 'delete'),
      epochs: fc.nat({ max: 2 }),
      lifetime: fc.integer({ min: 1, max: 4 }),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), steps => {
        const objects = new Map<number, { name: string; end: number; isCertified: boolean }>()
        const events: ChainEvent[] = []
        let epoch = 1
        for (const [i, { object, what, epochs, lifetime }] of steps.entries()) {
          epoch += epochs
          for (const [key, { end }] of objects) if (end <= epoch) objects.delete(key)
          const one = objects.get(object)
          if (one === undefined) {
            if (what !== 'store') continue
            const end = epoch + lifetime
            objects.set(object, { name: `0x${i}`, end, isCertified: false })
            events.push({ ...registered(`0x${i}`, end), epoch: e(epoch) } as ChainEvent)
          } else if (what === 'certify' && !one.isCertified) {
            one.isCertified = true
            events.push(certified(one.name, one.end, true, epoch))
          } else if (what === 'extend' && one.isCertified) {
            one.end += lifetime
            events.push(certified(one.name, one.end, true, epoch, true))
          } else if (what === 'delete' && one.isCertified) {
            objects.delete(object)
            events.push(deleted(one.name, epoch))
          }
        }
        const once = stateOf(...events)
        const twice = events.reduce<BlobState | undefined>(applyBlobEvent, once)
        const told = (state: BlobState | undefined) => {
          const live = stateAt(state, e(epoch))
          const byName = live?.registrations.toSorted((a, b) => (a.objectId < b.objectId ? -1 : 1))
          return { ...live, registrations: byName, ended: endedSince(state, e(epoch)) }
        }
        assert.deepEqual(told(twice), told(once))
      }),
    )
  })

  it('stays the same when the last event comes again', () => {
    const object = fc.constantFrom('0xa', '0xb', '0xc')
    const event = fc.oneof(
      fc.tuple(object, fc.integer({ min: 2, max: 9 })).map(([o, end]) => registered(o, end)),
      fc.tuple(object, fc.integer({ min: 2, max: 9 })).map(([o, end]) => certified(o, end)),
      object.map(deleted),
      fc.constant(invalid),
    )
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 12 }), events => {
        const once = stateOf(...events)
        assert.deepEqual(statusOf(applyBlobEvent(once, events.at(-1)!), e(1)), statusOf(once, e(1)))
      }),
    )
  })
})
