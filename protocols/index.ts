/**
 * What peers say to each other over libp2p, and its limits.
 * @module floe/protocols
 */
export { deadline } from './deadline.ts'
export {
  ERROR_CODES,
  ProtocolError,
  type ProtocolErrorArgs,
  type ProtocolErrorCode,
  toProtocolError,
} from './errors.ts'
export type { FetchedSliver, FetchRequestItem } from './fetch/client.ts'
export { type CertifiedTopic, createCertifiedTopic } from './gossip/certified.ts'
export { createPeerClient, type PeerClient } from './peer-client.ts'
export type * from './ports.ts'
export { SLIVER_PIECE_BYTES } from './ports.ts'
export { createQuotas, type QuotaLimits, type Quotas, type StreamQuota } from './quota/quotas.ts'
export type { ClientComponents, NetworkIdentity, ServerComponents } from './rpc/components.ts'
export type { PeerAddress } from './rpc/dial.ts'
export { addressOf, ipToCount } from './rpc/remote-address.ts'
export { type ProtocolServer, type ServeProtocolsOptions, type ServerPorts, serveProtocols } from './serve.ts'
export { CERTIFICATES, CERTIFIED_TOPIC, certifiedTopic, QUOTAS, SPECS } from './specs.ts'
export {
  encodeStoreRequest,
  type OutgoingSliver,
  type SlicedSliver,
  type StoreInput,
  type StoreOutcome,
} from './store/client.ts'
