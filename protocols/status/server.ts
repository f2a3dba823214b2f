import type { CertificateSink, StatusSource } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/exchange.ts'
import { BlobStatusReply, CertifiedReply, MetadataReply, NodeInfoReply, StatusRequest } from './messages.ts'

export function statusHandler(status: StatusSource, certificates: CertificateSink): RequestHandler {
  return async (bytes, exchange) => {
    const { peer, account, signal } = exchange
    const query = StatusRequest.decode(bytes)
    if ('BlobStatus' in query) {
      exchange.note({ query: 'blobStatus', blobId: query.BlobStatus })
      await respond(exchange, BlobStatusReply, await status.blobStatus(query.BlobStatus, { signal }))
    } else if ('Metadata' in query) {
      exchange.note({ query: 'metadata', blobId: query.Metadata })
      const metadata = (await status.metadata(query.Metadata, { signal })) ?? null
      // the one answer here that is large beside its question
      if (metadata !== null) await exchange.quota.pace(metadata.hashes.length, signal)
      await respond(exchange, MetadataReply, { metadata })
    } else if ('Certified' in query) {
      exchange.note({ query: 'certified' })
      await certificates.certified(query.Certified, { peer, account, signal })
      await respond(exchange, CertifiedReply, true)
    } else {
      exchange.note({ query: 'nodeInfo' })
      await respond(exchange, NodeInfoReply, await status.nodeInfo())
    }
  }
}
