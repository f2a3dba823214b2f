import assert from 'node:assert/strict'
import type { ChainEvent, Committees } from '../../../chain/types/index.ts'
import { isQuorum, shardOfPair } from '../../../codec/index.ts'
import type { Epoch, ShardIndex } from '../../../codec/types.ts'
import { isOwed } from '../../../node/storage/epochs/whole.ts'
import { sliversOfShard } from '../../../node/storage/recovery/missing.ts'
import { createBlobRecords } from '../../../node/storage/store/blob-records.ts'
import type { EpochsWorld } from '../epochs-world.ts'
import { N } from './names.ts'
import type { WorldNode } from './world-node.ts'

/** who is whole has told the chain by then, however slow its RPC */
const REPORTED_MS = 120_000

/** What the disk of a node lacks of what it must have in an epoch: certified before, live, its shards'. */
export async function lackingOf(world: EpochsWorld, node: WorldNode, epoch: Epoch): Promise<string[]> {
  const { now, events } = world.chain
  const committee = [now.current, now.previous].find(one => one?.epoch === epoch)
  const shards = committee?.members.find(({ nodeId }) => nodeId === node.nodeId)?.shards ?? []
  const records = createBlobRecords(node.records)
  const lacking: string[] = []
  for (const [blobId, { blob }] of world.stored) {
    const state = await records.get(blobId)
    const certifiedAt = events.find(event => event.type === 'BlobCertified' && event.blobId === blobId)
    if (certifiedAt?.type !== 'BlobCertified' || certifiedAt.epoch >= epoch) continue
    if (events.some(event => isEnd(event) && event.blobId === blobId)) continue
    if (certifiedAt.endEpoch <= epoch) continue
    if (!isOwed(state, epoch)) lacking.push(`${blobId} is unknown`)
    if ((await node.metadata.get(blobId)) === undefined) lacking.push(`${blobId} has no metadata`)
    for (const shard of shards) {
      for (const ref of sliversOfShard(shard, blobId, N)) {
        const bytes = await node.slivers.get(blobId, ref)
        if (bytes === undefined || Buffer.compare(bytes, blob.sliver(ref)) !== 0)
          lacking.push(`${blobId} ${ref.axis} of shard ${shard}`)
      }
    }
  }
  return lacking
}

/** All that must hold at any time. */
export async function checkAll(world: EpochsWorld): Promise<void> {
  await checkGoesOn(world)
  const seen = new Set<string>()
  for (const { nodeId, epoch } of world.chain.reports) {
    assert.ok(!seen.has(`${nodeId} ${epoch}`), 'a node reported twice')
    seen.add(`${nodeId} ${epoch}`)
  }
  const { epoch, current } = world.chain.now
  for (const node of world.nodes) {
    if (world.chain.hasReported(node.nodeId, epoch)) assert.deepEqual(await lackingOf(world, node, epoch), [])
    await checkEnded(world, node)
  }
  await checkKept(world, current)
  checkTables(world)
}

/**
 * The chain is not stuck while two thirds are whole and can say so: a change ends, and where nodes turn epochs themselves the next
 * one begins as long as one of them has gas for it.
 */
async function checkGoesOn(world: EpochsWorld): Promise<void> {
  const { epoch, current } = world.chain.now
  const able = world.nodes.filter(node => node.isAble)
  let weight = 0
  for (const node of able)
    if ((await lackingOf(world, node, epoch)).length === 0)
      weight += current.members.find(({ nodeId }) => nodeId === node.nodeId)?.shards.length ?? 0
  if (!isQuorum(weight, N)) return
  await world.until('the change ends', () => world.chain.now.state.kind !== 'sync', REPORTED_MS)
  const { driven } = world.chain
  if (driven === undefined || able.every(({ noTurn }) => noTurn !== undefined)) return
  await world.until('the next epoch begins', () => world.chain.now.epoch > epoch, 2 * driven.epochMs)
  await world.until('and its change ends', () => world.chain.now.state.kind !== 'sync', REPORTED_MS)
}

/** Blob tables of one epoch are one. */
function checkTables(world: EpochsWorld): void {
  const first = new Map<Epoch, string>()
  for (const node of world.nodes)
    for (const { epoch, ...head } of node.running?.upkeep.snapshots.heads() ?? []) {
      const text = JSON.stringify({ ...head, first: Buffer.from(head.first).toString('hex') })
      assert.equal(first.get(epoch) ?? text, text, `blob tables of epoch ${epoch} differ`)
      first.set(epoch, text)
    }
}

/** Nothing of a blob that ended two epochs ago is on a disk. */
async function checkEnded(world: EpochsWorld, node: WorldNode): Promise<void> {
  if (node.running === undefined) return
  for (const blobId of world.stored.keys()) {
    const last = world.chain.events.findLast(event => 'blobId' in event && event.blobId === blobId)
    const ended =
      last !== undefined && isEnd(last)
        ? last.epoch
        : last !== undefined && 'endEpoch' in last
          ? last.endEpoch
          : 0
    if (ended + 2 > world.chain.now.epoch) continue
    assert.deepEqual(await node.slivers.list(blobId), [], `${blobId} has ended`)
    assert.equal(await node.metadata.get(blobId), undefined)
  }
}

/** Of each live blob every sliver is on some disk: that of its shard's owner, or of who had it before. */
async function checkKept(world: EpochsWorld, current: Committees['current']): Promise<void> {
  for (const [blobId] of world.stored) {
    const last = world.chain.events.findLast(event => 'blobId' in event && event.blobId === blobId)
    if (last?.type !== 'BlobCertified' || last.endEpoch <= current.epoch) continue
    const there = new Set<ShardIndex>()
    for (const node of world.nodes)
      for (const { pair } of await node.slivers.list(blobId)) there.add(shardOfPair(pair, blobId, N))
    assert.equal(there.size, N, `of ${blobId} only ${there.size} shards are anywhere`)
  }
}

function isEnd(event: ChainEvent): event is ChainEvent & { type: 'BlobDeleted' | 'InvalidBlobID' } {
  return event.type === 'BlobDeleted' || event.type === 'InvalidBlobID'
}
