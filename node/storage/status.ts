import type { NetworkConfig } from '../../chain/types/index.ts'
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
  /** whose beginning this node has heard of last */
  epoch: () => Epoch
  committees: CommitteeTracker
}

/** What a node tells about blobs and about itself. */
export function createStatus(components: StatusComponents): StatusSource {
  const { nodeId, network, metadata, usage, blobs, epoch: heard, committees } = components
  return {
    // by the events alone, so that it is no other than what is handed out
    blobStatus: async blobId => statusOf(await blobs.get(blobId), heard()),
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
