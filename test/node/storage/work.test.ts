import assert from 'node:assert/strict'
import { createMetrics } from '../../../node/metrics.ts'
import { memorySliverStore } from '../../../node/storage/store/memory-sliver-store.ts'
import { countingPuts, countingReads, createWorkCounter } from '../../../node/storage/work.ts'
import { anyBlobId, ref } from '../../support/sliver-store-suite.ts'

describe('what a node counts of its work', () => {
  it('is what others bring once it is stored, and what is opened to be sent', async () => {
    const metrics = createMetrics({ version: 'test' })
    const work = createWorkCounter(metrics.node('one'))
    const store = memorySliverStore()
    const blobId = anyBlobId()
    const slivers = [0, 1].map(pair => ({ blobId, ref: ref(pair), bytes: new Uint8Array(10 + pair) }))
    const failing = { ...countingPuts(store, work, 'synced') }
    await assert.rejects(failing.putMany(slivers, { signal: AbortSignal.abort(new Error('enough')) }))
    assert.deepEqual(work.view().synced, { slivers: 0, bytes: 0 })
    await countingPuts(store, work, 'synced').putMany(slivers)
    await countingPuts(store, work, 'recovered').putMany(slivers.slice(1))
    const shown = countingReads(store, work)
    await shown.open(blobId, ref(1))
    await shown.open(blobId, ref(7))
    await shown.get(blobId, ref(1))
    assert.deepEqual(work.view(), {
      recovered: { slivers: 1, bytes: 11 },
      synced: { slivers: 2, bytes: 21 },
      served: { slivers: 1, bytes: 11 },
      scrubbed: { slivers: 0, bytes: 0 },
    })
    const text = await metrics.text()
    for (const line of [
      'floe_recovered_slivers_total{node="one"} 1',
      'floe_recovered_bytes_total{node="one"} 11',
      'floe_synced_slivers_total{node="one"} 2',
      'floe_served_bytes_total{node="one"} 11',
    ])
      assert.ok(text.includes(line), line)
  })

  it('tells peers that are backing off while the node runs', async () => {
    const metrics = createMetrics({ version: 'test' })
    let count = 2
    const first = metrics.node('one').watchPeers(() => count)
    assert.match(await metrics.text(), /floe_peers_backing_off\{node="one"\} 2/)
    count = 3
    assert.match(await metrics.text(), /floe_peers_backing_off\{node="one"\} 3/)
    // one that was started anew under the same name
    const second = metrics.node('one').watchPeers(() => 7)
    first()
    assert.match(await metrics.text(), /floe_peers_backing_off\{node="one"\} 7/)
    second()
    assert.doesNotMatch(await metrics.text(), /floe_peers_backing_off\{/)
  })
})
