import type { Committee, CommitteeMember } from '../../chain/types.ts'
import {
  aggregateConfirmations,
  type Bls,
  confirmationMessage,
  type EncodedBlob,
  isQuorum,
  shardOfPair,
} from '../../codec/index.ts'
import type { Certificate, SliverRef } from '../../codec/types.ts'
import { type PeerClient, ProtocolError, type ProtocolErrorCode } from '../../protocols/index.ts'
import type { Log, StoreHeader } from '../../protocols/ports.ts'
import type { NodeMetrics } from '../metrics.ts'
import type { PeerBook } from './peer-book.ts'
import { createQuorumGate } from './quorum-gate.ts'
import { sleep } from './wait.ts'

export interface FanOutComponents {
  peers: Pick<PeerClient, 'store'>
  book: PeerBook
  bls: Bls
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
const ATTEMPTS = 3
const RETRY_MS = 300
/** A node that asks for more patience than this will not confirm in time: that is as good as a refusal. */
const MAX_RETRY_AFTER_MS = 5_000
/** How long confirmations are still counted, for the message, once a quorum has become impossible. */
const HOPELESS_MS = 500
/** Below this everybody is sent to at once. */
const UNGATED_BYTES = 1024 * 1024
/** How long nodes outside the first quorum wait at most; well under the time after which they would hang up. */
const HOLD_MS = 3_000

/** Sends a blob's slivers to all members at once and collects their confirmations into a certificate. */
export function fanOut(
  components: FanOutComponents,
  input: {
    committee: Committee
    header: StoreHeader
    encoded: EncodedBlob
    onConfirmed?: (confirmedShards: number) => void
    signal: AbortSignal
  },
): FanOut {
  const { peers, book, bls, log, metrics } = components
  const { committee, header, encoded, onConfirmed, signal } = input
  const { blobId } = header.metadata
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

  const gate = createQuorumGate(Math.ceil((2 * nShards + 1) / 3), HOLD_MS)
  // a small blob is sent before the order could matter
  if (header.metadata.unencodedLength <= UNGATED_BYTES) gate.open()

  const weight = () => [...signatures.keys()].reduce((sum, index) => sum + members[index].weight, 0)

  function decide(last: boolean): void {
    if (decided) return
    if (!isQuorum(weight(), nShards)) {
      if (last) result.resolve({ confirmedShards: weight(), epochChanged, refusals })
      return
    }
    const aggregated = aggregateConfirmations({ bls, message, epoch, nShards, members, signatures })
    for (const index of aggregated.bad) {
      signatures.delete(index)
      const { nodeId, name } = committee.members[index]
      log.warn({ nodeId, name, blobId }, 'peer signed a confirmation wrongly')
      metrics.liar(nodeId, 'confirmation')
    }
    const { certificate, weight: confirmedShards } = aggregated
    if (certificate === undefined && !last) return
    decided = true
    gate.open()
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
      try {
        const sliver = async (ref: SliverRef): Promise<Uint8Array> => {
          // it has other shards than we know of, or lies: either way the uplink is not for this sliver
          if (!isOwn(ref)) throw new ProtocolError('EPOCH_CHANGED')
          await turn.come(signal)
          return encoded.sliver(ref)
        }
        const outcome = await peers.store(peer, { header, sliver }, { signal })
        if (outcome.epoch !== epoch) {
          epochChanged = true
          return false
        }
        // only what equals, byte for byte, the message that we built ourselves
        if (!Buffer.from(outcome.confirmation.message).equals(message)) {
          log.warn({ peer: peer.peerId, nodeId: member.nodeId, blobId }, 'peer confirmed something else')
          metrics.liar(member.nodeId, 'confirmation')
          return false
        }
        signatures.set(member.index, outcome.confirmation.signature)
        onConfirmed?.(weight())
        decide(false)
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
    if (!isQuorum(nShards - lost, nShards)) hopeless ??= setTimeout(decide, HOPELESS_MS, true)
  }

  const finished = Promise.all(committee.members.filter(({ shards }) => shards.length > 0).map(attend)).then(
    () => {
      clearTimeout(hopeless)
      decide(true)
    },
  )
  finished.catch(result.reject)
  return { result: result.promise, finished: finished.catch(() => undefined) }
}
