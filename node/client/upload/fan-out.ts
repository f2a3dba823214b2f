import type { Log } from '../../../base/log.ts'
import { sleep } from '../../../base/wait.ts'
import type { Committee, CommitteeMember } from '../../../chain/types.ts'
import {
  aggregateConfirmations,
  type Bls,
  type BlsSum,
  confirmationMessage,
  isQuorum,
  quorumWeight,
  shardOfPair,
} from '../../../codec/index.ts'
import type { Certificate, SliverRef } from '../../../codec/types.ts'
import {
  encodeStoreRequest,
  type OutgoingSliver,
  type PeerClient,
  ProtocolError,
  type ProtocolErrorCode,
} from '../../../protocols/index.ts'
import type { StoreHeader } from '../../../protocols/ports.ts'
import type { NodeMetrics } from '../../metrics.ts'
import type { PeerBook } from '../../network/peer-book.ts'
import type { Encoding } from './encoding.ts'
import { createQuorumGate } from './quorum-gate.ts'

export interface FanOutComponents {
  peers: Pick<PeerClient, 'store'>
  book: PeerBook
  /** called when the first member has been given its slivers */
  bls: () => Promise<Bls>
  log: Log
  metrics: Pick<NodeMetrics, 'liar'>
}

export interface FanOutResult {
  /** absent when too little weight confirmed */
  certificate?: Certificate
  confirmedShards: number
  /** some node is already in another epoch: read the committee again and send again */
  epochChanged: boolean
  /** why members did not confirm: one error each */
  refusals: Error[]
}

export interface FanOut {
  /** Settles at quorum, or when a quorum has become impossible. */
  result: Promise<FanOutResult>
  /** Settles when every node was served or given up. Never rejects. */
  finished: Promise<void>
  /** The certificate has done its work: now for the members that were not needed for it. */
  serveRest(): void
}

/** Worth another try: the node or the line was not ready. */
const TRANSIENT: ReadonlySet<ProtocolErrorCode> = new Set([
  'BUSY',
  'CHAIN_UNAVAILABLE',
  'CONNECTION_LOST',
  'NOT_REGISTERED',
  'STOPPING',
  'TIMEOUT',
])
/** As the chain may have moved on. */
const DOUBTFUL: ReadonlySet<ProtocolErrorCode> = new Set([
  'BLOB_GONE',
  'EPOCH_CHANGED',
  'NOT_IN_COMMITTEE',
  'NOT_REGISTERED',
])
const ATTEMPTS = 3
const RETRY_MS = 300
/** A node that asks for more patience than this will not confirm in time: that is as good as a refusal. */
const MAX_RETRY_AFTER_MS = 5_000
/** How long confirmations are still counted, for the message, once a quorum has become impossible. */
const HOPELESS_MS = 500
/**
 * Up to this, connections and signatures are most of the work, not bytes: members outside the first quorum are not even
 * asked before the blob is certified, somebody fails, or time is up.
 */
export const SMALL_BLOB_BYTES = 1024 * 1024
/** How long they wait at most: not noticed by those who wait for a slow member of the first quorum. */
const SMALL_HOLD_MS = 300
/** The same for larger blobs, of which only the slivers wait; well under the time after which nodes would hang up. */
const HOLD_MS = 3_000

/** Members in their order, up to the first that make a quorum. */
export function firstQuorum(
  members: readonly CommitteeMember[],
  nShards: number,
): readonly CommitteeMember[] {
  let weight = 0
  const last = members.findIndex(({ shards }) => {
    weight += shards.length
    return isQuorum(weight, nShards)
  })
  return last < 0 ? members : members.slice(0, last + 1)
}

/** Sends a blob's slivers to the members, a quorum first, and collects their confirmations into a certificate. */
export function fanOut(
  components: FanOutComponents,
  input: {
    committee: Committee
    /** the members that keep shards, in the order in which they are to be served */
    order: readonly CommitteeMember[]
    header: StoreHeader
    encoded: Pick<Encoding, 'sliver'>
    onConfirmed?: (confirmedShards: number) => void
    /** some node does not know the registration, or is in another epoch */
    onDoubt?: () => void
    signal: AbortSignal
  },
): FanOut {
  const { peers, book, bls, log, metrics } = components
  const { committee, order, header, encoded, onConfirmed, onDoubt, signal } = input
  const { blobId } = header.metadata
  const request = encodeStoreRequest(header)
  const { epoch, nShards } = committee
  const message = confirmationMessage({ epoch, blobId, persistence: header.persistence })
  const members = committee.members.map(({ blsPublicKey, shards }) => ({
    publicKey: blsPublicKey,
    weight: shards.length,
  }))
  const signatures = new Map<number, Uint8Array>()
  const result = Promise.withResolvers<FanOutResult>()
  let epochChanged = false
  const refusals: Error[] = []
  let decided = false
  /** weight of those who will not confirm any more */
  let lost = 0
  let hopeless: NodeJS.Timeout | undefined
  /** of the confirmations so far; none any more once one of them was bad */
  let sum: BlsSum | undefined
  const summed = new Set<number>()
  let spoiled = false

  const isSmall = header.metadata.unencodedLength <= SMALL_BLOB_BYTES
  const gate = createQuorumGate(quorumWeight(nShards), isSmall ? SMALL_HOLD_MS : HOLD_MS)

  const weight = () => [...signatures.keys()].reduce((sum, index) => sum + members[index]!.weight, 0)

  /** Adds what has come since the last time; what is no signature is found out and named at the quorum. */
  function addUp(lib: Bls): void {
    if (spoiled) return
    sum ??= lib.sum()
    for (const [index, signature] of signatures) {
      if (summed.has(index)) continue
      try {
        sum.add(members[index]!.publicKey, signature)
        summed.add(index)
      } catch {
        dropSum()
        return
      }
    }
  }

  function dropSum(): void {
    spoiled = true
    sum?.free()
    sum = undefined
  }

  async function decide(last: boolean): Promise<void> {
    if (decided) return
    // from the first confirmation on, so that keys and signatures are read while others are waited for
    const lib = signatures.size > 0 ? await bls() : undefined
    if (decided) return
    if (lib !== undefined) addUp(lib)
    if (lib === undefined || !isQuorum(weight(), nShards)) {
      if (last) result.resolve({ confirmedShards: weight(), epochChanged, refusals })
      return
    }
    const aggregated = aggregateConfirmations({ bls: lib, sum, message, epoch, nShards, members, signatures })
    if (aggregated.bad.length > 0) dropSum()
    for (const index of aggregated.bad) {
      signatures.delete(index)
      const { nodeId, name } = committee.members[index]!
      log.warn({ nodeId, name, blobId }, 'peer signed a confirmation wrongly')
      metrics.liar(nodeId, 'confirmation')
      gate.open()
    }
    const { certificate, weight: confirmedShards } = aggregated
    if (certificate === undefined && !last) return
    decided = true
    result.resolve({
      ...(certificate === undefined ? {} : { certificate }),
      confirmedShards,
      epochChanged,
      refusals,
    })
  }

  /** Tells whether the member confirmed. */
  async function serve(member: CommitteeMember): Promise<boolean> {
    const peer = book.address(member)
    const shards = new Set(member.shards)
    const isOwn = ({ pair }: SliverRef) => pair < nShards && shards.has(shardOfPair(pair, blobId, nShards))
    for (let attempt = 1; ; attempt++) {
      const start = performance.now()
      const turn = gate.turn(member.shards.length)
      let given = 0
      try {
        const sliver = async (ref: SliverRef): Promise<OutgoingSliver> => {
          // it has other shards than we know of, or lies: either way the uplink is not for this sliver
          if (!isOwn(ref)) throw new ProtocolError('EPOCH_CHANGED')
          await turn.come(signal)
          given++
          // the library loads while the slivers are verified; what fails fails again where it is needed
          if (given === 2 * shards.size) bls().catch(() => undefined)
          return encoded.sliver(ref)
        }
        if (isSmall) await turn.come(signal)
        const outcome = await peers.store(peer, { header, request, sliver }, { signal })
        if (outcome.epoch !== epoch) {
          epochChanged = true
          onDoubt?.()
          turn.giveUp()
          return false
        }
        // only what equals, byte for byte, the message that we built ourselves
        if (!Buffer.from(outcome.confirmation.message).equals(message)) {
          log.warn({ peer: peer.peerId, nodeId: member.nodeId, blobId }, 'peer confirmed something else')
          metrics.liar(member.nodeId, 'confirmation')
          turn.giveUp()
          return false
        }
        signatures.set(member.index, outcome.confirmation.signature)
        onConfirmed?.(weight())
        decide(false).catch(result.reject)
        log.debug(
          { peer: peer.peerId, blobId, sentBytes: outcome.sentBytes, durationMs: performance.now() - start },
          'peer confirmed',
        )
        return true
      } catch (error) {
        if (signal.aborted) return false
        turn.giveUp()
        const code = error instanceof ProtocolError ? error.code : undefined
        if (code === 'EPOCH_CHANGED' || code === 'NOT_IN_COMMITTEE') epochChanged = true
        if (code !== undefined && DOUBTFUL.has(code)) onDoubt?.()
        const retryAfterMs = (error instanceof ProtocolError && error.retryAfterMs) || RETRY_MS * attempt
        const again =
          code !== undefined &&
          TRANSIENT.has(code) &&
          attempt < ATTEMPTS &&
          retryAfterMs <= MAX_RETRY_AFTER_MS
        log.debug({ peer: peer.peerId, blobId, err: error, attempt, again }, 'peer did not confirm')
        if (!again) {
          refusals.push(
            new Error(`${member.name}: ${error instanceof Error ? error.message : error}`, { cause: error }),
          )
          if (code === 'UNREACHABLE' || code === 'CONNECTION_LOST' || code === 'TIMEOUT') book.failed(member)
          return false
        }
        await sleep(retryAfterMs, signal).catch(() => undefined)
        if (signal.aborted) return false
      }
    }
  }

  async function attend(member: CommitteeMember): Promise<void> {
    if (await serve(member)) return
    lost += member.shards.length
    // the slowest of the others need not be waited for; those who are about to confirm are to be counted
    if (!isQuorum(nShards - lost, nShards))
      hopeless ??= setTimeout(() => decide(true).catch(result.reject), HOPELESS_MS)
  }

  const finished = Promise.all(order.map(attend))
    .then(() => {
      clearTimeout(hopeless)
      return decide(true)
    })
    .finally(dropSum)
  finished.catch(result.reject)
  return { result: result.promise, finished: finished.catch(() => undefined), serveRest: gate.open }
}
