import { raceSignal } from 'race-signal'
import { createBackoff } from '../../../base/backoff.ts'
import { defined } from '../../../base/defined.ts'
import { anySignal } from '../../../base/wait.ts'
import { isChainError } from '../../../chain/index.ts'
import type { ChainWriter, Committee, CommitteeMember } from '../../../chain/types/index.ts'
import { encodedSize, quorumWeight } from '../../../codec/index.ts'
import type { BlobId, Certificate, Epoch, Persistence } from '../../../codec/types.ts'
import { type PeerClient, ProtocolError, type ProtocolErrorCode } from '../../../protocols/index.ts'
import type { CommitteeTracker } from '../../network/committees.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import { ClientError } from '../errors.ts'
import type { ResourceOperation, StoreOptions, StoreResult } from '../types.ts'
import type { Encoding } from './encoding.ts'
import { FanOut, type FanOutComponents, type FanOutResult } from './fan-out.ts'
import type { NetworkSnapshot, OpenRegistration } from './register-blob.ts'
import { type Sending, sendElsewhere } from './send-elsewhere.ts'
import type { UploadSlot, UploadSlots } from './upload-slots.ts'

export interface SendComponents extends FanOutComponents {
  writer: ChainWriter
  peers: PeerClient
  committees: CommitteeTracker
  slots: UploadSlots
  random: () => number
}

/** An epoch change during an upload: send again to the new owners, but not for ever. */
export const ROUNDS = 8
/** Nodes, and our RPC, see a new epoch at different moments. */
export const EPOCH_BACKOFF = { firstMs: 250, maxMs: 4_000, jitter: 0.5 }
/** How many nodes are handed the certificate, to gossip it: one may be down. */
const CERTIFICATE_TAKERS = 2

/** The members that keep shards, in the order in which to serve them. */
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
  begun: OpenRegistration,
  network: NetworkSnapshot,
  options: StoreOptions,
  slot: UploadSlot,
): Promise<StoreResult> {
  const { writer, committees, book, slots, clock, random } = components
  const { objectId, digest: registerDigest, visible: registration } = begun.registration
  const { epochs, deletable, onProgress, onSubmitted, onRegistered, signal, sendObjectTo, share } = options
  const { sendBy } = options
  const { metadata } = encoded
  const { blobId } = metadata
  const persistence: Persistence = deletable ? { kind: 'deletable', objectId } : { kind: 'permanent' }
  const header = { metadata, persistence, registerDigest }
  let endEpoch: Epoch | undefined
  let looking = false
  // certifying, which needs it, meets the error
  registration
    .then(({ blob }) => {
      endEpoch = blob.storage.endEpoch
    })
    .catch(() => undefined)

  const told = onRegistered?.(objectId)
  // certifying, which waits for it, meets the error
  told?.catch(() => undefined)

  const backoff = createBackoff({ ...EPOCH_BACKOFF, random, timers: clock })
  for (let round = 1; ; round++) {
    const { current } = await committees.get({ signal, fresh: round > 1 })
    expectPaid(current.epoch)
    const sending = sendBy === undefined ? send(current) : await sendByOther(sendBy, current)
    const outcome = await sending.result(signal)
    const { certificate, confirmedShards } = outcome
    if (certificate === undefined) {
      const now = await latestEpoch()
      signal?.throwIfAborted()
      expectPaid(now)
      if (!outcome.epochChanged || round === ROUNDS) throw tooFewConfirmations(blobId, current, outcome)
      await backoff.pause(anySignal(signal, slots.signal))
      continue
    }
    onProgress?.({ phase: 'certify', done: 0, total: 1 })
    try {
      const [{ blob, costFrost, reusedStorage }] = await Promise.all([registration, told])
      onSubmitted?.()
      const certified = await writer.certify(objectId, certificate, {
        signal,
        registered: blob,
        transferTo: sendObjectTo,
        share,
        untilEpoch: begun.extendBy === 0 ? undefined : blob.storage.endEpoch + begun.extendBy,
      })
      onProgress?.({ phase: 'certify', done: 1, total: 1 })
      serveRest(sending)
      const late = new AbortController()
      const publishing = publish(components, certificate, anySignal(slots.signal, late.signal))
      slot.background(publishing, reason => late.abort(reason))
      return defined({
        kind: 'newlyCreated',
        blobId: metadata.blobId,
        blob: certified.blob,
        costFrost: costFrost + certified.costFrost,
        encodedLength: encodedSize(network.system.nShards, metadata.unencodedLength),
        epochsAhead: epochs,
        operation: operationOf(begun, reusedStorage),
        confirmedShards,
        sharedBlob: certified.sharedBlob,
      })
    } catch (error) {
      const now = isChainError(error, 'MOVE_ABORT') ? await latestEpoch() : undefined
      // a certificate of members who are not in office any more may be refused for its signature before its epoch is looked at
      const outdated = isOtherEpoch(error) || (now !== undefined && now > current.epoch)
      if (!outdated || isOver(now) || round === ROUNDS) {
        // what the nodes have taken counts when it is stored again
        serveRest(sending)
        signal?.throwIfAborted()
        expectPaid(now)
        throw error
      }
      await sending.stop(error)
      await backoff.pause(anySignal(signal, slots.signal))
    }
  }

  function isOver(epoch: Epoch | undefined): boolean {
    return epoch !== undefined && endEpoch !== undefined && epoch >= endEpoch
  }

  function expectPaid(epoch: Epoch | undefined): void {
    if (!isOver(epoch)) return
    throw new ClientError(
      'REGISTRATION_ENDED',
      `blob ${blobId} is paid until epoch ${endEpoch}, which began during the upload`,
      { blobId, objectId, endEpoch: endEpoch! },
    )
  }

  /** undefined when it cannot be asked: then what went wrong before is what is told */
  async function latestEpoch(): Promise<Epoch | undefined> {
    return (await committees.get({ signal, fresh: true }).catch(() => undefined))?.epoch
  }

  function send(committee: Committee): FanOut {
    const sending: FanOut = new FanOut(components, {
      committee,
      order: committee === network.committee ? network.order : servingOrder(book, committee),
      header,
      encoded,
      onConfirmed: done => onProgress?.({ phase: 'upload', done, total: committee.nShards }),
      onDoubt: () => lookForEnd(sending),
      // beyond the quorum only closing ends it
      signal: slots.signal,
    })
    return sending
  }

  /** Once the registration is to be seen, by which others go. */
  async function sendByOther(
    by: NonNullable<StoreOptions['sendBy']>,
    committee: Committee,
  ): Promise<Sending> {
    await raceSignal(registration, signal)
    const deletableObject = deletable ? objectId : undefined
    return sendElsewhere(by, { blobId, deletableObject }, committee)
  }

  /** While nobody waits. */
  function serveRest(sending: Sending): void {
    sending.serveRest()
    slot.background(sending.finished, reason => void sending.stop(reason))
  }

  /** Nodes that do not know the registration may know that it has ended: then the others need not be waited for. */
  function lookForEnd(sending: FanOut): void {
    if (looking) return
    looking = true
    void committees
      .get({ signal: slots.signal, fresh: true })
      .then(({ epoch }) => {
        if (isOver(epoch)) void sending.stop(new DOMException('paid no longer', 'AbortError'))
      })
      // another doubt asks again
      .catch(() => undefined)
      .finally(() => {
        looking = false
      })
  }
}

function operationOf({ isResumed, extendBy }: OpenRegistration, reusedStorage = false): ResourceOperation {
  if (!isResumed) return { kind: reusedStorage ? 'reuseStorage' : 'registerFromScratch' }
  if (extendBy === 0) return { kind: 'reuseRegistration' }
  return { kind: 'reuseAndExtendNonCertified', epochsExtended: extendBy }
}

/** Made with the signatures of an epoch that is over, or that the node which we asked has not seen. */
function isOtherEpoch(error: unknown): boolean {
  return isChainError(error, 'MOVE_ABORT') && error.details.name === 'EIncorrectEpoch'
}

/** Hands the certificate to some nodes: those that missed the upload learn of it from gossip. */
async function publish(
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

/** What nodes say that are well and cannot take more for now: over a quota, or out of file descriptors. */
const BUSY: ReadonlySet<ProtocolErrorCode> = new Set(['BUSY', 'TOO_MANY_FAILURES'])

/** Why an upload was confirmed by too few, in the words of the nodes that refused it. */
export function tooFewConfirmations(
  blobId: BlobId,
  { nShards, members }: Committee,
  { confirmedShards, refusals }: Pick<FanOutResult, 'confirmedShards' | 'refusals'>,
): ClientError {
  const neededShards = quorumWeight(nShards)
  const cause = new AggregateError(refusals, 'nodes did not confirm')
  const nodes = members.filter(({ shards }) => shards.length > 0).length
  const saying = (said: (code: ProtocolErrorCode) => boolean) =>
    refusals.filter(({ cause: why }) => why instanceof ProtocolError && why.remote && said(why.code)).length
  const noSpaceNodes = saying(code => code === 'NO_SPACE')
  const busyNodes = saying(code => BUSY.has(code))
  const details = { blobId, confirmedShards, neededShards, nodes, noSpaceNodes, busyNodes }
  const confirmed = `nodes with ${confirmedShards} of ${nShards} shards confirmed the upload; ${neededShards} are needed`
  // what most of the nodes that refused say is what there is to be done about
  const isMost = (count: number) => count > 0 && 2 * count >= refusals.length
  if (isMost(noSpaceNodes)) {
    const message = `${noSpaceNodes} of ${nodes} nodes have no space left: ${confirmed}`
    return new ClientError('NO_SPACE', message, details, { cause })
  }
  if (isMost(busyNodes)) {
    const message = `${busyNodes} of ${nodes} nodes are too busy: ${confirmed}`
    return new ClientError('NODES_BUSY', message, details, { cause })
  }
  return new ClientError('TOO_FEW_CONFIRMATIONS', confirmed, details, { cause })
}
