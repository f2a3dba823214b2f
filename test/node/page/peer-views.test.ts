import assert from 'node:assert/strict'
import type { BlobId } from '../../../codec/types.ts'
import { createPeerViews } from '../../../node/page/peer-views.ts'

describe("peers' parts in a read", () => {
  const blobId = 'x' as BlobId
  const of = { name: 'node', path: 'ws' }

  it('count what was asked and given, and say who came in later', () => {
    let now = 0
    const views = createPeerViews(() => now)
    views.heard({ peerId: 'a', blobId, kind: 'asked', slivers: 3 }, of)
    views.heard({ peerId: 'a', blobId, kind: 'answered', bytes: 10 }, of)
    views.heard({ peerId: 'a', blobId, kind: 'answered', bytes: 0 }, of)
    now = 1_000
    const later = views.heard({ peerId: 'b', blobId, kind: 'asked', slivers: 1 }, of)
    const a = views.heard({ peerId: 'a', blobId, kind: 'over', problem: 'TIMEOUT' }, of)
    assert.deepEqual([later.isHedge, a.isHedge], [true, false])
    assert.deepEqual(
      [a.askedSlivers, a.answeredSlivers, a.bytes, a.state, a.problem],
      [3, 1, 10, 'failed', 'TIMEOUT'],
    )
    // who has given all is done, whatever the reader did then
    views.heard({ peerId: 'b', blobId, kind: 'answered', bytes: 1 }, of)
    assert.equal(views.heard({ peerId: 'b', blobId, kind: 'over', problem: 'left' }, of).state, 'answered')
  })

  it('name a liar once', () => {
    const views = createPeerViews(() => 0)
    views.heard({ peerId: 'a', blobId, kind: 'asked', slivers: 1 }, of)
    assert.deepEqual(
      views.lied(['a', 'stranger']).map(({ peerId, isLiar }) => [peerId, isLiar]),
      [['a', true]],
    )
    assert.deepEqual(views.lied(['a']), [])
  })
})
