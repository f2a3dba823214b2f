import type { Epoch } from '../../../../../codec/types.ts'
import type { WorldNode } from '../../../../support/epochs/world-node.ts'
import { EpochsWorld } from '../../../../support/epochs-world.ts'
import { tellFailures } from '../../../../support/tell-failures.ts'

/** Shards of four nodes, evenly. */
export const EVEN = [
  [0, 1, 2],
  [3, 4, 5],
  [6, 7],
  [8, 9],
]
/** as EVEN, but shard 9 is that of the first node */
export const MOVED = [[0, 1, 2, 9], [3, 4, 5], [6, 7], [8]]

export const SECOND = 2 as Epoch

export const stateOf = (node: WorldNode) => node.running!.upkeep.view()

interface Scene {
  world: EpochsWorld
  nodes: [WorldNode, WorldNode, WorldNode, WorldNode, ...WorldNode[]]
}

/** For a `describe`: makes the world of a test, with the shards of each node and some blobs; it is closed after the test. */
export function scenes(): (shards: readonly (readonly number[])[], blobs?: number) => Promise<Scene> {
  const told = tellFailures()
  let world: EpochsWorld | undefined
  afterEach(async () => {
    await world?.[Symbol.asyncDispose]()
    world = undefined
  })
  return async (shards, blobs = 3) => {
    world = told(await EpochsWorld.create({ shards }))
    await world.settle()
    for (let i = 0; i < blobs; i++) await world.store()
    await world.settle()
    return { world, nodes: world.nodes as Scene['nodes'] }
  }
}
