import { concatBytes } from '../../base/bytes.ts'
import type { RecoverySource } from '../ports.ts'
import { type RequestHandler, respond } from '../rpc/served-request.ts'
import { writeBody } from '../stream/body.ts'
import { RecoverAnswer, RecoverRequest } from './messages.ts'

export function recoverHandler(recovery: RecoverySource): RequestHandler {
  return async (bytes, served) => {
    const query = RecoverRequest.decode(bytes)
    const { peer, signal, quota, channel, spec } = served
    const { axis, epoch, proofs } = query
    const count = 'Ids' in query.blobs ? query.blobs.Ids.length : query.blobs.Prefixes.length
    served.note({ axis, epoch, proofs, blobs: count, targets: query.targets.length })
    const { blobs, symbols } = await recovery.open(query, { peer, signal, quota })
    await respond(served, RecoverAnswer, { Blobs: blobs })
    const pace = (length: number): Promise<void> => quota.pace(length, signal)
    for await (const cells of symbols()) {
      served.expect(
        'out',
        cells.reduce((sum, cell) => sum + (cell?.length ?? 0), 0),
      )
      await respond(served, RecoverAnswer, { Symbols: cells.map(cell => cell !== undefined) })
      const there = cells.filter(cell => cell !== undefined)
      // those of small blobs are a few bytes each
      const body = there.length === 1 ? there[0]! : concatBytes(...there)
      await writeBody(channel.writer, body, { signal, timeoutMs: spec.chunkTimeoutMs, pace })
      served.moved('out', body.length)
    }
  }
}
