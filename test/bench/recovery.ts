/**
 * What rebuilding lost slivers costs: bytes on the wire, in both directions, per byte that was lost (metadata apart), for
 * requests as the cure plans them, each answered in full by peers that only count; and CPU time of the cure and of those it asks,
 * in one process.
 */
import { randomFillSync } from 'node:crypto'
import { systemClock } from '../../base/clock.ts'
import type { CommitteeMember } from '../../chain/types/index.ts'
import { blobIdFromBytes, createCodec, encodingParams, sliverLength } from '../../codec/index.ts'
import type { BlobMetadata, Epoch, ObjectId, ShardIndex } from '../../codec/types.ts'
import { gatherSymbols, type LostBlob } from '../../node/storage/recovery/gather-symbols.ts'
import { createPeerPauses } from '../../node/storage/recovery/peer-pauses.ts'
import { cureByRebuilding } from '../../node/storage/recovery/rebuild.ts'
import { BATCH_BYTES, sourcesNeeded } from '../../node/storage/recovery/rebuild-batches.ts'
import type { PeerClient } from '../../protocols/index.ts'
import { MAX_CELLS, RecoverAnswer, RecoverRequest } from '../../protocols/recover/messages.ts'
import { encodeFrame } from '../../protocols/stream/frame.ts'
import { createWorld } from '../node/storage/recovery/support.ts'
import { quietLog } from '../protocols/support/quiet.ts'
import type { BenchOptions } from './main.ts'

const BLOBS = 100
const SHARDS = [10, 100, 1000]
const SYMBOLS = [2, 16, 64, 256, 1024]
const LOST = [1, 8, 77]
/** members beside the one that has lost its slivers */
const MEMBERS: Readonly<Record<number, number>> = { 10: 9, 100: 25, 1000: 100 }
const EPOCH = 1 as Epoch

export async function run({ quick, report }: BenchOptions): Promise<void> {
  for (const shards of quick ? [10] : SHARDS) {
    for (const symbolBytes of quick ? [2, 64] : SYMBOLS) {
      for (const lost of LOST.filter(count => count <= shards / 3 || count === 1)) {
        const ofLost = await wireBytes({ shards, symbolBytes, lost })
        report({ of: { op: 'bytes', shards, symbolBytes, lost }, took: ofLost })
      }
    }
  }
  for (const shards of quick ? [10] : [10, 100])
    report({ of: { op: 'rebuild', shards, symbolBytes: 64, lost: 'a node' }, took: await cpu(shards, quick) })
}

interface Case {
  shards: number
  symbolBytes: number
  /** shards of the node */
  lost: number
}

function blobsOf({ shards, symbolBytes }: Case, count: number): LostBlob[] {
  const { primarySymbols, secondarySymbols } = encodingParams(shards)
  const unencodedLength = primarySymbols * secondarySymbols * symbolBytes
  return Array.from({ length: count }, () => {
    const blobId = blobIdFromBytes(randomFillSync(new Uint8Array(32)))
    const metadata: BlobMetadata = {
      blobId,
      encodingType: 'RS2',
      unencodedLength,
      nShards: shards,
      hashes: new Uint8Array(),
    }
    return { metadata, got: new Map() }
  })
}

async function wireBytes(of: Case): Promise<Record<string, number>> {
  const { shards, symbolBytes, lost } = of
  const mine = Array.from({ length: lost }, (_, shard) => shard as ShardIndex)
  const others = Array.from({ length: MEMBERS[shards]! }, (_, index) => ({
    member: { nodeId: `0x${index}` as ObjectId } as CommitteeMember,
    shards: Array.from({ length: shards - lost }, (_, i) => (lost + i) as ShardIndex).filter(
      shard => shard % MEMBERS[shards]! === index,
    ),
  }))
  const moved = { prefixes: 0, ids: 0 }
  const requests = { count: 0 }
  let lostBytes = 0
  for (const axis of ['secondary', 'primary'] as const) {
    const each = sourcesNeeded(shards, axis) * symbolBytes
    const targets = mine.slice(0, Math.max(1, Math.floor(BATCH_BYTES / each)))
    const fit = Math.max(1, Math.floor(BATCH_BYTES / (each * targets.length)))
    const blobs = blobsOf(of, Math.min(BLOBS, fit))
    const data = new Uint8Array(targets.length * symbolBytes)
    // the secondary slivers that were just rebuilt
    if (axis === 'primary')
      for (const { got } of blobs) for (const shard of mine) got.set(shard, { member: undefined, data })
    await gatherSymbols(
      {
        nShards: shards,
        peers: { recover: counting(moved, requests, data) },
        book: { address: () => ({ peerId: '', multiaddrs: [] }), failed: () => {} },
        pauses: createPeerPauses({ clock: systemClock, random: Math.random }),
        received: () => {},
        accuse: () => {},
        clock: systemClock,
        log: quietLog,
      },
      {
        epoch: EPOCH,
        axis,
        targets,
        blobs,
        need: sourcesNeeded(shards, axis),
        peers: others,
        isExcluded: () => false,
      },
      new AbortController().signal,
    )
    const { unencodedLength } = blobs[0]!.metadata
    lostBytes += blobs.length * targets.length * sliverLength(shards, unencodedLength, axis)
  }
  const length = blobsOf(of, 1)[0]!.metadata.unencodedLength
  const pairBytes = sliverLength(shards, length, 'primary') + sliverLength(shards, length, 'secondary')
  return {
    bytesPerLostByte: moved.prefixes / lostBytes,
    withWholeIds: moved.ids / lostBytes,
    // a third of the shards' primary slivers, whatever is lost
    redownloadPerLostByte: length / (lost * pairBytes),
    requests: requests.count,
  }
}

/** A peer that has everything, whose frames are counted. */
function counting(
  moved: { prefixes: number; ids: number },
  requests: { count: number },
  data: Uint8Array,
): PeerClient['recover'] {
  return async function* (_, query, { symbolSizes }) {
    requests.count++
    const count = symbolSizes.length
    const others = { Ids: Array.from({ length: count }, () => blobIdFromBytes(new Uint8Array(32))) }
    const statuses = symbolSizes.map(size => ({ status: 'found' as const, symbolSize: size }))
    let bytes = encodeFrame(RecoverAnswer.encode({ Blobs: statuses })).length
    // of which sources come together depends on their sizes; a bit each either way
    for (let left = count * query.sources.length; left > 0; left -= MAX_CELLS) {
      const cells = Array.from({ length: Math.min(left, MAX_CELLS) }, () => true)
      bytes += encodeFrame(RecoverAnswer.encode({ Symbols: cells })).length + cells.length * data.length
    }
    moved.prefixes += bytes + encodeFrame(RecoverRequest.encode(query)).length
    moved.ids += bytes + encodeFrame(RecoverRequest.encode({ ...query, blobs: others })).length
    for (let blob = 0; blob < count; blob++)
      for (let source = 0; source < query.sources.length; source++) yield { blob, source, data }
    return statuses
  }
}

/** One of ten nodes rebuilds all of its slivers. */
async function cpu(shards: number, quick: boolean): Promise<Record<string, number>> {
  const codec = createCodec({ threads: 0 })
  const world = createWorld({ codec, nShards: shards, members: 10 })
  const { primarySymbols, secondarySymbols } = encodingParams(shards)
  for (let i = 0; i < (quick ? 2 : 50); i++) {
    using blob = await codec.encode(
      randomFillSync(new Uint8Array(primarySymbols * secondarySymbols * 64 - i * 2)),
      shards,
    )
    await world.add(blob)
  }
  await world.wipe(0)
  const mine = world.members[0]!
  const cure = cureByRebuilding({
    ...world,
    nodeId: mine.nodeId,
    nShards: shards,
    codec,
    slivers: world.stores[0]!,
    inconsistencies: { knows: () => false, found: () => {} },
    accuse: () => {},
    clock: systemClock,
    log: quietLog,
  })
  const patients = [...world.blobs].map(([blobId, metadata]) => ({
    blobId,
    metadata,
    shards: mine.shards,
    urgency: 'fresh' as const,
  }))
  const before = process.cpuUsage()
  await cure.heal(patients, world.committees, new AbortController().signal)
  const { user, system } = process.cpuUsage(before)
  const slivers = patients.length * mine.shards.length * 2
  await codec.close()
  return { slivers, cpuUsPerSliver: (user + system) / slivers, requests: world.asked.length }
}
