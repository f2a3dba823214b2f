/**
 * What a round of storage challenges costs a node: the root over all that it holds, which grows with it; the draw, one pass over all IDs; and
 * the proofs, of both sides, which grow with neither. CPU of one thread, disk reads apart.
 */
import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'
import {
  blobIdFromBytes,
  createCodec,
  isPiece,
  pieceLength,
  pieceOf,
  pieceShape,
  sliverFromBody,
} from '../../codec/index.ts'
import type { Axis, BlobId, Epoch, ObjectId, ShardIndex, SliverPairIndex } from '../../codec/types.ts'
import { Asking } from '../../node/storage/challenge/asked.ts'
import { siblingsOf } from '../../node/storage/challenge/holdings.ts'
import { LeafFile } from '../../node/storage/challenge/leaf-file.ts'
import { climb, leafHasher } from '../../node/storage/challenge/leaves.ts'
import type { BlobState } from '../../node/storage/store/blob-state.ts'
import { temporaryFolder } from '../support/temporary.ts'
import type { BenchOptions } from './main.ts'

const NODE = `0x${'7'.padStart(64, '0')}` as ObjectId
const SALT = new Uint8Array(32).fill(3)
const KIB = 1024

export async function run({ quick, report }: BenchOptions): Promise<void> {
  for (const bytes of [668, 4 * KIB, 64 * KIB]) {
    const slivers = bytes > 16 * KIB ? 2_000 : quick ? 10_000 : 100_000
    report({ of: { case: 'root', slivers, bytes }, took: await root(slivers, bytes) })
  }
  for (const blobs of quick ? [100_000] : [1_000_000, 10_000_000])
    report({ of: { case: 'draw', blobs }, took: await draw(blobs) })
  for (const shards of [100, 1_000]) {
    for (const bytes of [445_000, 50_000_000])
      for (const axis of ['primary', 'secondary'] as const)
        report({ of: { case: 'proof', shards, blob: bytes, axis }, took: await proof(shards, bytes, axis) })
  }
}

const cpuSince = (start: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(start)
  return user + system
}

const randomId = (): BlobId => blobIdFromBytes(randomFillSync(new Uint8Array(32)))

/** Pieces hashed, leaves and levels written; all slivers are alike, and the path of one is read. */
async function root(slivers: number, bytes: number) {
  const folder = await temporaryFolder()
  try {
    const hash = leafHasher(SALT, NODE)
    const place = { shard: 5 as ShardIndex, blobId: randomId(), axis: 'primary' } as const
    const piece = randomFillSync(new Uint8Array(Math.min(bytes, 16 * KIB)))
    const start = process.cpuUsage()
    const leaves = async function* () {
      for (let i = 0; i < slivers; i++) {
        let leaf = hash(place, i, piece)
        for (let at = piece.length; at < bytes; at += piece.length) leaf = hash(place, at, piece)
        yield leaf
      }
    }
    await using tree = await LeafFile.write(join(folder.path, 'tree'), leaves(), new AbortController().signal)
    const cpuUs = cpuSince(start) / slivers
    const began = performance.now()
    const paths = 640
    for (let i = 0; i < paths; i++) await tree.path((i * 7_919) % slivers)
    return { cpuUs, mbPerCpuSecond: bytes / cpuUs, pathMs: (performance.now() - began) / paths }
  } finally {
    await folder.remove()
  }
}

/** Two looks at the IDs of all blobs, whose records are in memory. */
async function draw(blobs: number) {
  const ids = Array.from({ length: 256 }, randomId)
  let sliced = 0
  const state: BlobState = {
    registrations: [{ objectId: NODE, deletable: false, certified: true, endEpoch: 9 as Epoch }],
    initialCertifiedEpoch: 1 as Epoch,
    size: 1_000_000,
  }
  const records = {
    async slice() {
      const left = blobs - (sliced % blobs)
      sliced += Math.min(left, ids.length)
      return ids.slice(0, left - 1).map((id): [BlobId, BlobState] => [id, state])
    },
  }
  const init = {
    nShards: 1_000,
    blobs: records,
    metadata: { get: async () => undefined },
    rounds: { wereOwed: async () => new Map() },
    clock: { monotonic: () => 0 },
  }
  const never = new AbortController().signal
  const start = process.cpuUsage()
  const times = { commitUntilMs: 0, passUntilMs: 0 }
  const hex = '07'.repeat(32)
  await new Asking(init, never).of(
    { epoch: 2 as Epoch, round: 0, salt: hex, seed: hex, draws: 640, ...times },
    never,
  )
  return { cpuNs: (cpuSince(start) * 1_000) / blobs }
}

/** One question, of both sides: the sliver is in memory, and the tree's path is of a million slivers. */
async function proof(nShards: number, bytes: number, axis: Axis) {
  await using codec = createCodec({ threads: 0 })
  using blob = await codec.encode(randomFillSync(new Uint8Array(bytes)), nShards)
  const { metadata } = blob
  const ref = { pair: 3 as SliverPairIndex, axis }
  const sliver = blob.sliver(ref)
  const { count, symbolBytes } = pieceShape(metadata, axis)
  const piece = count - 1
  const hash = leafHasher(SALT, NODE)
  const place = { shard: 5 as ShardIndex, blobId: metadata.blobId, axis }
  const path = Array.from({ length: 20 }, () => new Uint8Array(32))
  const part = pieceOf(metadata, ref, sliver, piece)
  let siblings: Uint8Array[] = []
  const prove = async (): Promise<void> => {
    for (let i = 0; i < count; i++) hash(place, i, pieceOf(metadata, ref, sliver, i))
    siblings = await siblingsOf({ codec }, metadata, ref, sliver, piece)
  }
  const check = async (): Promise<void> => {
    climb(hash(place, piece, part), 77, path)
    if (count > 1 && !isPiece(metadata, ref, piece, part, siblings)) throw new Error('a proof does not hold')
    if (count === 1) await codec.verifySliver(metadata, ref, sliverFromBody(nShards, ref, symbolBytes, part))
  }
  const proveUs = await leastOf(prove)
  const checkUs = await leastOf(check)
  const proofBytes = pieceLength(metadata, axis, piece) + 32 * (path.length + siblings.length)
  return { proveUs, checkUs, bytes: proofBytes }
}

/** CPU, of the cheapest of many. */
async function leastOf(run: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < 40; i++) {
    const start = process.cpuUsage()
    await run()
    least = Math.min(least, cpuSince(start))
  }
  return least
}
