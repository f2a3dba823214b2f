import assert from 'node:assert/strict'
import type { BlobMetadata } from '../../../../codec/types.ts'
import { createMetadataCache } from '../../../../node/client/download/metadata-cache.ts'
import { anyBlobId } from '../../../support/sliver-store-suite.ts'

describe('metadata cache', () => {
  const metadata = (bytes: number): BlobMetadata => ({
    blobId: anyBlobId(),
    encodingType: 'RS2',
    unencodedLength: 1,
    nShards: bytes / 64,
    hashes: new Uint8Array(bytes),
  })

  it('forgets after a while, on demand, and the oldest when full', () => {
    let time = 0
    const cache = createMetadataCache({ monotonic: () => time })
    const one = metadata(64)
    cache.put(one)
    assert.equal(cache.get(one.blobId), one)
    cache.delete(one.blobId)
    assert.equal(cache.get(one.blobId), undefined)
    cache.put(one)
    time = 10_001
    assert.equal(cache.get(one.blobId), undefined)

    const large = Array.from({ length: 5 }, () => metadata(2 * 1024 * 1024))
    for (const each of large) cache.put(each)
    assert.equal(cache.get(large[0]!.blobId), undefined)
    assert.equal(cache.get(large[1]!.blobId), large[1])
    assert.equal(cache.get(large[4]!.blobId), large[4])
  })
})
