import { join } from 'node:path'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { ChainEvent, FollowOptions } from '../../../chain/types/index.ts'
import { pairOfShard } from '../../../codec/index.ts'
import { loadBls } from '../../../codec/node.ts'
import type { BlobId, ObjectId, ShardIndex, SliverRef } from '../../../codec/types.ts'
import { networkPublicKeyFromSeed } from '../../../node/network/peer-id.ts'
import { createStorageNode, type StorageNode } from '../../../node/storage/node.ts'
import { type NodeStore, openNodeStore } from '../../../node/storage/store/node-store.ts'
import { type BareEvent, FakeChain } from '../../support/fake-chain.ts'
import { BENCH } from '../handoff/case.ts'

/** A network of so many nodes and shards; the node of the bench is the first. */
export const NODES = 13
const { network, nShards } = BENCH
const KEYS = { blsSecret: new Uint8Array(32).fill(7), networkSeed: new Uint8Array(32).fill(8) }
/** of the node, in every process */
export const SHARDS = Array.from({ length: nShards }, (_, shard) => shard as ShardIndex).filter(
  shard => shard % NODES === 0,
)

/** The slivers that the node has of a blob. */
export function refsOf(blobId: BlobId): SliverRef[] {
  return SHARDS.flatMap(shard => {
    const pair = pairOfShard(shard, blobId, nShards)
    return [{ pair, axis: 'primary' } as const, { pair, axis: 'secondary' } as const]
  })
}

export function openStore(folder: string): Promise<NodeStore> {
  const path = join(folder, 'store')
  return openNodeStore({ path, network, nShards, log: silentLog(), clock: systemClock })
}

/** A chain that begins with the process, and knows how long the node is busy with each event. */
export class ScaleChain extends FakeChain {
  readonly handlerMs: number[] = []
  #news = Promise.withResolvers<void>()

  override emit(event: BareEvent): void {
    super.emit(event)
    this.#news.resolve()
    this.#news = Promise.withResolvers()
  }

  /** What was said to the process before is behind the cursor. */
  override async *follow({ signal, onCaughtUp }: FollowOptions): AsyncIterable<ChainEvent> {
    const over = new Promise<void>(resolve =>
      signal.addEventListener('abort', () => resolve(), { once: true }),
    )
    onCaughtUp?.()
    for (let next = 0; !signal.aborted; ) {
      const news = this.#news.promise
      const event = this.events[next]
      if (event === undefined) {
        await Promise.race([news, over])
        continue
      }
      next++
      const began = performance.now()
      yield event
      this.handlerMs.push(performance.now() - began)
    }
  }
}

/** The chain as each process sees it: the same network, and the same node in it. */
export async function makeChain(): Promise<ScaleChain> {
  const bls = await loadBls()
  const others = Array.from({ length: NODES }, (_, i) => Uint8Array.of(...new Uint8Array(31), i + 1))
  const members = await Promise.all(
    others.map(async (seed, i) => ({
      name: `node-${i}`,
      blsPublicKey: bls.publicKey(i === 0 ? KEYS.blsSecret : seed),
      networkPublicKey: await networkPublicKeyFromSeed(i === 0 ? KEYS.networkSeed : seed),
      // nobody is there
      multiaddrs: ['/ip4/127.0.0.1/tcp/9'],
    })),
  )
  const chain = new ScaleChain(nShards, members)
  for (const [i, member] of chain.committee.members.entries())
    member.nodeId = `0x${(i + 1).toString(16).padStart(64, '0')}` as ObjectId
  chain.network.systemObjectId = network
  return chain
}

export function startNode(folder: string, chain: ScaleChain): Promise<StorageNode> {
  return createStorageNode({
    network: chain.network,
    nodeId: chain.committee.members[0]!.nodeId,
    nShards,
    storePath: join(folder, 'store'),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    http: { host: '127.0.0.1', port: 0 },
    keys: KEYS,
    coordinator: chain,
  })
}
