import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type BlobCodec, CodecError, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverPairIndex } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Accuse } from '../accuse.ts'
import type { Answers } from '../answers.ts'
import { isPassing, restMs } from './gather.ts'

export interface FetchRowComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  codec: Pick<BlobCodec, 'verifySliver'>
  accuse: Accuse
  clock: Clock
  log: Log
}

/** The owner of a sliver has this long, and a second more for each MiB that is on its way to here. */
const TIMEOUT_MS = 3_000
const SLOWEST_BYTES_PER_MS = 2 ** 20 / 1_000
/** An owner whose line broke, or that was busy, is asked again after a rest. */
const ATTEMPTS = 2

/**
 * One primary sliver from its owner, verified; undefined when it cannot be had. A wrong one names its sender a liar. Throws
 * the signal's reason, and errors of the codec that no peer can cause.
 */
export async function fetchRow(
  { peers, book, codec, accuse, clock, log }: FetchRowComponents,
  metadata: BlobMetadata,
  pair: SliverPairIndex,
  owner: CommitteeMember,
  { bytesInFlight, answers, signal }: { bytesInFlight: number; answers: Answers; signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const { blobId, nShards, unencodedLength } = metadata
  const ref = { pair, axis: 'primary' as const }
  const item = { blobId, ref, maxBytes: sliverLength(nShards, unencodedLength, 'primary') }
  const address = book.address(owner)

  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    try {
      const bytes = await ask()
      if (bytes === undefined) {
        answers.lacked(owner)
        return undefined
      }
      await codec.verifySliver(metadata, ref, bytes, { signal })
      answers.gave(owner)
      return bytes
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CodecError) {
        if (!error.code.startsWith('SLIVER_')) throw error
        answers.wrong(owner)
        accuse(owner, 'sliver', { blobId, ...ref, err: error })
        return undefined
      }
      log.debug({ peer: address.peerId, blobId, ...ref, err: error }, 'a sliver could not be had')
      if (!isPassing(error) || attempt === ATTEMPTS) {
        answers.failed(owner, error)
        book.failed(owner)
        return undefined
      }
      await clock.sleep(restMs(error), signal)
    }
  }

  async function ask(): Promise<Uint8Array | undefined> {
    using limit = clock.deadline(TIMEOUT_MS + bytesInFlight / SLOWEST_BYTES_PER_MS, [signal])
    const start = clock.monotonic()
    for await (const { bytes } of peers.fetch(address, [item], { signal: limit.signal })) {
      book.answered(owner, clock.monotonic() - start)
      return bytes
    }
    return undefined
  }
}
