/**
 * What rebuilding lost slivers costs: bytes on the wire, in both directions, per byte that was lost (metadata apart), for
 * requests as the cure plans them, each answered in full by peers that only count; CPU time of the cure and of those it asks, in one
 * process; and what proofs and batches change of it. What is counted, and no time, must be as docs/epochs.md has it.
 */
import assert from 'node:assert/strict'
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
import { encodeOf, proofs, verifying } from './recovery/codec-ratios.ts'

const BLOBS = 100
const SHARDS = [10, 100, 1000]
const SYMBOLS = [2, 16, 64, 256, 1024]
const LOST = [1, 8, 77]
/** members beside the one that has lost its slivers */
const MEMBERS: Readonly<Record<number, number>> = { 10: 9, 100: 25, 1000: 100 }
const EPOCH = 1 as Epoch
/** of ten times as many shards, about */
const SAME_SHARE: Readonly<Record<number, number>> = { 1: 8, 8: 77 }

/** A node of so many shards rebuilds all slivers of so many blobs. */
interface Rebuilt {
  shards: number
  symbolBytes: number
  /** with as many shards each */
  members: number
  blobs: number
}

const REBUILT: readonly Rebuilt[] = [
  { shards: 10, symbolBytes: 64, members: 10, blobs: 50 },
  { shards: 100, symbolBytes: 64, members: 10, blobs: 50 },
  // one node has 77
  { shards: 1000, symbolBytes: 2, members: 13, blobs: 10 },
]

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const moved: (Case & { bytesPerLostByte: number })[] = []
  for (const shards of quick ? [10] : SHARDS) {
    for (const symbolBytes of quick ? [2, 64] : SYMBOLS) {
      for (const lost of LOST.filter(count => count <= shards / 3 || count === 1)) {
        const took = await wireBytes({ shards, symbolBytes, lost })
        report({ of: { op: 'bytes', shards, symbolBytes, lost }, took })
        moved.push({ shards, symbolBytes, lost, bytesPerLostByte: took.bytesPerLostByte! })
      }
    }
  }
  report({ of: { op: 'bytes at most' }, took: expectBytes(moved) })
  for (const of of quick ? [{ ...REBUILT[0]!, blobs: 2 }] : REBUILT) {
    const took = await rebuilding(of)
    report({ of: { op: 'rebuild', ...of }, took })
    assert.equal(took.readsOfEachSource, 1)
  }
  const codec = createCodec({ threads: 0 })
  try {
    for (const shards of quick ? [10] : [100, 1000]) {
      using blob = await encodeOf(codec, shards, 64)
      const few = quick ? 2 : 20
      report({ of: { op: 'symbols', shards, symbolBytes: 64 }, took: await proofs(codec, blob, few) })
      report({ of: { op: 'verify', shards, symbolBytes: 64 }, took: await verifying(codec, blob, 4 * few) })
    }
  } finally {
    await codec.close()
  }
}

/** The least room that is promised, and how far the numbers of shards are apart. */
function expectBytes(moved: readonly (Case & { bytesPerLostByte: number })[]): Record<string, number> {
  const large = moved.filter(({ symbolBytes }) => symbolBytes >= 64)
  const small = moved.filter(({ symbolBytes, lost }) => symbolBytes === 2 && lost >= 8)
  const most = (some: typeof moved): number => Math.max(0, ...some.map(one => one.bytesPerLostByte))
  assert.ok(most(large) <= 1.25, `${most(large)} bytes per lost byte of symbols of 64 bytes and more`)
  assert.ok(most(small) <= 1.2, `${most(small)} bytes per lost byte of symbols of 2 bytes`)
  return {
    of64BytesAndMore: most(large),
    of2BytesAnd8Shards: most(small),
    tenTimesTheShards: Math.max(...large.map(one => spreadOf(one, large))),
  }
}

/** How far one case is from that of a node with the same share of ten times as many shards; 1 where there is none. */
function spreadOf(of: Case & { bytesPerLostByte: number }, all: readonly (typeof of)[]): number {
  const { shards, symbolBytes } = of
  const lost = shards >= 100 ? SAME_SHARE[of.lost] : undefined
  const isSame = (one: Case): boolean => one.symbolBytes === symbolBytes && one.lost === lost
  const other = all.find(one => one.shards === 10 * shards && isSame(one))
  const ratio = other === undefined ? 1 : of.bytesPerLostByte / other.bytesPerLostByte
  return Math.max(ratio, 1 / ratio)
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

/** One of the nodes rebuilds all of its slivers. */
async function rebuilding({ shards, symbolBytes, members, blobs }: Rebuilt): Promise<Record<string, number>> {
  const codec = createCodec({ threads: 0 })
  const world = createWorld({ codec, nShards: shards, members })
  for (let i = 0; i < blobs; i++) {
    using blob = await encodeOf(codec, shards, symbolBytes)
    await world.add(blob)
  }
  await world.wipe(0)
  let reads = 0
  const sources = new Set<string>()
  for (const store of world.stores.slice(1)) {
    const { get } = store
    store.get = (blobId, ref, options) => {
      reads++
      sources.add(`${blobId} ${ref.axis} ${ref.pair}`)
      return get.call(store, blobId, ref, options)
    }
  }
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
  const cpuUsPerSliver = (user + system) / slivers
  return {
    slivers,
    cpuUsPerSliver,
    sliversPerCpuSecond: 1e6 / cpuUsPerSliver,
    requests: world.asked.length,
    sourcesPerSliver: sources.size / slivers,
    readsOfEachSource: reads / sources.size,
  }
}
