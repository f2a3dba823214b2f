/**
 * What peers say to each other over libp2p, and its limits.
 * @module floe/protocols
 */
export { type CircuitEnd, connectThrough, receiveCall, reserveAt } from './circuit/client.ts'
export { CircuitError, type CircuitErrorCode } from './circuit/errors.ts'
export { createHandshake, type Handshake } from './circuit/handshake.ts'
export {
  CIRCUIT_REASONS,
  type CircuitLimit,
  type CircuitReason,
  type CircuitStatus,
  type HopAnswer,
  HopAnswerMessage,
  type HopRequest,
  HopRequestMessage,
  StopAnswerMessage,
  StopRequestMessage,
} from './circuit/messages.ts'
export { peerDeadline } from './deadline.ts'
export {
  ERROR_CODES,
  ProtocolError,
  type ProtocolErrorCode,
  type ProtocolErrorDetails,
  toProtocolError,
} from './errors.ts'
export type { FetchedSliver, FetchOptions, FetchRequestItem } from './fetch/client.ts'
export { type AddressTopic, createAddressTopic } from './gossip/address.ts'
export { type CertifiedTopic, createCertifiedTopic } from './gossip/certified.ts'
export { type ChallengeTopic, createChallengeTopic } from './gossip/challenge.ts'
export type { Accusation } from './inconsistency/client.ts'
export { createPeerClient, type PeerClient } from './peer-client.ts'
export { MAX_ASKED_PEERS } from './peers/messages.ts'
export type * from './ports.ts'
export { SLIVER_PIECE_BYTES } from './ports.ts'
export { agreeToPunch, type PunchAgreement } from './punch/client.ts'
export { MAX_PUNCH_CANDIDATES } from './punch/messages.ts'
export { type Bandwidth, type BandwidthView, createBandwidth, type PeerLine } from './quota/bandwidth.ts'
export type { BandwidthLimits } from './quota/bandwidth-limits.ts'
export type { PathTraffic } from './quota/path-meters.ts'
export { createQuotas, type QuotaLimits, type Quotas, type StreamQuota } from './quota/quotas.ts'
export { askReach } from './reach/client.ts'
export { MAX_REACH_PORTS, type ReachFindings } from './reach/messages.ts'
export type { RecoveredSymbols, RecoverOptions } from './recover/client.ts'
export { ID_PREFIX_BYTES, MAX_RECOVERED, type RecoverBlobs } from './recover/messages.ts'
export type { ClientComponents, NetworkIdentity, ServerComponents } from './rpc/components.ts'
export type { Dialer, PeerAddress } from './rpc/dial.ts'
export { addressOf, ipToCount } from './rpc/remote-address.ts'
export { createTransfers, type Transfers } from './rpc/transfers.ts'
export {
  type Asker,
  type ProtocolServer,
  type ServeProtocolsOptions,
  type ServerPorts,
  serveDirectory,
  serveProtocols,
} from './serve-protocols.ts'
export type { ShardSyncOptions, SyncedBlob } from './shard-sync/client.ts'
export type { ShardSyncQuery } from './shard-sync/messages.ts'
export type { SnapshotPage, SnapshotQuery } from './snapshot/messages.ts'
export {
  ADDRESS_RECORD,
  addressTopic,
  CERTIFICATES,
  CERTIFIED_TOPIC,
  CHALLENGE_TOPIC,
  CIRCUIT,
  CLIENT,
  certifiedTopic,
  challengeTopic,
  HTTP,
  PUNCH,
  QUOTAS,
  REACH,
  RECOVER_SHARE,
  SPECS,
  STUN,
} from './specs.ts'
export {
  encodeStoreRequest,
  type OutgoingSliver,
  type SlicedSliver,
  type StoreInput,
  type StoreOutcome,
} from './store/client.ts'
export { createStreamReader, type StreamReader } from './stream/reader.ts'
export { createStreamWriter } from './stream/writer.ts'
export {
  decodeStunAnswer,
  decodeStunRequest,
  encodeStunAnswer,
  encodeStunRequest,
  type SeenAddress,
  STUN_HEADER_BYTES,
  stunLength,
} from './stun/messages.ts'
