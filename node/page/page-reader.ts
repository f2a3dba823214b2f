import type { Clock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { createCommitteeSource } from '../../chain/index.ts'
import type { Committee, NetworkConfig } from '../../chain/types/index.ts'
import { type BlobCodec, createCodec, type ReadKernel } from '../../codec/browser.ts'
import { createReader, parseBlobId, type Reader } from '../client/browser.ts'
import type { ByteRange } from '../client/types.ts'
import type { PeerEvent } from '../client/watch-peers.ts'
import { createDialingNode } from '../network/dialing-node.ts'
import { peerIdTextOf } from '../network/peer-id.ts'
import type { RtcConnect } from '../network/web-rtc/dialing.ts'
import { agreeOnCommittee, answeringFirst, PageError } from './agree.ts'
import type { Failure, PeerView, RpcAnswer } from './messages.ts'
import type { PagePlace } from './page-place.ts'
import { pageTransports, pathWord } from './page-transports.ts'
import { createPeerViews } from './peer-views.ts'

export interface PageReaderInit {
  network: NetworkConfig
  page: PagePlace
  clock: Clock
  random: () => number
  /** gives the codec's kernel; fetched from below the script's folder when absent */
  readKernel?: ReadKernel
  /** how WebRTC is had; not at all when absent */
  rtc?: RtcConnect
}

export interface PageReadOptions {
  range?: Partial<ByteRange>
  signal: AbortSignal
  /** the size of the whole blob, before its first byte */
  onFound?: (size: number) => void
  /** a peer's part, whenever it changes */
  onPeer?: (view: PeerView) => void
}

/** Reads for a page, wherever it runs: in its worker or in a service worker. */
export interface PageReader {
  readonly committee: Committee
  readonly rpcs: readonly RpcAnswer[]
  /** Verified bytes in order. Throws ClientError, CodecError for what is no blob ID, and the signal's reason. */
  read(blobId: string, options: PageReadOptions): AsyncGenerator<Uint8Array, void, undefined>
  close(): Promise<void>
}

/** Pauses before RPCs that disagree are asked again. */
const AGAIN_MS = 2_000

/** What RPCs get that have not answered when half have. */
const GRACE_MS = 3_000

/** Asks the chain, all its RPCs, and then nobody until something is read. Throws PageError, ChainError. */
export async function createPageReader(init: PageReaderInit): Promise<PageReader> {
  const { network, clock, random } = init
  const { answers, committee } = await askRpcs(init)
  // one that goes later is replaced by the next
  const suiRpc = answeringFirst(answers)
  const chain = createCommitteeSource({ ...network, suiRpc }, { clock, random })
  try {
    const codec = await readyCodec(init)
    const libp2p = await createDialingNode(pageTransports(init), { log: silentLog(), clock })
    const listeners = new Map<string, Set<(event: PeerEvent) => void>>()
    const onPeer = (event: PeerEvent): void => {
      for (const tell of listeners.get(event.blobId) ?? []) tell(event)
    }
    const reader = await createReader(network, {
      libp2p,
      coordinator: chain,
      codec,
      clock,
      random,
      onPeer,
    })
    const names = new Map(
      committee.members.map(({ networkPublicKey, name }) => [peerIdTextOf(networkPublicKey) ?? '', name]),
    )
    const pathOf = (peerId: string): string => {
      const open = libp2p
        .getConnections()
        .find(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === peerId)
      return open === undefined ? '-' : pathWord(open.remoteAddr)
    }
    const peerIds = new Map(
      committee.members.map(({ networkPublicKey, nodeId }) => [
        String(nodeId),
        peerIdTextOf(networkPublicKey) ?? '',
      ]),
    )
    return {
      committee,
      rpcs: answers,
      async *read(blobId, options) {
        const views = createPeerViews(() => clock.monotonic())
        const { onPeer: show = () => undefined } = options
        const tell = (event: PeerEvent): void =>
          show(
            views.heard(event, { name: names.get(event.peerId) ?? event.peerId, path: pathOf(event.peerId) }),
          )
        const id = parseBlobId(blobId)
        const told = listeners.get(id) ?? new Set()
        listeners.set(id, told.add(tell))
        try {
          yield* stream(reader, id, options, nodes => {
            for (const view of views.lied(nodes.map(node => peerIds.get(node) ?? node))) show(view)
          })
        } finally {
          told.delete(tell)
          if (told.size === 0) listeners.delete(id)
        }
      },
      async close() {
        await reader.close()
        await libp2p.stop()
        await codec.close()
        await chain.close()
      },
    }
  } catch (error) {
    await chain.close()
    throw error
  }
}

/** Each by a coordinator of its own, so that none answers for another. */
async function askRpcs({ network, clock, random }: PageReaderInit): ReturnType<typeof agreeOnCommittee> {
  const rpcs = network.suiRpc.map(url => ({
    url,
    chain: createCommitteeSource({ ...network, suiRpc: [url] }, { clock, random }),
  }))
  try {
    return await agreeOnCommittee(rpcs, {
      pause: () => clock.sleep(AGAIN_MS),
      grace: signal => clock.sleep(GRACE_MS, signal),
    })
  } finally {
    await Promise.all(rpcs.map(({ chain }) => chain.close()))
  }
}

async function* stream(
  reader: Reader,
  blobId: ReturnType<typeof parseBlobId>,
  { range, signal, onFound }: PageReadOptions,
  lied: (nodeIds: readonly string[]) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using blob = await reader.open(blobId, { signal })
  onFound?.(blob.size)
  const tellLiars = (): void => lied(blob.liars.map(({ nodeId }) => nodeId))
  try {
    for await (const piece of blob.stream({ ...range, signal })) {
      tellLiars()
      yield piece
    }
  } finally {
    tellLiars()
  }
}

/** One that has its kernel: what the gateway gives is to be there before the gateway goes. */
async function readyCodec({ readKernel, clock }: PageReaderInit): Promise<BlobCodec> {
  const codec = createCodec({ threads: 0, readKernel, clock })
  await codec.metadata(new Uint8Array(1), SMALLEST_SHARDS)
  return codec
}

const SMALLEST_SHARDS = 4

/** What a page tells people of an error. */
export function failureOf(error: unknown): Failure {
  const { code, message } =
    error instanceof Error ? (error as Error & { code?: unknown }) : { message: String(error) }
  return {
    code: typeof code === 'string' ? code : error instanceof PageError ? error.code : 'FAILED',
    message,
  }
}
