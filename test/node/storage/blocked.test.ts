import assert from 'node:assert/strict'
import { withoutBlocked } from '../../../node/storage/blocked.ts'
import { blobId, EPOCH, fakeNode, metadataOf, primary, sliverBytes } from '../../protocols/support/fakes.ts'

describe('blocked blobs', () => {
  const [blocked, other] = [metadataOf(blobId(1), 1000), metadataOf(blobId(2), 1000)]
  const context = { peer: 'client', signal: new AbortController().signal }
  const header = (metadata: typeof blocked) => ({
    metadata,
    persistence: { kind: 'permanent' as const },
    registerDigest: '',
  })

  it('are neither handed out nor taken in, and others are', async () => {
    const node = fakeNode()
    for (const metadata of [blocked, other]) {
      await node.slivers.put(metadata.blobId, primary(0), sliverBytes(metadata, primary(0)))
      await (await node.custody.open(header(metadata), context)).confirm()
    }
    const { custody, slivers, status } = withoutBlocked(node, id => id === blocked.blobId)
    for (const [{ blobId: id }, shown] of [
      [blocked, false],
      [other, true],
    ] as const) {
      assert.equal((await slivers.get(id, primary(0))) !== undefined, shown)
      assert.equal((await slivers.open(id, primary(0))) !== undefined, shown)
      assert.equal(await slivers.has(id, primary(0)), shown)
      assert.equal((await status.metadata(id)) !== undefined, shown)
      // the chain's word is no secret
      assert.equal((await status.blobStatus(id)).kind, 'known')
    }
    await assert.rejects(custody.open(header(blocked), context), { code: 'BLOCKED', blame: false })
    assert.equal((await custody.open(header(other), context)).epoch, EPOCH)
  })
})
