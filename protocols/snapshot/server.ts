import { ProtocolError } from '../errors.ts'
import type { SnapshotSource } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { SnapshotAnswer, SnapshotRequest } from './messages.ts'

export function snapshotHandler(snapshots: SnapshotSource): RequestHandler {
  return async (bytes, served) => {
    const { digest, page: number } = SnapshotRequest.decode(bytes)
    const { signal, quota } = served
    served.note({ page: number })
    const release = await quota.piece(signal)
    try {
      const page = await snapshots.page(digest, number)
      if (page === undefined) throw new ProtocolError('NO_SNAPSHOT')
      served.expect('out', page.rows.length)
      await quota.pace(page.rows.length, signal)
      await respond(served, SnapshotAnswer, page)
      served.moved('out', page.rows.length)
    } finally {
      release()
    }
  }
}
