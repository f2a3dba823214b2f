import { deadline } from '../../../base/deadline.ts'
import type { Log } from '../../../base/log.ts'
import { sleep } from '../../../base/wait.ts'
import type { CommitteeMember } from '../../../chain/types.ts'
import { type BlobCodec, CodecError, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { isPassing, restMs } from './gather.ts'

export interface FetchRowComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  codec: Pick<BlobCodec, 'verifySliver'>
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/** Whoever holds a sliver has this long, and a second more for each MiB that is on its way to here. */
const TIMEOUT_MS = 3_000
const SLOWEST_BYTES_PER_MS = 2 ** 20 / 1_000
/** One whose line broke, or who was busy, is asked again after a rest. */
const ATTEMPTS = 2

/**
 * One primary sliver from its owner, verified; undefined when it cannot be had. A wrong one names its sender a liar. Throws
 * the signal's reason, and errors of the codec that no peer can cause.
 */
export async function fetchRow(
  { peers, book, codec, log, metrics }: FetchRowComponents,
  metadata: BlobMetadata,
  pair: SliverPairIndex,
  owner: CommitteeMember,
  { bytesInFlight, signal }: { bytesInFlight: number; signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const { blobId, nShards, unencodedLength } = metadata
  const ref = { pair, axis: 'primary' as const }
  const item = { blobId, ref, maxBytes: sliverLength(nShards, unencodedLength, 'primary') }
  const address = book.address(owner)

  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      const bytes = await ask()
      if (bytes === undefined) return undefined
      await codec.verifySliver(metadata, ref, bytes, { signal })
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CodecError) {
        if (!error.code.startsWith('SLIVER_')) throw error
        const who = { peer: address.peerId, nodeId: owner.nodeId, name: owner.name }
        log.warn({ ...who, blobId, ...ref, err: error }, 'peer sent a wrong sliver')
        metrics.liar(owner.nodeId, 'sliver')
        book.failed(owner)
        return undefined
      }
      log.debug({ peer: address.peerId, blobId, ...ref, err: error }, 'a sliver could not be had')
      if (!isPassing(error) || attempt === ATTEMPTS) {
        book.failed(owner)
        return undefined
      }
      await sleep(restMs(error), signal)
    }
  }

  async function ask(): Promise<Uint8Array | undefined> {
    using limit = deadline(TIMEOUT_MS + bytesInFlight / SLOWEST_BYTES_PER_MS, [signal])
    const start = performance.now()
    for await (const { bytes } of peers.fetch(address, [item], { signal: limit.signal })) {
      book.answered(owner, performance.now() - start)
      return bytes
    }
    return undefined
  }
}
