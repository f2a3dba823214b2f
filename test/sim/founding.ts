import type { BlobId } from '../../codec/types.ts'
import { shardsOf } from '../../node/storage/epochs/plan.ts'
import { createBlobRecords, ending } from '../../node/storage/store/blob-records.ts'
import { applyBlobEvent, type BlobState } from '../../node/storage/store/blob-state.ts'
import { blobKey } from '../../node/storage/store/keys.ts'
import { putShard, putState } from '../../node/storage/store/node-records.ts'
import { encodeJson } from '../../node/storage/store/records.ts'
import type { Random } from '../support/random.ts'
import { TokenDisk } from './disk.ts'
import { SharedRecords } from './layered-records.ts'
import type { World } from './world.ts'

/** Of more blobs most outlive the run: each node drops each blob that ends. */
const MANY = 10_000

/** Blobs that are there from the beginning, as tokens, with all who keep them. Nobody has started yet. */
export async function found(
  world: World,
  random: Random,
  { blobs, epochs }: { blobs: number; epochs: number },
): Promise<void> {
  const shared = new SharedRecords(await registered(world, random, blobs, epochs))
  const { chain, tokens } = world
  const { current, epoch } = chain.now
  for (const node of world.nodes) {
    const disk = new TokenDisk(tokens, shared)
    node.init.disk = disk
    const shards = shardsOf(current, node.nodeId)
    for (const blob of tokens.all) {
      disk.metadata.fill(blob)
      for (const shard of shards) disk.store.fill(shard, blob)
    }
    const state = shards.length === 0 ? ('standby' as const) : ('active' as const)
    await disk.records.commit([
      putState({ state, epoch }),
      ...shards.map(shard => putShard(shard, { state: 'active', epoch })),
    ])
    const { cursor } = chain.events.at(-1) ?? {}
    if (cursor !== undefined) await createBlobRecords(disk.records).advance(cursor)
    disk.records.synced()
  }
}

/** The records that every node has of them. */
async function registered(
  world: World,
  random: Random,
  blobs: number,
  epochs: number,
): Promise<Map<string, Uint8Array>> {
  const { chain } = world
  const values = new Map<string, Uint8Array>()
  const owner = chain.anyObjectId()
  for (let i = 0; i < blobs; i++) {
    const data = world.anyData(random)
    const blobId: BlobId = await world.know(data)
    const lasting = blobs > MANY && random.chance(0.95) ? 2 * epochs : 0
    const init = {
      size: data.length,
      epochs: 2 + lasting + random.int(2 * epochs),
      deletable: random.chance(0.7),
    }
    const { objectId } = chain.register(blobId, owner, init)
    chain.setCertified(objectId)
    const state = chain.events.slice(-2).reduce<BlobState | undefined>(applyBlobEvent, undefined)!
    values.set(blobKey(blobId), encodeJson(state))
    const note = ending(blobId, state)
    if (note.type === 'put') values.set(note.key, note.value)
  }
  return values
}
