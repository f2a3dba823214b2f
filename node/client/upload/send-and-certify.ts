import { createBackoff } from '../../../base/backoff.ts'
import type { Log } from '../../../base/log.ts'
import { anySignal } from '../../../base/wait.ts'
import { isChainError } from '../../../chain/index.ts'
import type { ChainWriter, Committee, CommitteeMember } from '../../../chain/types.ts'
import { type Bls, encodedSize } from '../../../codec/index.ts'
import type { Certificate, Epoch, Persistence } from '../../../codec/types.ts'
import type { PeerClient } from '../../../protocols/index.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import type { StoreOptions, StoreResult } from '../types.ts'
import type { Encoding } from './encoding.ts'
import { type FanOut, type FanOutResult, fanOut } from './fan-out.ts'
import type { Lingering, Place } from './lingering.ts'
import type { Begun, Seats } from './register-blob.ts'
import { unconfirmed } from './unconfirmed.ts'

export interface SendComponents {
  writer: ChainWriter
  peers: PeerClient
  book: PeerBook
  committees: CommitteeTracker
  bls: () => Promise<Bls>
  lingering: Lingering
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

/** An epoch change during an upload: send again to the new owners, but not for ever. */
const ROUNDS = 8
/** Nodes, and our RPC, see a new epoch at different moments. */
const FIRST_PAUSE_MS = 250
const MAX_PAUSE_MS = 4_000
/** How many nodes are handed the certificate, to gossip it: one may be down. */
const CERTIFICATE_TAKERS = 2

/** Who keeps shards, in the order in which to serve them. */
export function servingOrder(book: PeerBook, { members }: Committee): CommitteeMember[] {
  return book.ranked(members.filter(({ shards }) => shards.length > 0))
}

/**
 * Sends a registered blob to the committee and certifies it. Whatever an epoch change makes worthless, confirmations or
 * the certificate, is asked for again with the same registration. Throws REGISTRATION_ENDED when that has run out.
 */
export async function sendAndCertify(
  components: SendComponents,
  encoded: Encoding,
  { objectId, digest: registerDigest, registration }: Begun,
  seats: Seats,
  options: StoreOptions,
  place: Place,
): Promise<StoreResult> {
  const { writer, committees, book, lingering } = components
  const { epochs, deletable, onProgress, signal, sendObjectTo } = options
  const { metadata } = encoded
  const { blobId } = metadata
  const persistence: Persistence = deletable ? { kind: 'deletable', objectId } : { kind: 'permanent' }
  const header = { metadata, persistence, registerDigest }
  let endEpoch: Epoch | undefined
  let looking = false
  // whoever needs it meets the error
  registration
    .then(({ blob }) => {
      endEpoch = blob.storage.endEpoch
    })
    .catch(() => undefined)

  const backoff = createBackoff({ firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, jitter: 0.5 })
  for (let round = 1; ; round++) {
    const { current } = await committees.get({ signal, fresh: round > 1 })
    expectPaid(current.epoch)
    const sending = begin(current)
    const outcome = await sending.outcome()
    const { certificate, confirmedShards } = outcome
    if (certificate === undefined) {
      await expectStillPaid()
      if (!outcome.epochChanged || round === ROUNDS) throw unconfirmed(blobId, current, outcome)
      await backoff.pause(anySignal(signal, lingering.signal))
      continue
    }
    onProgress?.({ phase: 'certify', done: 0, total: 1 })
    try {
      const { blob, costFrost } = await registration
      const certified = await writer.certify(objectId, certificate, {
        ...(signal && { signal }),
        registered: blob,
        ...(sendObjectTo === undefined ? {} : { transferTo: sendObjectTo }),
      })
      onProgress?.({ phase: 'certify', done: 1, total: 1 })
      sending.leave()
      const late = new AbortController()
      const handingOver = handOver(components, certificate, anySignal(lingering.signal, late.signal))
      place.add(handingOver, reason => late.abort(reason))
      return {
        kind: 'newlyCreated',
        blobId: metadata.blobId,
        blob: certified.blob,
        costFrost: costFrost + certified.costFrost,
        encodedLength: encodedSize(seats.system.nShards, metadata.unencodedLength),
        epochsAhead: epochs,
        confirmedShards,
      }
    } catch (error) {
      const outdated = isOtherEpoch(error)
      if (!outdated || round === ROUNDS) {
        // what the nodes have taken counts when it is stored again
        sending.leave()
        if (outdated || isChainError(error, 'MOVE_ABORT')) await expectStillPaid()
        throw error
      }
      await sending.cutShort(error)
      await backoff.pause(anySignal(signal, lingering.signal))
    }
  }

  function expectPaid(epoch: Epoch): void {
    if (endEpoch === undefined || epoch < endEpoch) return
    throw new ClientError(
      'REGISTRATION_ENDED',
      `blob ${blobId} is paid until epoch ${endEpoch}, which began during the upload`,
      { blobId, objectId, endEpoch },
    )
  }

  /** When it cannot be asked, what went wrong before is what is told. */
  async function expectStillPaid(): Promise<void> {
    const now = await committees.get({ signal, fresh: true }).catch(() => undefined)
    signal?.throwIfAborted()
    if (now !== undefined) expectPaid(now.epoch)
  }

  function begin(committee: Committee): Sending {
    const stop = new AbortController()
    const sending = fanOut(components, {
      committee,
      order: committee === seats.current ? seats.order : servingOrder(book, committee),
      header,
      encoded,
      onConfirmed: done => onProgress?.({ phase: 'upload', done, total: committee.nShards }),
      onDoubt: () => lookForEnd(stop),
      // the caller's signal ends it until quorum; afterwards only closing does
      signal: anySignal(lingering.signal, stop.signal),
    })
    return new Sending(sending, stop, signal, () =>
      place.add(encoded.lend(sending.finished), reason => stop.abort(reason)),
    )
  }

  /** Nodes that do not know the registration may know that it has ended: then the others need not be waited for. */
  function lookForEnd(stop: AbortController): void {
    if (looking) return
    looking = true
    void committees
      .get({ signal: stop.signal, fresh: true })
      .then(({ epoch }) => {
        if (endEpoch !== undefined && epoch >= endEpoch)
          stop.abort(new DOMException('paid no longer', 'AbortError'))
      })
      // another doubt asks again
      .catch(() => undefined)
      .finally(() => {
        looking = false
      })
  }
}

/** Slivers on their way to a committee. */
class Sending {
  readonly #fanOut: FanOut
  readonly #stop: AbortController
  readonly #signal: AbortSignal | undefined
  readonly #linger: () => void

  constructor(sending: FanOut, stop: AbortController, signal: AbortSignal | undefined, linger: () => void) {
    this.#fanOut = sending
    this.#stop = stop
    this.#signal = signal
    this.#linger = linger
  }

  /** Unless it brings a certificate, nobody sends slivers any more when this settles: the caller may release them. */
  async outcome(): Promise<FanOutResult> {
    const signal = this.#signal
    const onAbort = (): void => this.#stop.abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    try {
      const outcome = await this.#fanOut.result
      signal?.throwIfAborted()
      if (outcome.certificate === undefined)
        await this.cutShort(new DOMException('it will not be confirmed', 'AbortError'))
      return outcome
    } catch (error) {
      await this.cutShort(error)
      throw error
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async cutShort(reason: unknown): Promise<void> {
    this.#stop.abort(reason)
    await this.#fanOut.finished
  }

  /** The certificate has done its work: the others are served while nobody waits. */
  leave(): void {
    this.#fanOut.serveRest()
    this.#linger()
  }
}

/** Made with the signatures of an epoch that is over, or that the node which we asked has not seen. */
function isOtherEpoch(error: unknown): boolean {
  return isChainError(error, 'MOVE_ABORT') && error.details.name === 'EIncorrectEpoch'
}

/** Nodes that missed the upload learn of it from gossip. */
async function handOver(
  { committees, book, peers, log }: SendComponents,
  certificate: Certificate,
  signal: AbortSignal,
): Promise<void> {
  const { current } = await committees.get({ signal })
  let left = CERTIFICATE_TAKERS
  for (const member of book.ranked(current.members)) {
    if (left === 0) return
    try {
      await peers.submitCertificate(book.address(member), certificate, { signal })
      left--
    } catch (error) {
      if (signal.aborted) return
      log.debug({ nodeId: member.nodeId, err: error }, 'peer did not take the certificate')
    }
  }
}
