import type { CertificateSink, SnapshotSource, StatusSource } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import {
  BlobStatusReply,
  CertifiedReply,
  MetadataReply,
  NodeInfoReply,
  SnapshotsReply,
  StatusRequest,
} from './messages.ts'

export function statusHandler(
  status: StatusSource,
  certificates: CertificateSink,
  snapshots: SnapshotSource,
): RequestHandler {
  return async (bytes, served) => {
    const { peer, account, signal } = served
    const query = StatusRequest.decode(bytes)
    if ('BlobStatus' in query) {
      served.note({ query: 'blobStatus', blobId: query.BlobStatus })
      await respond(served, BlobStatusReply, await status.blobStatus(query.BlobStatus, { signal }))
    } else if ('Metadata' in query) {
      served.note({ query: 'metadata', blobId: query.Metadata })
      const metadata = (await status.metadata(query.Metadata, { signal })) ?? null
      // the one answer here that is large beside its question
      if (metadata !== null) {
        served.expect('out', metadata.hashes.length)
        await served.quota.pace(metadata.hashes.length, signal)
      }
      await respond(served, MetadataReply, { metadata })
    } else if ('Certified' in query) {
      served.note({ query: 'certified' })
      await certificates.certified(query.Certified, { peer, account, signal })
      await respond(served, CertifiedReply, true)
    } else if ('Snapshots' in query) {
      served.note({ query: 'snapshots' })
      await respond(served, SnapshotsReply, snapshots.heads())
    } else {
      served.note({ query: 'nodeInfo' })
      await respond(served, NodeInfoReply, await status.nodeInfo())
    }
  }
}
