/**
 * What the protocols need of the world. node/ and chain/ satisfy these structurally; protocols import neither.
 */
import type {
  Axis,
  BlobId,
  BlobMetadata,
  Certificate,
  Confirmation,
  Epoch,
  Persistence,
  ShardIndex,
  SliverRef,
} from '../codec/types.ts'

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
  /** So many bytes are in memory until what it gives is called. */
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

/** One upload as the storage node sees it. The handler calls `wanted`, then `accept` for each, then `confirm`; always `close`. */
export interface StoreSession {
  readonly epoch: Epoch
  /** slivers of this node's shards that it does not have yet */
  readonly wanted: readonly SliverRef[]
  /** Verifies against the metadata and persists; throws a ProtocolError otherwise. The bytes are used again afterwards. */
  accept(ref: SliverRef, bytes: Uint8Array): Promise<void>
  /** Signs once everything of this node's shards is durable. */
  confirm(): Promise<Confirmation>
  /** The upload is over, however it went. Idempotent. */
  close(): void
}

/** Satisfied by node/services/custody. */
export interface Custody {
  /** Throws a ProtocolError: metadata that does not match, unregistered blob, not in the committee... */
  open(header: StoreHeader, context: PeerContext): Promise<StoreSession>
}

/** What a node says of a blob. One node's word: quorums of shards decide. */
export type BlobStatus =
  | { kind: 'nonexistent' }
  | { kind: 'invalid' }
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

/** Satisfied by node/services/status. */
export interface StatusSource {
  /** What this node knows of the blob from the chain. */
  blobStatus(blobId: BlobId, options?: AbortOptions): Promise<BlobStatus>
  /** The blob's metadata; undefined when the node does not have it. */
  metadata(blobId: BlobId, options?: AbortOptions): Promise<BlobMetadata | undefined>
  /** What this node says of itself. */
  nodeInfo(): Promise<NodeInfo>
}

/** Satisfied by node/services/certified: a certificate that a client hands over, or that gossip brings. */
export interface CertificateSink {
  /** Throws a ProtocolError when the certificate is not good. */
  certified(certificate: Certificate, context: CertificateContext): Promise<void>
}

/** Counters that the protocols feed; node/metrics satisfies it. */
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
