import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { anySignal } from '../../../base/wait.ts'
import type { CommitteeMember } from '../../../chain/types/index.ts'
import { type BlobCodec, CodecError, sliverLength } from '../../../codec/index.ts'
import type { BlobMetadata, SliverRef } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Accuse } from '../accuse.ts'
import type { Answers } from '../answers.ts'
import { isPassing, restMs } from './gather.ts'
import { Pace } from './pace.ts'

export interface FetchSliverComponents {
  peers: Pick<PeerClient, 'fetch'>
  book: PeerBook
  codec: Pick<BlobCodec, 'verifySliver'>
  accuse: Accuse
  clock: Clock
  log: Log
}

/**
 * The owner of a row has this long for a step of it: what takes its place is all of the blob. When nothing comes of other rows
 * either it is this side that is slow, and it has the same time again.
 */
const STEP_MS = 3_000
/** An owner whose line broke, or that was busy, is asked again after a rest. */
const ATTEMPTS = 2

/** What the slivers that are on their way have in common. */
export interface SliverLine {
  answers: Answers
  /** when a step of any of them was made last, by the monotonic clock */
  steppedAt: number
}

/**
 * One sliver from its owner, verified; undefined when it cannot be had. A wrong one names its sender a liar. Throws
 * the signal's reason, and errors of the codec that no peer can cause.
 */
export async function fetchSliver(
  { peers, book, codec, accuse, clock, log }: FetchSliverComponents,
  metadata: BlobMetadata,
  ref: SliverRef,
  owner: CommitteeMember,
  { line, signal }: { line: SliverLine; signal: AbortSignal },
): Promise<Uint8Array | undefined> {
  const { answers } = line
  const { blobId, nShards, unencodedLength } = metadata
  const item = { blobId, ref, maxBytes: sliverLength(nShards, unencodedLength, ref.axis) }
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
    const start = clock.monotonic()
    const over = new AbortController()
    const pace = new Pace({
      clock,
      limitMs: STEP_MS,
      onStep: () => {
        line.steppedAt = clock.monotonic()
      },
      onLate: () => {
        const allSlow = clock.monotonic() - line.steppedAt > STEP_MS / 2
        if (allSlow && !pace.lost) pace.excuse()
        else over.abort(new DOMException('a row is late', 'TimeoutError'))
      },
    })
    let first = true
    const onBytes = (bytes: number): void => {
      if (first) book.answered(owner, clock.monotonic() - start)
      first = false
      pace.heard(bytes)
    }
    try {
      const options = { signal: anySignal(signal, over.signal), onBytes }
      for await (const { bytes } of peers.fetch(address, [item], options)) return bytes
      return undefined
    } finally {
      pace.stop()
      if (pace.longestMs !== undefined) book.waited(owner, pace.longestMs)
    }
  }
}
