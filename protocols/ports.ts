/**
 * What the protocols need of the world. node/ and chain/ satisfy these structurally; protocols import neither.
 */
import type { Connection } from '@libp2p/interface'
import type { TableHead } from '../codec/index.ts'
import type {
  Axis,
  BlobId,
  BlobMetadata,
  Certificate,
  Confirmation,
  Epoch,
  ObjectId,
  Persistence,
  ShardIndex,
  SliverPairIndex,
  SliverRef,
} from '../codec/types.ts'
import type { PunchCandidate } from './punch/messages.ts'
import type { RecoverQuery, RecoverStatus } from './recover/messages.ts'
import type { SnapshotPage } from './snapshot/messages.ts'

/** A limit and an end for one call: it rejects with the signal's reason. */
export interface AbortOptions {
  signal?: AbortSignal
}

/**
 * What of a sliver is in memory at a time while it is sent. Slivers of blobs up to 64 MiB (n = 100) are one piece, read
 * once; a peer that takes pieces slowly, on as many streams as it may, still holds little.
 */
export const SLIVER_PIECE_BYTES = 2 * 1024 * 1024

/** A stored sliver to be read piece by piece. It was found whole when it was opened, and holds nothing but a piece. */
export interface OpenSliver {
  /** bytes of BCS `SliverData` */
  readonly length: number
  /** Bytes [offset, offset + length), which must not be changed; undefined when the sliver is not there any more. */
  read(offset: number, length: number): Promise<Uint8Array | undefined>
}

/** Where a peer's share of the node's work is accounted. Each waits for its turn, and rejects with the signal's reason. */
export interface PeerQuota {
  /** So many bytes are held until what it gives is called. */
  hold(bytes: number, signal: AbortSignal): Promise<() => void>
  /** So many bytes move. */
  pace(bytes: number, signal: AbortSignal): Promise<void>
  /** One of the turns at the disk, until what it gives is called. Nothing may be waited for meanwhile. */
  disk(signal: AbortSignal): Promise<() => void>
}

/** How a stored sliver is looked at before its custody is promised. */
export interface SliverCheck {
  signal: AbortSignal
  /** nothing is accounted when absent */
  quota?: PeerQuota
  /** Whether these bytes are the sliver. */
  isRight(bytes: Uint8Array): Promise<boolean>
}

/** Keeps sliver bytes (BCS `SliverData`). One compliance suite, test/support/sliver-store-suite.ts, holds every implementation to this. */
export interface SliverStore {
  /** Whether it is listed and of its full length, at the price of a look. */
  has(blobId: BlobId, ref: SliverRef): Promise<boolean>
  /**
   * Whether what is stored is the sliver. What was put, or passed the check, is not checked again while nobody touches it.
   * What is wrong is not stored any more from here on.
   */
  holds(blobId: BlobId, ref: SliverRef, check: SliverCheck): Promise<boolean>
  /** The BCS bytes, or undefined when not stored or found damaged. */
  get(blobId: BlobId, ref: SliverRef, options?: AbortOptions): Promise<Uint8Array | undefined>
  /** As `get`, without taking it into memory. Reads it through once. */
  open(blobId: BlobId, ref: SliverRef, options?: AbortOptions): Promise<OpenSliver | undefined>
  /** Of bytes that were verified. Resolves once they are durable (fsync); the caller may overwrite them afterwards. */
  put(blobId: BlobId, ref: SliverRef, bytes: Uint8Array, options?: AbortOptions): Promise<void>
  /** Which slivers of the blob are stored. */
  list(blobId: BlobId): Promise<SliverRef[]>
  /** Removes every sliver of the blob. */
  delete(blobId: BlobId): Promise<void>
}

/** A member as peers need it: who it is and which shards are its own. */
export interface CommitteeMemberView {
  /** position in order of node ID: the bit in signer bitmaps */
  index: number
  nodeId: string
  /** 48 bytes */
  blsPublicKey: Uint8Array
  /** 33 bytes: 0x00 and an Ed25519 public key, from which the PeerId derives */
  networkPublicKey: Uint8Array
  shards: readonly ShardIndex[]
}

/** A committee as peers need it: quorums are counted in shards. */
export interface CommitteeView {
  epoch: Epoch
  nShards: number
  members: readonly CommitteeMemberView[]
}

/** The peer that asks, as far as the transport knows. */
export interface PeerContext {
  /** libp2p PeerId as text */
  peer: string
  signal: AbortSignal
  /** for work beyond the request's own; none when absent */
  quota?: PeerQuota
}

export interface CertificateContext extends PeerContext {
  /** whom it counts for: a member's PeerId, anybody else's IP address */
  account: string
}

/** What a client tells a storage node before it sends slivers. */
export interface StoreHeader {
  metadata: BlobMetadata
  persistence: Persistence
  /** digest of the transaction that registered the blob: a hint, the node checks on its own RPC */
  registerDigest: string
}

/** A wanted sliver on its way in: a small one in memory, a larger one in a file, so that a slow sender holds little memory. */
export interface ArrivingSliver {
  /** The next bytes, which may be overwritten once it is over. */
  write(bytes: Uint8Array): Promise<void> | void
  /** All have come: verifies them against the metadata and persists them. Throws a ProtocolError otherwise. */
  accept(): Promise<void>
  /** Gives back what it holds, accepted or not. Idempotent. */
  close(): Promise<void>
}

/**
 * One upload as the storage node sees it. The handler looks at `wanted`, asks for a place for each of them and fills it, then
 * calls `confirm`; always `close`.
 */
export interface StoreSession {
  readonly epoch: Epoch
  /** slivers of this node's shards that it does not have yet */
  readonly wanted: readonly SliverRef[]
  /** A place for a wanted sliver. Throws a ProtocolError: UNWANTED_SLIVER, or NO_SPACE by its cause. */
  receive(ref: SliverRef): Promise<ArrivingSliver>
  /** Signs once everything of this node's shards is durable. */
  confirm(): Promise<Confirmation>
  /** The upload is over, however it went. Idempotent. */
  close(): void
}

/** What takes slivers in and signs for them. */
export interface Custody {
  /** Throws a ProtocolError: metadata that does not match, unregistered blob, not in the committee... */
  open(header: StoreHeader, context: PeerContext): Promise<StoreSession>
}

/** A part of a shard that another node takes over. */
export interface ShardPageRequest {
  /** in which the asker has the shard */
  epoch: Epoch
  shard: ShardIndex
  /** blobs with a higher ID only; from the first one on when absent */
  after?: BlobId
  /** at most */
  maxBlobs: number
}

/** Blobs of a shard in ascending order of their IDs' bytes. */
export interface ShardPage {
  blobs: readonly { blobId: BlobId; pair: SliverPairIndex }[]
  /** Whether no more come after these. */
  end: boolean
}

/** Tells a node that takes over a shard what is stored of it. */
export interface ShardSource {
  /**
   * Throws a ProtocolError: NOT_A_MEMBER unless the peer is one of the previous, current or next committee, NOT_YOURS when
   * the shard is not its own in that epoch, EPOCH_AHEAD of a later epoch, EPOCH_BEHIND while this node is not there yet.
   */
  page(request: ShardPageRequest, context: PeerContext): Promise<ShardPage>
  /** A sliver of a page; undefined when it is not there any more. */
  open(blobId: BlobId, ref: SliverRef, options: { signal: AbortSignal }): Promise<OpenSliver | undefined>
}

/** What is asked of a node that has slivers which cross lost ones; the shapes are the protocol's. */
export type { RecoverQuery, RecoverStatus } from './recover/messages.ts'

/** Hands out what stored slivers have at their crossings with the asker's lost ones. */
export interface RecoverySource {
  /** Throws a ProtocolError: NOT_A_MEMBER, NOT_YOURS, EPOCH_AHEAD, EPOCH_BEHIND, as `ShardSource`. */
  open(query: RecoverQuery, context: PeerContext): Promise<RecoverySymbols>
}

/** What there is of lost slivers. */
export interface RecoverySymbols {
  /** how it stands with each blob of the request */
  readonly blobs: readonly RecoverStatus[]
  /**
   * The cells (a blob that was found, and a source) in the order of the request, some at a time: a symbol for each target,
   * with its path where proofs are asked for; undefined where the sliver is not there. The bytes of each group are held for
   * the peer until the next one is taken.
   */
  symbols(): AsyncIterable<readonly (Uint8Array | undefined)[]>
}

/** What a node says before it sends a proof that a blob was encoded wrongly. */
export interface InconsistencyClaim {
  metadata: BlobMetadata
  /** of the sliver that the proof is about */
  axis: Axis
  /** of the proof in BCS */
  proofBytes: number
}

/** `known`: the node knows already, and the proof need not be sent. Otherwise it does, to `judge`; always `close`. */
export type InconsistencyHearing =
  | { kind: 'known'; attestation: Confirmation }
  | {
      kind: 'open'
      /** Signs that the blob is invalid. Throws a ProtocolError: PROOF_INVALID, or why the blob need not be judged any more. */
      judge(proof: Uint8Array): Promise<Confirmation>
      /** Idempotent. */
      close(): void
    }

/** Looks at proofs that blobs were encoded wrongly, and signs for those that hold. */
export interface InconsistencyJudge {
  /**
   * Before a byte of the proof is taken. Throws a ProtocolError: NOT_A_MEMBER, NOT_IN_COMMITTEE, NOT_REGISTERED, BLOB_GONE,
   * BLOB_INVALID, METADATA_MISMATCH, TOO_LARGE, PROOF_INVALID for one who has lied before, BUSY.
   */
  open(claim: InconsistencyClaim, context: PeerContext): Promise<InconsistencyHearing>
}

/** Whose proofs of which round of storage challenges. */
export interface ChallengeQuery {
  epoch: Epoch
  /** of the epoch, from 0 on */
  round: number
  /** the node that asks: a peer is not always of one node only */
  nodeId: ObjectId
}

/** Of a gossip message. accept: pass it on. ignore: do not, but nobody is to blame. reject: the sender should have known better. */
export type Verdict = 'accept' | 'ignore' | 'reject'

/** What has happened in a round of storage challenges: the salt of its opening, the seed that was drawn, who has committed to what, who has passed. */
export interface ChallengeNews {
  epoch: Epoch
  /** of the epoch, from 0 on */
  round: number
  what:
    | { Opened: Uint8Array }
    | { Drawn: Uint8Array }
    | { Committed: { nodeId: ObjectId; root: Uint8Array } }
    | { Passed: ObjectId }
}

/** What a node shows for one question of a round. */
export interface ChallengeProof {
  /** number of the sliver's leaf in the tree that the node has committed to */
  leaf: number
  /** the piece's symbols; none where the node is excused */
  bytes: Uint8Array
  /** siblings from the piece's leaf to the sliver's, and from there to the root */
  path: Uint8Array[]
  /** siblings from the piece to the sliver's hash in the metadata; none where the piece is the sliver */
  siblings: Uint8Array[]
}

/** `known`: the node has seen the proofs already. Otherwise they are to be sent; always `close`. */
export type ChallengeHearing = { kind: 'known'; signed: Confirmation } | ({ kind: 'open' } & OpenChallenge)

/** One node's proofs, as another one looks at them. */
export interface OpenChallenge {
  /** how many proofs there are to be */
  readonly questions: number
  /** In their order. Throws a ProtocolError: CHALLENGE_FAILED. */
  check(question: number, proof: ChallengeProof): Promise<void>
  /** Signs that all have held. */
  sign(): Confirmation
  /** Idempotent. */
  close(): void
}

/** Looks at what members show in rounds of storage challenges. */
export interface ChallengeJudge {
  /**
   * Throws a ProtocolError: NOT_A_MEMBER, NOT_IN_COMMITTEE of one of them, NO_ROUND as long as this node does not know what is
   * asked, BUSY, TOO_MANY_FAILURES.
   */
  open(query: ChallengeQuery, context: PeerContext): Promise<ChallengeHearing>
}

/** A blob table that a node has: as of an epoch's beginning. Its digest is `tableDigest` of the codec. */
export type SnapshotHead = TableHead

/** Tells and hands out the blob tables that a node has. */
export interface SnapshotSource {
  /** The newest first; two at most. */
  heads(): readonly SnapshotHead[]
  /** One page of the table with this digest; undefined when there is none. */
  page(digest: Uint8Array, page: number): Promise<SnapshotPage | undefined>
}

/** Where a peer may be met; the shape is the protocol's. */
export type { PunchCandidate } from './punch/messages.ts'

/** Meets peers that so far are reached over a relay. */
export interface PunchAnswerer {
  /**
   * A peer offers to be met. Throws a ProtocolError: NOT_AUTHORIZED unless the connection is a relayed one that the peer has
   * dialled, BUSY over a rate, or while a punch with that peer is under way which has the right of way.
   */
  open(offered: readonly PunchCandidate[], connection: Connection, signal: AbortSignal): Promise<PunchMeeting>
}

/** One meeting that was agreed on. */
export interface PunchMeeting {
  /** where this side may be met; none when it knows of no address of its own */
  readonly candidates: readonly PunchCandidate[]
  /** The moment has come. Resolves once there is a direct connection, throws UNREACHABLE when there is none. */
  go(roundTripMs: number): Promise<void>
  /** Gives back its sockets; the connection stays. Idempotent. */
  close(): void
}

/** What a node says of a blob. One node's word: quorums of shards decide. */
export type BlobStatus =
  | { kind: 'nonexistent' }
  | { kind: 'invalid' }
  /** It was certified once, and nobody pays for it since an epoch. Nodes remember that for a while only. */
  | { kind: 'ended'; endEpoch: Epoch }
  | {
      kind: 'known'
      /** certified and unexpired in some form */
      certified: boolean
      /** first epoch in which the blob was certified, if any */
      initialCertifiedEpoch?: Epoch
      endEpoch: Epoch
      deletable: boolean
      /** of a permanent blob: the event that says so, where it is known */
      event?: { txDigest: string; eventSeq: number }
    }

/** What a node says of itself. */
export interface NodeInfo {
  nodeId: string
  /** network identity: the system object's ID */
  network: string
  version: string
  epoch: Epoch
  shards: readonly ShardIndex[]
  storedBlobs: number
  storedBytes: number
}

/** What tells of blobs and of the node itself. */
export interface StatusSource {
  /** What this node knows of the blob from the chain. */
  blobStatus(blobId: BlobId, options?: AbortOptions): Promise<BlobStatus>
  /** The blob's metadata; undefined when the node does not have it. */
  metadata(blobId: BlobId, options?: AbortOptions): Promise<BlobMetadata | undefined>
  /** What this node says of itself. */
  nodeInfo(): Promise<NodeInfo>
}

/** What takes certificates that clients hand over. */
export interface CertificateSink {
  /** Throws a ProtocolError when the certificate is not good. */
  certified(certificate: Certificate, context: CertificateContext): Promise<void>
}

/** What a peer knows of where others are. */
export interface AddressSource {
  /** The signed records of these PeerIds that it has, each at most ADDRESS_RECORD.maxBytes. */
  records(peerIds: readonly string[]): readonly Uint8Array[]
}

/** Dials peers back. */
export interface ReachProber {
  /**
   * For each TCP port whether the peer answers there by its PeerId. `account` is whom the dials count for. Throws BUSY when
   * there are too many.
   */
  probe(
    asker: { peer: string; ip: string; ports: readonly number[]; account: string },
    signal: AbortSignal,
  ): Promise<boolean[]>
}

/** Counters that the protocols feed. */
export interface ProtocolMetrics {
  /** One request ended; `outcome` is `ok` or the code of its error. */
  request(protocol: string, outcome: 'ok' | string, durationMs: number): void
  /** So many bytes of bodies moved. */
  bytes(protocol: string, direction: 'in' | 'out', bytes: number): void
}

export type {
  Axis,
  BlobId,
  BlobMetadata,
  Certificate,
  Confirmation,
  Epoch,
  Persistence,
  ShardIndex,
  SliverRef,
}
