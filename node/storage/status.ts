import type { NetworkConfig } from '../../chain/types.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import type { NodeInfo, StatusSource } from '../../protocols/ports.ts'
import { type CommitteeTracker, memberOf } from '../network/committees.ts'
import { version } from '../version.ts'
import type { BlobInfo } from './events/blob-info.ts'
import { statusOf } from './store/blob-state.ts'
import type { MetadataStore } from './store/metadata-store.ts'
import type { NodeStore } from './store/node-store.ts'

export interface StatusComponents {
  nodeId: ObjectId
  network: NetworkConfig
  metadata: MetadataStore
  usage: NodeStore['usage']
  blobs: Pick<BlobInfo, 'get'>
  committees: CommitteeTracker
}

/** What a node tells about blobs and about itself. */
export function createStatus(components: StatusComponents): StatusSource {
  const { nodeId, network, metadata, usage, blobs, committees } = components
  return {
    async blobStatus(blobId, options) {
      const { epoch } = await committees.get(options)
      return statusOf(await blobs.get(blobId), epoch)
    },
    metadata: blobId => metadata.get(blobId),
    async nodeInfo(): Promise<NodeInfo> {
      const { epoch, current } = await committees.get()
      const stored = usage()
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
