import { equalBytes } from '../../base/bytes.ts'
import { silentLog } from '../../base/log.ts'
import type { NodeOperator } from '../../chain/types/index.ts'
import {
  type BlobCodec,
  type Bls,
  type ConfirmationBody,
  challengeMessage,
  parseConfirmationMessage,
} from '../../codec/index.ts'
import type { BlobId, Confirmation, Epoch, ObjectId, ShardIndex, SliverRef } from '../../codec/types.ts'
import { createCommitteeTracker, readingAgain, STRANGERS_MS } from '../../node/network/committees.ts'
import type { MemberIndex } from '../../node/network/member-index.ts'
import { createPeerBook } from '../../node/network/peer-book.ts'
import {
  type ComposedNode,
  type ComposeNodeInit,
  composeNode,
  type NodeParts,
} from '../../node/storage/compose-node.ts'
import { ProtocolError } from '../../protocols/index.ts'
import type { ChallengeQuery } from '../../protocols/ports.ts'
import type { Random } from '../support/random.ts'
import type { SimChain } from './chain.ts'
import { type Disk, shardOf } from './disk.ts'
import { type Lie, type SimNetwork, spoilSliver } from './network.ts'
import type { SimRounds } from './rounds.ts'
import type { SimRpc } from './rpc.ts'
import type { SkewedClock, Timeline } from './timeline.ts'
import type { Trace } from './trace.ts'
import type { TreeFiles } from './tree-files.ts'

export interface SimNodeInit {
  nodeId: ObjectId
  /** under its first network key */
  peerId: string
  name: string
  /** its BLS keys: that of the first epoch, and those that replace it */
  secrets: Uint8Array[]
  /** replaced before the first start where a disk begins with something */
  disk: Disk
  chain: SimChain
  network: SimNetwork
  timeline: Timeline
  trace: Trace
  random: Random
  codec: BlobCodec
  /** one for all: it depends on committees alone */
  members: MemberIndex
  bls: Bls
  rpc: SimRpc
  skew: { offsetMs: number; rate: number }
  /** how a disk's blob tables are written; by each node itself when absent */
  writing?: ((disk: Disk) => NonNullable<ComposeNodeInit['writeTable']>) | undefined
  /** storage challenges; none when absent */
  challenges?: { rounds: SimRounds; trees: TreeFiles } | undefined
  /** certificates that clients hand over are told to all */
  gossips: boolean
  /** It has signed that it keeps a blob. */
  onSigned: (node: SimNode, body: ConfirmationBody) => void
  /** It has found another one lying. */
  onAccused: (node: SimNode, liar: ObjectId, what: string) => void
  /** It is about to write slivers, or to remove a shard. */
  onWrite: (node: SimNode, shards: readonly ShardIndex[], records: NodeParts['node']) => Promise<void>
  onRemove: (node: SimNode, shard: ShardIndex) => void
}

/** What of a node ends with it. */
interface Life {
  isDead: boolean
  down: AbortController
  time: SkewedClock
  services: ComposedNode | undefined
  /** Its own word of others' keys is read again. */
  stranger: () => void
}

/** As the keys of real nodes: an epoch that began with both is over then. */
const KEPT_EPOCHS = 2

/** A storage node: its disk, its clock, and the services of composeNode while it runs. */
export class SimNode {
  readonly init: SimNodeInit
  readonly lies = new Set<Lie>()
  /** whether it has ever been told to lie */
  everLied = false
  /** Of which slivers it gives nothing, or other bytes, though it is to have them. */
  holdsBack: { isOf: (blobId: BlobId, ref: SliverRef) => boolean; as: 'nothing' | 'garbage' } | undefined
  /** since when its RPC has been well, in ms of the timeline */
  rpcWellSince = 0
  /** since when it has run, in ms of the timeline */
  startedAt = 0
  #life: Life | undefined
  /** that by which it asks others, and besides it the next one or the one before */
  #peerIds: string[]
  /** in which epoch it went over to the key that it has */
  #renewedIn: number | undefined

  constructor(init: SimNodeInit) {
    this.init = init
    this.#peerIds = [init.peerId]
  }

  /** under which it is there: two while its network key is replaced */
  get peerIds(): readonly string[] {
    return this.#peerIds
  }

  get nodeId(): ObjectId {
    return this.init.nodeId
  }

  get name(): string {
    return this.init.name
  }

  get disk(): Disk {
    return this.init.disk
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  get services(): ComposedNode | undefined {
    return this.#life?.services
  }

  async start(): Promise<void> {
    if (this.#life !== undefined) return
    const { init } = this
    const { nodeId, chain, timeline, trace, random, network, name, rpc } = init
    const life: Life = {
      isDead: false,
      down: new AbortController(),
      time: timeline.skewed(init.skew),
      services: undefined,
      stranger: () => undefined,
    }
    this.#life = life
    this.startedAt = timeline.ms
    trace.note(`${name} starts`)
    const { clock } = life.time
    const coordinator = mortal(rpc.coordinator(), life, ['committees', 'epochTiming', 'follow'])
    const parts = await init.disk.open({
      clock,
      guard: store => this.#guarded(store, life),
      challenges: init.challenges !== undefined,
    })
    if (life.isDead) return
    const committees = createCommitteeTracker(coordinator)
    const again = { clock, log: silentLog() }
    life.stranger = readingAgain(committees, { ...again, everyMs: STRANGERS_MS })
    const asker = { self: () => this.#peerIds[0]!, name, unreachable: readingAgain(committees, again) }
    const services = await composeNode({
      nodeId,
      network: chain.network,
      nShards: chain.nShards,
      store: parts,
      chain: coordinator,
      committees,
      members: init.members,
      peers: mortal(network.peersOf(asker), life, [
        'store',
        'fetch',
        'metadata',
        'blobStatus',
        'shardPage',
        'snapshots',
        'snapshotPage',
        'proveInconsistent',
        'proveHeld',
        'recover',
      ]),
      book: createPeerBook({
        network: chain.network,
        peerIdOf: key => network.peerIdOf(key),
        clock,
        random: random.next,
      }),
      codec: init.codec,
      bls: this.#signing(),
      blsSecret: init.secrets[0]!,
      blsSecretFor: epoch => this.#secretFor(epoch),
      operator: mortal<NodeOperator>(rpc.operator(nodeId), life, [
        'votingEnd',
        'initiateEpochChange',
        'epochSyncDone',
      ]),
      ...this.#challenging(life),
      metrics: {
        liar: (liar, what) => init.onAccused(this, liar as ObjectId, what),
        tables() {},
        worked() {},
        scrubFound() {},
        watchPeers: () => () => undefined,
      },
      refusals: { refused() {} },
      writeTable: init.writing?.(init.disk),
      clock,
      random: random.next,
      log: silentLog(),
    })
    // killed while it started
    if (life.isDead) return
    life.services = services
    this.#listen()
    if (init.gossips)
      services.certificates.onCertificate(certificate => network.gossip(this.#peerIds[0]!, certificate))
  }

  /** Under all its keys. */
  #listen(): void {
    const life = this.#life
    if (life?.services === undefined) return
    const { served, certificates } = life.services
    const { name, network } = this.init
    const { stranger } = life
    const { lies } = this
    const signs = (query: ChallengeQuery) => this.#signUnseen(query)
    for (const peerId of this.#peerIds)
      network.join(peerId, { name, served, certificates, stranger, down: life.down.signal, lies, signs })
  }

  /** With which it takes part in storage challenges. */
  #challenging(life: Life): Pick<ComposeNodeInit, 'challenger' | 'challengesPath'> {
    const { challenges, rpc, nodeId, name } = this.init
    if (challenges === undefined) return {}
    const { rounds, trees } = challenges
    const challenger = rpc.challenger(nodeId, rounds)
    return {
      challenger: mortal(challenger, life, ['parameters', 'open', 'commit', 'draw', 'pass']),
      challengesPath: trees.folderOf(name),
    }
  }

  #signUnseen({ epoch, round, nodeId }: ChallengeQuery): Confirmation | undefined {
    const { challenges, bls } = this.init
    const message = challenges?.rounds.messageOf({ epoch, number: round }, nodeId)
    const secret = this.#secretFor(epoch)
    return message && secret && { message, signature: bls.sign(secret, message) }
  }

  /** All that it has kept is gone. */
  async wipe(): Promise<void> {
    const { challenges, disk, name } = this.init
    await disk.wipe()
    challenges?.trees.drop(challenges.trees.folderOf(name))
  }

  /** It listens under another network key, and goes over to it once the chain tells of it; the one before stays for a while. */
  renewNetworkKey(networkPublicKey: Uint8Array): void {
    const { nodeId, name, network, chain, trace, timeline, rpc } = this.init
    if (this.#peerIds.length > 1) return
    const peerId = network.peerIdOf(networkPublicKey)!
    trace.note(`${name} has another network key`)
    network.beside(this.#peerIds[0]!, peerId)
    this.#peerIds.push(peerId)
    this.#listen()
    chain.setNetworkKey(nodeId, networkPublicKey)
    timeline.after(rpc.faults.latencyMs + rpc.faults.lagMs, () => {
      this.#peerIds.reverse()
      this.#renewedIn = chain.epoch
    })
  }

  /** An epoch has begun: a key that was replaced may go. */
  dropOldNetworkKey(epoch: Epoch): void {
    if (this.#renewedIn === undefined || epoch < this.#renewedIn + KEPT_EPOCHS) return
    this.init.network.leave(this.#peerIds.pop()!)
    this.#renewedIn = undefined
  }

  /** From here on nothing that it does reaches its disk, or anybody. */
  kill(): void {
    const life = this.#life
    if (life === undefined) return
    this.init.trace.note(`${this.name} is killed`)
    this.#life = undefined
    life.isDead = true
    life.time.stop()
    for (const peerId of this.#peerIds) this.init.network.leave(peerId)
    life.down.abort(new ProtocolError('CONNECTION_LOST'))
  }

  /** How it stands, for people. */
  async describe(): Promise<string> {
    const { rpc, disk } = this.init
    const faults = Object.entries(rpc.faults).filter(([name, value]) => name !== 'latencyMs' && value)
    const { missing, state, epoch, reported } =
      (await this.init.timeline.now(async () => this.services?.upkeep.view())) ?? {}
    const cursor = await disk.blobs.cursor().catch(() => '?')
    const shards = [...(await disk.node.shards().catch(() => new Map()))]
    return [
      this.name,
      this.isRunning ? 'runs' : 'down',
      `${state} in ${epoch}, reported ${reported}, at event ${cursor}`,
      `missing ${JSON.stringify(missing)}`,
      `shards ${shards.map(([shard, record]) => `${shard} ${record.state} ${record.epoch}`).join(', ')}`,
      ...[...this.lies].map(lie => `lies: ${lie}`),
      ...faults.map(([name, value]) => `${name} ${value}`),
    ].join('; ')
  }

  async stop(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.init.trace.note(`${this.name} stops`)
    for (const peerId of this.#peerIds) this.init.network.leave(peerId)
    await life.services?.stop()
    this.kill()
  }

  /** What it writes, while it lives, and told before. */
  #guarded(parts: NodeParts, life: Life): NodeParts {
    const { init } = this
    const { nShards } = init.chain
    const shards = mortal(
      parts.shards,
      life,
      ['put', 'putMany', 'delete', 'deleteShard', 'list', 'listShard'],
      {
        put: ([blobId, ref]) => init.onWrite(this, [shardOf(blobId, ref, nShards)], parts.node),
        putMany: ([slivers]) => {
          const written = new Set(slivers.map(({ blobId, ref }) => shardOf(blobId, ref, nShards)))
          return init.onWrite(this, [...written], parts.node)
        },
        deleteShard: ([shard]) => init.onRemove(this, shard),
      },
    )
    if (init.challenges !== undefined) shards.get = this.#holding(parts.shards, life)
    return {
      ...parts,
      shards,
      slivers: shards,
      tables: mortal(parts.tables, life, ['commit', 'drop', 'dropBefores']),
      metadata: mortal(parts.metadata, life, ['put', 'delete']),
      blobs: mortal(parts.blobs, life, ['advance', 'rewind', 'forget', 'dropped', 'commit', 'get']),
      node: mortal(parts.node, life, ['commit', 'missingOf']),
    }
  }

  /** What it gives of its slivers. */
  #holding(shards: NodeParts['shards'], life: Life): NodeParts['shards']['get'] {
    return async (blobId, ref, options) => {
      const bytes = await shards.get(blobId, ref, options)
      if (life.isDead) return await new Promise(() => undefined)
      if (bytes === undefined || !this.holdsBack?.isOf(blobId, ref)) return bytes
      return this.holdsBack.as === 'garbage' ? spoilSliver(bytes) : undefined
    }
  }

  /** Another BLS key, from the next committee on that is selected. */
  renewBlsKey(secret: Uint8Array): void {
    const { bls, chain, secrets, trace } = this.init
    secrets.push(secret)
    chain.setBlsKey(this.nodeId, bls.publicKey(secret))
    trace.note(`${this.name} has another BLS key`)
  }

  /** The key by which the committee of an epoch verifies. */
  #secretFor(epoch: Epoch): Uint8Array | undefined {
    const { bls, chain, secrets } = this.init
    const member = chain.past.get(epoch)?.members.find(({ nodeId }) => nodeId === this.nodeId)
    return member && secrets.find(secret => equalBytes(bls.publicKey(secret), member.blsPublicKey))
  }

  #signing(): Bls {
    const { bls, onSigned } = this.init
    return {
      ...bls,
      sign: (secret, message) => {
        if (!isOfChallenge(message)) onSigned(this, parseConfirmationMessage(message))
        return bls.sign(secret, message)
      },
    }
  }
}

const [HEADER, ZEROS] = [3, new Uint8Array(32)]
const OF_CHALLENGE = challengeMessage({
  ...{ epoch: 0 as Epoch, round: 0, nodeId: `0x${'0'.repeat(64)}` as ObjectId, root: ZEROS, seed: ZEROS },
}).subarray(0, HEADER)
const isOfChallenge = (message: Uint8Array): boolean => equalBytes(message.subarray(0, HEADER), OF_CHALLENGE)

type Before<T> = {
  [K in keyof T]?: T[K] extends (...args: infer Args) => unknown
    ? (args: Args) => Promise<void> | void
    : never
}

/** The same, but that nothing is begun, and nothing heard of, after the end of a life. `before` is called with what is begun. */
function mortal<T extends object>(
  whole: T,
  life: Life,
  methods: readonly (keyof T & string)[],
  before: Before<T> = {},
): T {
  const forever = <R>(): Promise<R> => new Promise(() => undefined)
  const wrapped: Record<string, unknown> = {}
  for (const name of methods) {
    const method = (whole[name] as (...args: unknown[]) => unknown).bind(whole)
    const told = before[name] as ((args: unknown[]) => Promise<void> | void) | undefined
    wrapped[name] = (...args: unknown[]) => {
      if (life.isDead) return forever()
      const telling = told?.(args)
      const result = telling instanceof Promise ? telling.then(() => method(...args)) : method(...args)
      if (result instanceof Promise)
        return result.then(
          value => (life.isDead ? forever() : value),
          error => (life.isDead ? forever() : Promise.reject(error)),
        )
      return isIterable(result) ? mortalSteps(result, life) : result
    }
  }
  return new Proxy(whole, {
    set: (_, name, value) => {
      wrapped[name as string] = value
      return true
    },
    get: (target, name) => {
      const own = wrapped[name as string]
      if (own !== undefined) return own
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

async function* mortalSteps<T, R>(steps: AsyncGenerator<T, R>, life: Life): AsyncGenerator<T, R> {
  try {
    for (;;) {
      const next = await steps.next()
      if (life.isDead) await new Promise(() => undefined)
      if (next.done) return next.value
      yield next.value
    }
  } finally {
    await steps.return(undefined as never)
  }
}

const isIterable = (value: unknown): value is AsyncGenerator<unknown, unknown> =>
  typeof value === 'object' && value !== null && Symbol.asyncIterator in value
