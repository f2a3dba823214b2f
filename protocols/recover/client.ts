import { ProtocolError } from '../errors.ts'
import type { AbortOptions } from '../ports.ts'
import type { ClientStream } from '../rpc/client-stream.ts'
import type { PeerAddress } from '../rpc/dial.ts'
import { beginRequest } from '../rpc/request.ts'
import type { StreamPool } from '../rpc/stream-pool.ts'
import { LARGEST_SYMBOL_BYTES, SPECS } from '../specs.ts'
import { passOverBody, readBody } from '../stream/body.ts'
import { RecoverAnswer, type RecoverQuery, RecoverRequest, type RecoverStatus } from './messages.ts'

export interface RecoverOptions extends AbortOptions {
  /** bytes that a symbol of each blob of the request has, by the blob's metadata */
  symbolSizes: readonly number[]
  /** bytes of a Merkle path; 0 without proofs */
  pathBytes: number
}

/** What one source has at its crossings with the targets, as the node sent it: of the right length, not verified. */
export interface RecoveredSymbols {
  /** position in the request */
  blob: number
  /** position in the request's sources */
  source: number
  /** for each target, in their order, its symbol, and its path where proofs were asked for */
  data: Uint8Array
}

const spec = SPECS.recover

/**
 * Symbols of a node's slivers, source by source; the node waits while the consumer does. What it returns at last tells how it
 * stood with each blob; one whose prefix means a blob of other symbols to the node is `ambiguous`. Throws ProtocolError:
 * VIOLATION for what was not asked for or has a wrong size; or the signal's reason.
 */
export async function* recoverSymbols(
  pool: StreamPool,
  peer: PeerAddress,
  query: RecoverQuery,
  options: RecoverOptions,
): AsyncGenerator<RecoveredSymbols, readonly RecoverStatus[]> {
  const { signal, symbolSizes } = options
  const limits = { signal, timeoutMs: spec.responseTimeoutMs }
  const { lease, first } = await beginRequest(pool, peer, signal, async stream => {
    await stream.send(RecoverRequest, query, { signal, timeoutMs: spec.chunkTimeoutMs })
    return stream.receive(RecoverAnswer, limits)
  })
  let failure: unknown = new ProtocolError('CLOSED')
  let complete = false
  try {
    if (!('Blobs' in first) || first.Blobs.length !== symbolSizes.length) throw new ProtocolError('VIOLATION')
    const blobs = expectSizes(first.Blobs, query, symbolSizes)
    const found = [...first.Blobs.keys()].filter(i => first.Blobs[i]!.status === 'found')
    const total = found.length * query.sources.length
    for (let at = 0; at < total; ) {
      const step = await lease.stream.receive(RecoverAnswer, limits)
      if (!('Symbols' in step) || at + step.Symbols.length > total) throw new ProtocolError('VIOLATION')
      for (const isThere of step.Symbols) {
        const blob = found[Math.floor(at / query.sources.length)]!
        const source = at++ % query.sources.length
        if (!isThere) continue
        const { status } = blobs[blob]!
        const said = first.Blobs[blob] as { symbolSize: number }
        const cellBytes = query.targets.length * (said.symbolSize + options.pathBytes)
        const data = await readCell(lease.stream, cellBytes, status === 'found', signal)
        if (data !== undefined) yield { blob, source, data }
      }
    }
    complete = true
    return blobs
  } catch (error) {
    failure = error
    throw error
  } finally {
    if (complete) lease.release()
    else lease.discard(failure)
  }
}

/** The node may know another blob by a prefix; by an ID there is but one size. */
function expectSizes(
  blobs: readonly RecoverStatus[],
  query: RecoverQuery,
  symbolSizes: readonly number[],
): RecoverStatus[] {
  return blobs.map((blob, i) => {
    if (blob.status !== 'found' || blob.symbolSize === symbolSizes[i]) return blob
    if ('Ids' in query.blobs || !isSymbolSize(blob.symbolSize)) throw new ProtocolError('VIOLATION')
    return { status: 'ambiguous' }
  })
}

/** That some blob has. */
const isSymbolSize = (bytes: number): boolean => bytes > 0 && bytes % 2 === 0 && bytes <= LARGEST_SYMBOL_BYTES

/** Undefined for one that is not wanted, which is passed over. */
async function readCell(
  { channel }: ClientStream,
  bytes: number,
  isWanted: boolean,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const options = { signal, timeoutMs: spec.chunkTimeoutMs }
  if (!isWanted) return void (await passOverBody(channel.reader, bytes, options))
  const data = new Uint8Array(bytes)
  await readBody(channel.reader, data, options)
  return data
}
