import assert from 'node:assert/strict'
import type { BlobObject } from '../../../chain/types/index.ts'
import { parseBlobId, parseObjectId } from '../../../codec/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import { keptBy } from '../../../node/cli/blobs/blobs.ts'
import type { NetworkBlobStatus } from '../../../node/client/types.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const blobId = parseBlobId('A'.repeat(43))
const epoch = 5 as Epoch

function object(id: string, endEpoch: number, certified = true): BlobObject {
  return {
    objectId: parseObjectId(id),
    blobId,
    certifiedEpoch: certified ? (1 as Epoch) : undefined,
    storage: { endEpoch: endEpoch as Epoch },
  } as BlobObject
}

const gone = object('0x1', 9)
const { signal } = new AbortController()
const clock = new VirtualClock()
const waiting = { clock, signal }

/** Nodes that say one status after the other, the last one for ever. */
function nodes(...told: NetworkBlobStatus['status'][]) {
  const asked = { times: 0 }
  return {
    asked,
    async status(): Promise<NetworkBlobStatus> {
      const status = told[Math.min(asked.times++, told.length - 1)]!
      return { blobId, status, endEpoch: 7 as Epoch, answeredShards: 100, nShards: 100 }
    },
  }
}

describe('a blob of which one object was deleted', () => {
  it('is kept by the own object that lasts longest, and nobody is asked', async () => {
    const own = [object('0x2', 7), object('0x3', 8), object('0x4', 20, false), object('0x5', 5)]
    const silent = nodes('certified')
    const kept = await keptBy(gone, own, epoch, silent, waiting)
    assert.deepEqual([kept, silent.asked.times], [{ until: 8, by: parseObjectId('0x3') }, 0])
  })

  it('is gone once the nodes have heard of it', async () => {
    const heard = keptBy(gone, [gone], epoch, nodes('certified', 'nonexistent'), waiting)
    await clock.advance(100)
    assert.equal(await heard, undefined)
    assert.equal(await keptBy(gone, [], epoch, nodes('registered'), waiting), undefined)
    assert.equal(await keptBy(gone, [], epoch, undefined, waiting), undefined)
  })

  it('is kept by somebody else when the nodes go on saying so', async () => {
    const endless = nodes('certified')
    const kept = keptBy(gone, [], epoch, endless, waiting)
    await clock.advance(2_000)
    assert.deepEqual(await kept, { until: 7 })
    assert.equal(endless.asked.times, 20)
    assert.equal(clock.waiting, 0)
  })

  it('is not waited for when the command is interrupted, or no node answers', async () => {
    const interrupted = new AbortController()
    const endless = nodes('certified')
    const stopped = keptBy(gone, [], epoch, endless, { clock, signal: interrupted.signal })
    interrupted.abort(new Error('interrupted'))
    await assert.rejects(stopped, /interrupted/)
    const broken = { status: () => Promise.reject(new Error('too few shards')) }
    assert.equal(await keptBy(gone, [], epoch, broken, waiting), undefined)
  })
})
