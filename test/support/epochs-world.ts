import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { ChainEvent } from '../../chain/types/index.ts'
import {
  type BlobCodec,
  createCodec,
  type EncodedBlob,
  isValidity,
  parseInvalidBlobMessage,
} from '../../codec/index.ts'
import type { BlobId, Certificate, Epoch, ObjectId, ShardIndex, SliverRef } from '../../codec/types.ts'
import { networkPublicKeyFromSeed, peerIdTextOf } from '../../node/network/peer-id.ts'
import { sliversOfShard } from '../../node/storage/recovery/missing.ts'
import { checkAll, lackingOf } from './epochs/checks.ts'
import { N, nodeIdOf, secretOf } from './epochs/names.ts'
import { WorldNode } from './epochs/world-node.ts'
import { fakeBls } from './fake-bls.ts'
import { ModelChain } from './model-chain.ts'
import { VirtualClock } from './virtual-clock.ts'
import { wronglyEncoded } from './wrongly-encoded.ts'

/** in which time passes: what is asked of others takes turns of the event loop */
const STEPS = 50
/** of those before a failure */
const TOLD_EVENTS = 50

export interface WorldInit {
  /** shards of each node in the first epoch; one that has none is registered all the same */
  shards: readonly (readonly number[])[]
}

/** Nodes' upkeep on a chain, clock, disks and network in memory: epochs turn when a test says so. */
export class EpochsWorld implements AsyncDisposable {
  readonly clock = new VirtualClock(1_700_000_000_000)
  readonly chain: ModelChain
  readonly codec: BlobCodec
  readonly nodes: WorldNode[]
  /** blobs that were registered; of those that were certified, what each node must have */
  readonly stored = new Map<BlobId, { blob: EncodedBlob; objectId: ObjectId }>()
  #counter = 0

  private constructor(chain: ModelChain, peerIds: readonly string[]) {
    this.chain = chain
    this.codec = { ...createCodec({ threads: 0 }), warm: () => undefined }
    this.nodes = chain.candidates.map(({ nodeId }, i) => new WorldNode(this, nodeId, peerIds[i]!))
    chain.onReport = async (nodeId, epoch) => {
      const node = this.nodes.find(one => one.nodeId === nodeId)!
      const lacking = await this.lacking(node, epoch)
      assert.deepEqual(lacking, [], 'a report that is not true')
    }
  }

  static async create({ shards }: WorldInit): Promise<EpochsWorld> {
    const candidates = await Promise.all(
      shards.map(async (_, i) => ({
        nodeId: nodeIdOf(i),
        name: `node-${i}`,
        networkAddress: '',
        networkPublicKey: await networkPublicKeyFromSeed(new Uint8Array(32).fill(i + 1)),
        blsPublicKey: fakeBls.publicKey(secretOf(nodeIdOf(i))),
        multiaddrs: [],
      })),
    )
    const peerIds = candidates.map(({ networkPublicKey }) => peerIdTextOf(networkPublicKey)!)
    const world = new EpochsWorld(new ModelChain(N, candidates, shards), peerIds)
    for (const node of world.nodes) await node.start()
    return world
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map(node => node.stop()))
    await this.codec.close()
  }

  /** Registers a blob; nobody has anything of it yet. */
  async register({
    endEpoch = 1_000,
    size = 50,
    stray,
  }: Partial<Omit<StoreOptions, 'except'>> = {}): Promise<BlobId> {
    const data = createHash('sha256')
      .update(String(this.#counter++))
      .digest()
    const whole = Buffer.concat([data, Buffer.alloc(size)])
    const blob =
      stray === undefined
        ? await this.codec.encode(whole, N)
        : await wronglyEncoded(this.codec, whole, N, stray)
    const { blobId } = blob.metadata
    const objectId = this.chain.register(blobId, { endEpoch })
    this.stored.set(blobId, { blob, objectId })
    return blobId
  }

  /** Puts a blob where the chain says that it belongs, but for the nodes in `except`, and certifies it. */
  async store({ except = [], endEpoch, ...options }: Partial<StoreOptions> = {}): Promise<BlobId> {
    const blobId = await this.register({ endEpoch, ...options })
    const { objectId } = this.stored.get(blobId)!
    for (const { nodeId, shards } of this.chain.now.current.members) {
      const node = this.nodes.find(one => one.nodeId === nodeId)!
      if (!except.includes(node)) await this.upload(node, blobId, shards)
    }
    this.chain.certify(blobId, objectId, { endEpoch })
    return blobId
  }

  /** As the contract: f + 1 of the present committee must have signed. */
  invalidate({ epoch, signers, message, signature }: Certificate): void {
    const { current } = this.chain.now
    const members = signers.map(index => current.members[index]!)
    const weight = members.reduce((sum, { shards }) => sum + shards.length, 0)
    assert.ok(isValidity(weight, N), `${weight} shards`)
    const { blobId, epoch: signed } = parseInvalidBlobMessage(message)
    assert.deepEqual([signed, epoch], [current.epoch, current.epoch])
    const keys = members.map(({ blsPublicKey }) => blsPublicKey)
    assert.ok(fakeBls.verifyAggregate(keys, message, signature))
    this.chain.emit({ type: 'InvalidBlobID', epoch, blobId })
  }

  /** As the end of an upload to one node. */
  async upload(node: WorldNode, blobId: BlobId, shards: readonly ShardIndex[]): Promise<void> {
    const { blob } = this.stored.get(blobId)!
    const leave = await node.running?.lock.enter(blobId)
    await node.metadata.put(blob.metadata)
    for (const shard of shards)
      for (const ref of sliversOfShard(shard, blobId, N))
        await node.slivers.put(blobId, ref, blob.sliver(ref))
    leave?.()
  }

  /** What the disk of a node lacks of what it must have in an epoch. */
  lacking(node: WorldNode, epoch: Epoch): Promise<string[]> {
    return lackingOf(this, node, epoch)
  }

  /** Lets time pass until something holds. */
  async until(what: string, holds: () => Promise<boolean> | boolean, limitMs = 3_600_000): Promise<void> {
    const end = this.clock.now() + limitMs
    for (;;) {
      await this.clock.advance(0)
      if (await holds()) return
      if (this.clock.now() >= end) assert.fail(`not within ${limitMs} ms: ${what}`)
      await this.clock.advance(100)
    }
  }

  /** Until everything that is due now has been done. */
  async settle(ms = 100): Promise<void> {
    for (let i = 0; i < STEPS; i++) await this.clock.advance(ms / STEPS)
  }

  /** Selects and begins the next epoch, and waits until these, or all of its members, have reported. */
  async turn(shards: readonly (readonly number[])[], reporting?: readonly WorldNode[]): Promise<Epoch> {
    this.chain.select(shards)
    await this.settle(2_000)
    const epoch = this.chain.begin()
    await this.reported(epoch, reporting)
    return epoch
  }

  async reported(epoch: Epoch, reporting?: readonly WorldNode[]): Promise<void> {
    const members =
      reporting?.map(({ nodeId }) => nodeId) ?? this.chain.now.current.members.map(one => one.nodeId)
    await this.until(`reports of epoch ${epoch}`, () =>
      members.every(nodeId => this.chain.hasReported(nodeId, epoch)),
    )
  }

  /** What has happened so far, and how the nodes stand. */
  async describe(): Promise<string> {
    const { epoch, state, current } = this.chain.now
    const lines = [
      `after ${this.clock.monotonic()} ms: epoch ${epoch}, ${JSON.stringify(state)}`,
      ...current.members.map(({ name, shards }) => `${name} has [${shards}]`),
      'the last events:',
      ...this.chain.events.slice(-TOLD_EVENTS).map(eventText),
    ]
    for (const [i, { running, said, got, accused }] of this.nodes.entries()) {
      const view = running === undefined ? 'is down' : JSON.stringify(await running.upkeep.view())
      lines.push(`node-${i} ${view}, got ${got.length} slivers, accused [${accused}]`, ...said)
    }
    return lines.join('\n')
  }

  /** All that must hold at any time. */
  check(): Promise<void> {
    return checkAll(this)
  }
}

/** The fields that say something. */
function eventText(event: ChainEvent): string {
  const { digest, eventIndex, checkpoint, timestampMs, cursor, ...fields } = event
  return `${cursor} ${JSON.stringify(fields)}`
}

interface StoreOptions {
  /** to whom the upload does not come */
  except: readonly WorldNode[]
  endEpoch: number
  size: number
  /** the sliver that the uploader makes up */
  stray: SliverRef
}
