import type { NetworkConfig } from '../../chain/types.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import type { NodeInfo, StatusSource } from '../../protocols/ports.ts'
import { statusOf } from '../store/blob-state.ts'
import type { FileSliverStore } from '../store/file-sliver-store.ts'
import type { MetadataStore } from '../store/metadata-store.ts'
import { version } from '../version.ts'
import type { BlobInfo } from './blob-info.ts'
import { type CommitteeTracker, memberOf } from './committees.ts'

export interface StatusComponents {
  nodeId: ObjectId
  network: NetworkConfig
  metadata: MetadataStore
  usage: FileSliverStore['usage']
  blobs: Pick<BlobInfo, 'get'>
  committees: CommitteeTracker
}

/** Counting goes through the whole index, so a burst of questions shares one count. */
const USAGE_TTL_MS = 5_000

/** What a node tells about blobs and about itself. */
export function createStatus(components: StatusComponents): StatusSource {
  const { nodeId, network, metadata, usage, blobs, committees } = components
  let counted: { at: number; value: Promise<{ blobs: number; bytes: number }> } | undefined

  async function count(): Promise<{ blobs: number; bytes: number }> {
    const { bytes } = await usage()
    let stored = 0
    for await (const _ of metadata.list()) stored++
    return { blobs: stored, bytes }
  }

  return {
    async blobStatus(blobId, options) {
      const { epoch } = await committees.get(options)
      return statusOf(await blobs.get(blobId), epoch)
    },
    metadata: blobId => metadata.get(blobId),
    async nodeInfo(): Promise<NodeInfo> {
      const { epoch, current } = await committees.get()
      if (counted === undefined || performance.now() - counted.at > USAGE_TTL_MS) {
        counted = { at: performance.now(), value: count() }
        counted.value.catch(() => {
          counted = undefined
        })
      }
      const stored = await counted.value
      return {
        nodeId,
        network: network.systemObjectId,
        version,
        epoch: epoch as Epoch,
        shards: memberOf(current, nodeId)?.shards ?? [],
        storedBlobs: stored.blobs,
        storedBytes: stored.bytes,
      }
    },
  }
}
