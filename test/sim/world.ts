import { join } from 'node:path'
import type { BlobCodec, Bls, EncodedBlob } from '../../codec/index.ts'
import type { BlobId, Epoch, ObjectId } from '../../codec/types.ts'
import { createMemberIndex } from '../../node/network/member-index.ts'
import { peerIdTextOf } from '../../node/network/peer-id.ts'
import { Random } from '../support/random.ts'
import { type Seat, SimChain } from './chain.ts'
import { createSimClient, type SimClient } from './client.ts'
import { type Disk, RealDisk, TokenDisk } from './disk.ts'
import { Invariants } from './invariants.ts'
import { SharedRecords } from './layered-records.ts'
import { Ledger } from './ledger.ts'
import { SimNetwork } from './network.ts'
import { SimNode } from './node.ts'
import { realCodec } from './real-codec.ts'
import { RoundWatch } from './round-watch.ts'
import { type RoundTerms, SimRounds } from './rounds.ts'
import { SimRpc } from './rpc.ts'
import { Timeline } from './timeline.ts'
import { tokenBls } from './token-bls.ts'
import { TokenBlobs, tokenCodec, tokenData } from './tokens.ts'
import { Trace } from './trace.ts'
import { TreeFiles } from './tree-files.ts'
import { WrittenTables } from './written-tables.ts'

export interface WorldInit {
  seed: number
  /** members of the first epoch */
  nodes: number
  /** registered besides; a tenth of them when absent */
  joiners?: number
  shards: number
  /** a folder for real stores and the real codec; tokens when absent */
  path?: string | undefined
  /** rounds of storage challenges; none when absent */
  challenges?: RoundTerms | undefined
}

const CLIENTS = 3
/** nodes */
const SMALL = 50
const EPOCH_MS = 1_200_000
const MAX_SKEW_MS = 600_000

/** A chain, a network, nodes and clients in virtual time, and what must hold of them. Nothing runs yet. */
export class World {
  readonly random: Random
  readonly timeline = new Timeline()
  readonly trace: Trace
  readonly epochMs: number
  readonly chain: SimChain
  readonly ledger = new Ledger()
  readonly network: SimNetwork
  readonly codec: BlobCodec
  readonly tokens: TokenBlobs
  readonly nodes: readonly SimNode[]
  readonly clients: readonly SimClient[]
  readonly invariants: Invariants
  /** what each blob is, as who stored it knows */
  readonly data = new Map<BlobId, Uint8Array>()
  /** those that were found lying, and how often anybody was */
  readonly accused = new Set<ObjectId>()
  accusations = 0
  /** whether a node may not be relied on now */
  isImpaired: (node: SimNode) => boolean = () => false
  /** whether those are too many */
  isOver: () => boolean = () => false
  readonly challenges: { rounds: SimRounds; trees: TreeFiles; watch: RoundWatch } | undefined
  readonly #init: WorldInit
  readonly #bls: Bls = tokenBls()
  readonly #members = createMemberIndex()
  readonly #encoded = new Map<BlobId, EncodedBlob>()
  readonly #tables = new WrittenTables(error => this.fail(error))
  #failure: { error: unknown } | undefined

  constructor(init: WorldInit) {
    this.#init = init
    const { seed, nodes, shards, path, joiners = Math.ceil(nodes / 10) } = init
    const random = new Random(seed)
    this.random = random
    const { timeline } = this
    this.trace = new Trace(() => timeline.ms)
    this.epochMs = EPOCH_MS
    this.tokens = new TokenBlobs(shards)
    this.codec = path === undefined ? tokenCodec(this.tokens) : realCodec(timeline)
    const secrets = Array.from({ length: nodes + joiners }, () => random.bytes(32))
    const seats = secrets.map((secret, i) => this.#seat(secret, i))
    this.chain = new SimChain({
      timeline,
      random: random.fork('chain'),
      trace: this.trace,
      bls: this.#bls,
      nShards: shards,
      seats,
      epochMs: this.epochMs,
    })
    const weather = { latencyMs: 40, loss: 0.002, bytesPerMs: 12_500 }
    const { trace } = this
    this.network = new SimNetwork({ timeline, trace, random: random.fork('network'), weather })
    const challenging = init.challenges && this.#challenging(init.challenges)
    const shared = new SharedRecords(new Map())
    this.nodes = seats.map((seat, i) => {
      const own = random.fork(seat.name)
      return this.#node(seat, secrets[i]!, own, this.#disk(seat, shared), challenging)
    })
    this.invariants = new Invariants({
      chain: this.chain,
      ledger: this.ledger,
      network: this.network,
      timeline,
      nodes: this.nodes,
      random: random.fork('invariants'),
      epochMs: this.epochMs,
      isImpaired: node => this.isImpaired(node),
    })
    this.challenges = challenging && { ...challenging, watch: this.#watching(challenging) }
    this.clients = Array.from({ length: CLIENTS }, (_, i) => this.#client(`client-${i}`))
    this.#watchChain()
  }

  /** What is done alike by all is done once. */
  get #isLarge(): boolean {
    return this.#init.path === undefined && this.#init.nodes > SMALL
  }

  /** Something has gone wrong that must not: no time passes any more. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.timeline.halt()
  }

  /** Does what may find that something does not hold. */
  holding(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.fail(error)
    }
  }

  /** Lets time pass; throws what has gone wrong meanwhile. */
  async advance(ms: number): Promise<void> {
    await this.timeline.advance(ms)
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** The bytes of a new blob. */
  anyData(random: Random): Uint8Array {
    const length = 8 + Math.floor(2 ** random.between(3, 12))
    if (this.#init.path !== undefined) return random.bytes(length)
    return tokenData([Math.floor(random.next() * 2 ** 32), Math.floor(random.next() * 2 ** 32)], length)
  }

  /** Has to be told of a blob before it is stored, so that its slivers can be told from others. */
  async know(data: Uint8Array): Promise<BlobId> {
    const blobId = await this.#know(data)
    this.data.set(blobId, data)
    return blobId
  }

  /** Starts nodes, and waits until they run. */
  async starting(nodes: readonly SimNode[]): Promise<void> {
    let left = nodes.length
    for (const node of nodes)
      node.start().then(
        () => left--,
        error => this.fail(error),
      )
    while (left > 0) await this.advance(1)
  }

  /** How the chain and each node stand, a hundred at most. */
  async describe(): Promise<string> {
    const { epoch, state, current, next } = this.chain.now
    const members = (committee: typeof next) =>
      committee?.members.map(({ name, shards }) => `${name} [${shards.slice(0, 20)}]`).join(' ')
    const lines = [
      `epoch ${epoch}, ${JSON.stringify(state)}, ${this.chain.events.length} events`,
      `members ${members(current)}`,
      `next ${members(next)}`,
    ]
    for (const node of this.nodes.slice(0, 100)) {
      const impaired = this.isImpaired(node) ? '; impaired' : ''
      lines.push(`${await node.describe().catch(String)}${impaired}`)
    }
    return lines.join('\n')
  }

  async close(): Promise<void> {
    for (const node of this.nodes) node.kill()
    for (const node of this.nodes) await node.disk.close()
    this.challenges?.trees[Symbol.dispose]()
    for (const blob of this.#encoded.values()) blob.release()
    await this.codec.close()
  }

  async #know(data: Uint8Array): Promise<BlobId> {
    if (this.#init.path === undefined) return this.tokens.add(data).blobId
    const encoded = await this.codec.encode(data, this.chain.nShards)
    const { blobId } = encoded.metadata
    this.#encoded.get(blobId)?.release()
    this.#encoded.set(blobId, encoded)
    return blobId
  }

  #challenging(terms: RoundTerms): { rounds: SimRounds; trees: TreeFiles } {
    const random = this.random.fork('challenges')
    return {
      rounds: new SimRounds({ chain: this.chain, bls: this.#bls, random, terms }),
      trees: new TreeFiles(),
    }
  }

  #watching(challenging: { rounds: SimRounds; trees: TreeFiles }): RoundWatch {
    const { chain, ledger, timeline, nodes, invariants, tokens } = this
    const isReal = this.#init.path !== undefined
    return new RoundWatch({
      ...{ chain, ledger, timeline, nodes, ...challenging },
      sizeOf: blobId => (isReal ? this.#encoded.get(blobId)! : tokens.of(blobId)!).metadata.unencodedLength,
      sliverOf: (blobId, ref) =>
        isReal ? this.#encoded.get(blobId)!.sliver(ref) : tokens.sliver(tokens.of(blobId)!, ref),
      isImpaired: node => this.isImpaired(node),
      isOver: () => this.isOver(),
      checked: invariant => invariants.checked(invariant),
      holding: act => this.holding(act),
    })
  }

  #watchChain(): void {
    const { chain, ledger, invariants, timeline, challenges } = this
    chain.onEvent = event => {
      ledger.apply(event)
      if ('blobId' in event) challenges?.watch.changed(event.blobId)
      if (event.type === 'EpochChangeStart') challenges?.rounds.settle((event.epoch - 1) as Epoch)
      if (event.type === 'EpochChangeStart')
        for (const node of this.nodes) node.dropOldNetworkKey(event.epoch)
    }
    chain.onReporting = (nodeId, epoch) => timeline.real(() => invariants.lacking(nodeId, epoch))
    chain.onReport = (nodeId, epoch, lacked) =>
      timeline.real(async () => {
        await invariants.reporting(nodeId, epoch, lacked).catch(error => this.fail(error))
      })
    chain.onReported = () => invariants.reported()
    chain.onStranger = (nodeId, epoch) => this.holding(() => invariants.stranger(nodeId, epoch))
    chain.onCertificate = epoch => invariants.certified(epoch)
  }

  #seat(secret: Uint8Array, i: number): Seat {
    const { random } = this
    return {
      nodeId: `0x${Buffer.from(random.bytes(32)).toString('hex')}` as ObjectId,
      name: `node-${i}`,
      networkAddress: '',
      networkPublicKey: Uint8Array.from([0, ...random.bytes(32)]),
      blsPublicKey: this.#bls.publicKey(secret),
      multiaddrs: [],
    }
  }

  #disk({ name }: Seat, shared: SharedRecords): Disk {
    const { path, shards: nShards } = this.#init
    if (path === undefined) return new TokenDisk(this.tokens, shared)
    const network = this.chain.network.systemObjectId
    const sliver: ConstructorParameters<typeof RealDisk>[0]['sliver'] = (blobId, ref) =>
      this.#encoded.get(blobId)!.sliver(ref)
    return new RealDisk({ path: join(path, name), network, nShards, timeline: this.timeline, sliver })
  }

  #node(
    seat: Seat,
    secret: Uint8Array,
    random: Random,
    disk: Disk,
    challenges: SimNode['init']['challenges'],
  ): SimNode {
    const { chain, timeline, trace, network, codec } = this
    const faults = { latencyMs: random.between(20, 200), lagMs: 0, isDown: false, isBroke: false }
    return new SimNode({
      nodeId: seat.nodeId,
      peerId: peerIdTextOf(seat.networkPublicKey)!,
      name: seat.name,
      secrets: [secret],
      disk,
      chain,
      network,
      timeline,
      trace,
      skew: anySkew(random),
      random: random.fork('own'),
      codec,
      members: this.#members,
      bls: this.#bls,
      rpc: new SimRpc({ chain, timeline, random: random.fork('rpc'), faults }),
      challenges,
      gossips: !this.#isLarge,
      writing: this.#isLarge ? disk => this.#tables.of(disk as TokenDisk) : undefined,
      onSigned: (node, body) => {
        trace.note(`${node.name} signs ${body.blobId.slice(0, 8)}`)
        const look = () => this.invariants.signed(node, body).catch(error => this.fail(error))
        // a disk of files is looked at in its turn
        void (this.#init.path === undefined ? look() : timeline.real(look))
      },
      onAccused: (node, liar, what) => this.#accuse(node.name, liar, what),
      onWrite: (node, shards, records) =>
        this.invariants.writing(node, shards, records).catch(error => this.fail(error)),
      onRemove: (node, shard) => this.holding(() => this.invariants.removing(node, shard)),
    })
  }

  #client(name: string): SimClient {
    const { chain, timeline, network, codec } = this
    const random = this.random.fork(name)
    const faults = { latencyMs: 50, lagMs: 0, isDown: false, isBroke: false }
    return createSimClient({
      name,
      owner: chain.anyObjectId(),
      network,
      rpc: new SimRpc({ chain, timeline, random: random.fork('rpc'), faults }),
      codec,
      bls: this.#bls,
      random,
      time: timeline.skewed(anySkew(random)),
      onAccused: (liar, what) => this.#accuse(name, liar, what),
    })
  }

  #accuse(by: string, liar: ObjectId, what: string): void {
    const node = this.nodes.find(({ nodeId }) => nodeId === liar)!
    this.trace.note(`${by} names ${node.name}: ${what}`)
    this.accusations++
    this.accused.add(liar)
    this.holding(() => this.invariants.accused(by, node, what))
  }
}

const anySkew = (random: Random): { offsetMs: number; rate: number } => ({
  offsetMs: random.between(-MAX_SKEW_MS, MAX_SKEW_MS),
  rate: random.between(0.999, 1.001),
})
