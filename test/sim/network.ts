import { defined } from '../../base/defined.ts'
import type { BlobId, Certificate, Confirmation, SliverRef } from '../../codec/types.ts'
import { peerIdTextOf } from '../../node/network/peer-id.ts'
import type { ComposedNode } from '../../node/storage/compose-node.ts'
import { toProtocolError } from '../../protocols/errors.ts'
import { type PeerAddress, type PeerClient, ProtocolError } from '../../protocols/index.ts'
import type { AbortOptions, ChallengeQuery, PeerContext } from '../../protocols/ports.ts'
import type { SyncedBlob } from '../../protocols/shard-sync/client.ts'
import type { Random } from '../support/random.ts'
import { short } from './chain.ts'
import type { Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'

/** How a node that lies answers. */
export type Lie = 'slivers' | 'symbols' | 'metadata' | 'empty' | 'silent' | 'signs'

/** One that answers, as long as it runs. */
export interface Endpoint {
  readonly name: string
  readonly served: ComposedNode['served']
  readonly certificates: ComposedNode['certificates']
  /** aborts when it is killed */
  readonly down: AbortSignal
  readonly lies: ReadonlySet<Lie>
  /** Somebody has asked what only members may, and is none that it knows. */
  readonly stranger: () => void
  /** Signs for one that it has not looked at, in a storage challenge; undefined before anything is drawn. */
  readonly signs?: ((query: ChallengeQuery) => Confirmation | undefined) | undefined
}

/** One who asks. */
export interface Asker {
  /** the PeerId by which it is known now */
  self: () => string
  name: string
  /** It has asked where nobody is. */
  unreachable?: () => void
}

export interface Weather {
  /** ms from one to another, on average */
  latencyMs: number
  /** share of messages that are lost, and their connections with them */
  loss: number
  bytesPerMs: number
}

/** What a liar has told, to whom. */
export interface ToldLie {
  liar: string
  to: string
  lie: Lie
}

/** A message that is not answered is given up after so long. */
const SILENCE_MS = 10_000
/** Bytes that travel together. */
const CHUNK_BYTES = 256 * 1024
/** Requests of which a peer may have a few open with another. */
const BATCHES = new Set(['recover', 'page'])
const ACROSS = new Set(['UNREACHABLE', 'CONNECTION_LOST', 'CLOSED', 'REFUSED'])

/** Messages between nodes, which take time, get lost, and overtake each other. */
export class SimNetwork {
  readonly weather: Weather
  readonly told: ToldLie[] = []
  /** the most requests of one kind that one peer had open with another at a time */
  readonly most = new Map<string, number>()
  bytes = 0
  requests = 0
  readonly #timeline: Timeline
  readonly #trace: Trace
  readonly #random: Random
  readonly #endpoints = new Map<string, Endpoint>()
  /** the side of a cut on which a peer is; all others are on another */
  readonly #cut = new Set<string>()
  readonly #open = new Map<string, number>()
  /** by name, what to call when one has asked where nobody is */
  readonly #unreachable = new Map<string, () => void>()
  readonly #peerIds = new Map<string, string | undefined>()

  constructor(init: { timeline: Timeline; trace: Trace; random: Random; weather: Weather }) {
    this.#timeline = init.timeline
    this.#trace = init.trace
    this.#random = init.random
    this.weather = init.weather
  }

  /** Each is derived once: a thousand nodes would do so a thousand times. */
  peerIdOf(networkPublicKey: Uint8Array): string | undefined {
    const key = Buffer.from(networkPublicKey).toString('latin1')
    if (!this.#peerIds.has(key)) this.#peerIds.set(key, peerIdTextOf(networkPublicKey))
    return this.#peerIds.get(key)
  }

  join(peerId: string, endpoint: Endpoint): void {
    this.#endpoints.set(peerId, endpoint)
  }

  leave(peerId: string): void {
    this.#endpoints.delete(peerId)
  }

  cut(peerIds: Iterable<string>): void {
    for (const peerId of peerIds) this.#cut.add(peerId)
  }

  /** One who is there under another PeerId as well is on the same side. */
  beside(known: string, peerId: string): void {
    if (this.#cut.has(known)) this.#cut.add(peerId)
  }

  heal(peerIds: Iterable<string>): void {
    for (const peerId of peerIds) this.#cut.delete(peerId)
  }

  /** A certificate, to everybody, one after the other. */
  gossip(from: string, certificate: Certificate): void {
    for (const [peerId, { certificates }] of this.#endpoints) {
      if (peerId === from) continue
      this.#hop(from, peerId, certificate.message.length)
        .then(() => certificates.check(certificate, {}))
        .catch(() => undefined)
    }
  }

  /** The others as one peer sees them. */
  peersOf({ self, name, unreachable }: Asker): PeerClient {
    if (unreachable !== undefined) this.#unreachable.set(name, unreachable)
    const client: Omit<PeerClient, 'connect' | 'nodeInfo' | 'peers'> = {
      store: (peer, { header, sliver }, options) =>
        this.#exchange(self(), name, peer, 'store', options, async ({ served }, context) => {
          const session = await served.custody.open(header, context)
          try {
            await this.#hop(peer.peerId, self(), 100, context.signal)
            let sentBytes = 0
            for (const ref of session.wanted) {
              const data = await sliver(ref)
              const arriving = await session.receive(ref)
              try {
                const parts = data instanceof Uint8Array ? [data] : data.slices(CHUNK_BYTES)
                for await (const part of parts) await arriving.write(part)
                sentBytes += data.length
                await this.#hop(self(), peer.peerId, data.length, context.signal)
                await arriving.accept()
              } finally {
                await arriving.close()
              }
            }
            const confirmation = await session.confirm()
            return { epoch: session.epoch, confirmation, sentBytes }
          } finally {
            session.close()
          }
        }),
      fetch: (peer, items, options) => this.#fetch(self(), name, peer, items, options),
      metadata: (peer, blobId, options) =>
        this.#exchange(self(), name, peer, 'metadata', options, async (node, context) => {
          const metadata = await node.served.status.metadata(blobId, context)
          if (metadata === undefined || !node.lies.has('metadata')) return metadata
          this.#lie(peer, name, 'metadata')
          return { ...metadata, unencodedLength: metadata.unencodedLength + 1 }
        }),
      blobStatus: (peer, blobId, options) =>
        this.#exchange(self(), name, peer, 'status', options, ({ served }, context) =>
          served.status.blobStatus(blobId, context),
        ),
      submitCertificate: (peer, certificate, options) =>
        this.#exchange(self(), name, peer, 'certificate', options, ({ served }, context) =>
          served.certificates.certified(certificate, { ...context, account: self() }),
        ),
      snapshots: (peer, options) =>
        this.#exchange(self(), name, peer, 'tables', options, ({ served }) => served.snapshots.heads()),
      snapshotPage: (peer, { digest, page }, options) =>
        this.#exchange(self(), name, peer, 'table', options, async ({ served }) => {
          const found = await served.snapshots.page(digest, page)
          if (found === undefined) throw new ProtocolError('NO_SNAPSHOT')
          return found
        }),
      proveHeld: (peer, query, proofs, options) =>
        this.#exchange(self(), name, peer, 'challenge', options, async ({ served, lies, signs }, context) => {
          const signed = lies.has('signs') ? signs?.(query) : undefined
          if (signed !== undefined) return signed
          const hearing = await served.challenges!.open(query, context)
          if (hearing.kind === 'known') return hearing.signed
          try {
            for (const [i, proof] of proofs.entries()) await hearing.check(i, proof)
            return hearing.sign()
          } finally {
            hearing.close()
          }
        }),
      proveInconsistent: (peer, { metadata, axis, proof }, options) =>
        this.#exchange(self(), name, peer, 'inconsistency', options, async ({ served }, context) => {
          const hearing = await served.judge.open({ metadata, axis, proofBytes: proof.length }, context)
          if (hearing.kind === 'known') return hearing.attestation
          try {
            return await hearing.judge(proof)
          } finally {
            hearing.close()
          }
        }),
      shardPage: (peer, query, options) => this.#shardPage(self(), name, peer, query, options),
      recover: (peer, query, options) => this.#recover(self(), name, peer, query, options),
      close() {},
      [Symbol.dispose]() {},
    }
    return {
      ...client,
      connect: async () => undefined,
      peers: async () => [],
      nodeInfo: (peer: PeerAddress, options?: AbortOptions) =>
        this.#exchange(self(), name, peer, 'info', options, ({ served }) => served.status.nodeInfo()),
    } as PeerClient
  }

  async *#fetch<Item extends { blobId: BlobId; ref: SliverRef }>(
    self: string,
    name: string,
    peer: PeerAddress,
    items: readonly Item[],
    options: AbortOptions = {},
  ) {
    const answers = await this.#exchange(self, name, peer, 'fetch', options, async (node, context) => {
      const found: (Uint8Array | undefined)[] = []
      for (const { blobId, ref } of items) {
        const bytes = await node.served.slivers.get(blobId, ref, context)
        const isLie = bytes !== undefined && node.lies.has('slivers')
        if (isLie) this.#lie(peer, name, 'slivers')
        found.push(isLie ? spoilSliver(bytes) : bytes)
        if (bytes !== undefined) await this.#stream(peer.peerId, self, bytes.length, context.signal)
      }
      return found
    })
    for (const [i, item] of items.entries())
      yield { item, blobId: item.blobId, ref: item.ref, bytes: answers[i] }
  }

  async *#shardPage(
    self: string,
    name: string,
    peer: PeerAddress,
    query: Parameters<PeerClient['shardPage']>[1],
    options: Parameters<PeerClient['shardPage']>[2],
  ): ReturnType<PeerClient['shardPage']> {
    const { blobs, whole } = await this.#exchange(
      self,
      name,
      peer,
      'page',
      options,
      async (node, context) => {
        const { served, lies } = node
        if (lies.has('empty')) {
          this.#lie(peer, name, 'empty')
          return { blobs: [], whole: false }
        }
        const page = await served.shards.page(query, context)
        const sent: SyncedBlob[] = []
        let bytes = 0
        for (const { blobId, pair } of page.blobs) {
          if (bytes >= query.maxBytes) return { blobs: sent, whole: false }
          const metadata = query.metadata ? await served.status.metadata(blobId, context) : undefined
          const blob: SyncedBlob = defined({ blobId, metadata })
          for (const axis of ['primary', 'secondary'] as const) {
            const sliver = await served.slivers.get(blobId, { pair, axis }, context)
            if (sliver === undefined) continue
            bytes += sliver.length
            const isLie = lies.has('slivers')
            if (isLie) this.#lie(peer, name, 'slivers')
            blob[axis] = isLie ? spoilSliver(sliver) : sliver
          }
          sent.push(blob)
        }
        await this.#stream(peer.peerId, self, bytes, context.signal)
        return { blobs: sent, whole: page.end }
      },
    )
    for (const blob of blobs) {
      options.signal?.throwIfAborted()
      const wanted = await options.lengths(blob.blobId, blob.metadata)
      if (wanted === undefined) continue
      for (const axis of ['primary', 'secondary'] as const)
        if (blob[axis] !== undefined && blob[axis].length !== wanted[axis])
          throw new ProtocolError('VIOLATION')
      yield blob
    }
    return { whole }
  }

  async *#recover(
    self: string,
    name: string,
    peer: PeerAddress,
    query: Parameters<PeerClient['recover']>[1],
    options: Parameters<PeerClient['recover']>[2],
  ): ReturnType<PeerClient['recover']> {
    const found = await this.#exchange(self, name, peer, 'recover', options, async (node, context) => {
      const { blobs, symbols } = await node.served.recovery.open(query, context)
      const cells: (Uint8Array | undefined)[] = []
      for await (const group of symbols()) {
        for (const cell of group) {
          const isLie = cell !== undefined && node.lies.has('symbols')
          if (isLie) this.#lie(peer, name, 'symbols')
          cells.push(isLie ? spoilSymbols(cell) : cell)
        }
        const bytes = group.reduce((sum, cell) => sum + (cell?.length ?? 0), 0)
        await this.#stream(peer.peerId, self, bytes, context.signal)
      }
      return { blobs, cells }
    })
    const there = [...found.blobs.keys()].filter(i => found.blobs[i]!.status === 'found')
    for (const [at, data] of found.cells.entries()) {
      options.signal?.throwIfAborted()
      if (data === undefined) continue
      const blob = there[Math.floor(at / query.sources.length)]!
      yield { blob, source: at % query.sources.length, data }
    }
    return found.blobs
  }

  /** One request and its answer. */
  async #exchange<T>(
    self: string,
    name: string,
    peer: PeerAddress,
    kind: string,
    { signal }: AbortOptions = {},
    serve: (node: Endpoint, context: PeerContext) => Promise<T> | T,
  ): Promise<T> {
    signal?.throwIfAborted()
    const leave = BATCHES.has(kind) ? this.#enter(kind, `${kind} ${self} ${peer.peerId}`) : undefined
    this.requests++
    const context = contextOf(self, signal)
    try {
      await this.#hop(self, peer.peerId, 200, signal)
      const node = this.#endpoints.get(peer.peerId)
      if (node === undefined) {
        this.#unreachable.get(name)?.()
        throw new ProtocolError('UNREACHABLE')
      }
      this.#trace.note(`${name} > ${node.name} ${kind}`)
      if (node.lies.has('silent')) {
        this.#lie(peer, name, 'silent')
        await this.#timeline.clock.sleep(SILENCE_MS, signal)
        throw new ProtocolError('TIMEOUT')
      }
      const served = serve(node, context)
      const answer =
        served instanceof Promise
          ? await unlessAborted(served, [signal, node.down]).catch(error => {
              if (error instanceof ProtocolError && error.code === 'NOT_A_MEMBER') node.stranger()
              throw error
            })
          : served
      await this.#hop(peer.peerId, self, 100, signal)
      return answer
    } catch (error) {
      signal?.throwIfAborted()
      throw this.#asSeen(error)
    } finally {
      context.end()
      leave?.()
    }
  }

  /** Counts what is open at a time, until what this gives is called. */
  #enter(kind: string, key: string): () => void {
    const open = (this.#open.get(key) ?? 0) + 1
    this.#open.set(key, open)
    this.most.set(kind, Math.max(open, this.most.get(kind) ?? 0))
    return () => {
      const left = this.#open.get(key)! - 1
      if (left > 0) this.#open.set(key, left)
      else this.#open.delete(key)
    }
  }

  /** What is not of this side was sent by the peer. */
  #asSeen(error: unknown): ProtocolError {
    const { code, details, retryAfterMs } = toProtocolError(error)
    const remote = !ACROSS.has(code) && !(code === 'TIMEOUT')
    return new ProtocolError(code, {
      details: details as never,
      remote,
      cause: error,
      retryAfterMs,
    })
  }

  /** What a body takes beside its request. */
  async #stream(from: string, to: string, bytes: number, signal: AbortSignal): Promise<void> {
    this.bytes += bytes
    if (bytes >= CHUNK_BYTES) await this.#hop(from, to, bytes, signal)
  }

  async #hop(from: string, to: string, bytes: number, signal?: AbortSignal): Promise<void> {
    const { latencyMs, loss, bytesPerMs } = this.weather
    const { clock } = this.#timeline
    if (this.#cut.has(from) !== this.#cut.has(to)) {
      await clock.sleep(SILENCE_MS, signal)
      throw new ProtocolError('UNREACHABLE')
    }
    const isLost = this.#random.chance(loss)
    await clock.sleep(
      isLost
        ? SILENCE_MS * this.#random.next()
        : latencyMs * (0.2 + 1.6 * this.#random.next()) + bytes / bytesPerMs,
      signal,
    )
    if (isLost) throw new ProtocolError('CONNECTION_LOST')
  }

  #lie(peer: PeerAddress, to: string, lie: Lie): void {
    const liar = this.#endpoints.get(peer.peerId)?.name ?? short(peer.peerId)
    this.told.push({ liar, to, lie })
  }
}

/** Who asks, and a signal that is made for those who look at it: most answers are there before anybody could. */
function contextOf(peer: string, asker: AbortSignal | undefined): PeerContext & { end: () => void } {
  let over: AbortController | undefined
  const onAbort = (): void => over?.abort(asker?.reason)
  return {
    peer,
    get signal() {
      if (over !== undefined) return over.signal
      over = new AbortController()
      if (asker?.aborted) onAbort()
      else asker?.addEventListener('abort', onAbort)
      return over.signal
    },
    end() {
      if (over === undefined) return
      asker?.removeEventListener('abort', onAbort)
      over.abort(CLOSED)
    },
  }
}

const CLOSED = new ProtocolError('CLOSED')

/** What a promise gives, unless one of the signals comes first. */
function unlessAborted<T>(promise: Promise<T>, signals: readonly (AbortSignal | undefined)[]): Promise<T> {
  const aborted = signals.find(signal => signal?.aborted)
  if (aborted !== undefined) {
    promise.catch(() => undefined)
    return Promise.reject(aborted.reason)
  }
  return new Promise((resolve, reject) => {
    const onAbort = ({ target }: Event): void => {
      end()
      reject((target as AbortSignal).reason)
    }
    const end = (): void => {
      for (const signal of signals) signal?.removeEventListener('abort', onAbort)
    }
    for (const signal of signals) signal?.addEventListener('abort', onAbort)
    promise.then(
      value => {
        end()
        resolve(value)
      },
      error => {
        end()
        reject(error)
      },
    )
  })
}

/** A byte of its first symbols, behind what says its length. */
export function spoilSliver(bytes: Uint8Array): Uint8Array {
  const wrong = bytes.slice()
  wrong[6]! ^= 1
  return wrong
}

/** Each symbol, whatever its size: two bytes tell it. */
function spoilSymbols(cell: Uint8Array): Uint8Array {
  const wrong = cell.slice()
  for (let i = 0; i < wrong.length; i += 2) wrong[i]! ^= 1
  return wrong
}
