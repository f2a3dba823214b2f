/** What the page and its worker say to each other. Plain data: it is cloned on the way. */
import type { NetworkConfig } from '../../chain/types/index.ts'
import type { ByteRange } from '../client/types.ts'
import type { PagePlace } from './page-place.ts'
import type { RtcCall } from './rtc-port.ts'

/** To the worker. The first is `start`. */
export type Order =
  | { kind: 'start'; network: NetworkConfig; page: PagePlace }
  | { kind: 'read'; id: number; blobId: string; range?: ByteRange }
  | { kind: 'cancel'; id: number }

/** From the worker. */
export type Report =
  | RtcCall
  | { kind: 'ready'; epoch: number; nodes: number; shards: number; rpcs: RpcAnswer[] }
  | ({ kind: 'down' } & Failure)
  | { kind: 'found'; id: number; size: number }
  | { kind: 'piece'; id: number; bytes: Uint8Array }
  | { kind: 'peer'; id: number; peer: PeerView }
  | { kind: 'done'; id: number; durationMs: number }
  | ({ kind: 'failed'; id: number } & Failure)

/** What went wrong: a code for programs, and words for people. */
export interface Failure {
  code: string
  message: string
}

/** What a Sui RPC says of the committee. */
export interface RpcAnswer {
  url: string
  /** undefined when it did not answer */
  epoch?: number
  /** what it says in short; equal where RPCs agree */
  digest?: string
}

/** One peer's part in a read, as it is at the moment. */
export interface PeerView {
  peerId: string
  /** its node's name on chain */
  name: string
  /** how it was reached: `ws`, `wss`, `webrtc`, `relay`, or `-` before */
  path: string
  askedSlivers: number
  answeredSlivers: number
  bytes: number
  /** asked after others were, because these were slow, gone or wrong */
  isHedge: boolean
  /** what it sent is not of the blob */
  isLiar: boolean
  state: 'asked' | 'answered' | 'left' | 'failed'
  /** error code of a failure */
  problem?: string
}
