import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { HASH_BYTES, innerHash, levelsAbove, NO_LEAF } from './leaves.ts'

/** Hashes that are read or written at a time. */
const BATCH = 8_192

/**
 * A Merkle tree over more leaves than memory should hold, in a folder: a file for each level, `0` the leaves. It is made in one go
 * and then only read.
 */
export class LeafFile implements AsyncDisposable {
  readonly root: Uint8Array
  readonly count: number
  readonly #levels: readonly FileHandle[]

  private constructor(levels: readonly FileHandle[], count: number, root: Uint8Array) {
    this.#levels = levels
    this.count = count
    this.root = root
  }

  /** Writes the tree over these leaves anew. Rejects with the signal's reason; what is in the folder then is to be written again. */
  static async write(
    folder: string,
    leaves: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<LeafFile> {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const count = await writeLevel(levelPath(folder, 0), leaves, signal)
    for (let level = 1; level <= levelsAbove(count); level++) {
      await using below = await open(levelPath(folder, level - 1))
      await writeLevel(levelPath(folder, level), pairsOf(below, countAt(count, level - 1)), signal)
    }
    return await LeafFile.open(folder, count)
  }

  /** Opens a tree that was written. */
  static async open(folder: string, count: number): Promise<LeafFile> {
    const levels: FileHandle[] = []
    try {
      for (let level = 0; level <= levelsAbove(count); level++)
        levels.push(await open(levelPath(folder, level)))
      const root = count === 0 ? NO_LEAF : await readAt(levels.at(-1)!, 0, 1)
      return new LeafFile(levels, count, root)
    } catch (error) {
      await Promise.all(levels.map(file => file.close()))
      throw error
    }
  }

  async leaf(index: number): Promise<Uint8Array> {
    return await readAt(this.#levels[0]!, index, 1)
  }

  /** The siblings of a leaf, from its own level up. */
  async path(index: number): Promise<Uint8Array[]> {
    const path: Uint8Array[] = []
    for (let [level, at] = [0, index]; level < this.#levels.length - 1; level++, at = Math.floor(at / 2)) {
      const sibling = at % 2 === 0 ? at + 1 : at - 1
      const isThere = sibling < countAt(this.count, level)
      path.push(isThere ? await readAt(this.#levels[level]!, sibling, 1) : NO_LEAF)
    }
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#levels.map(file => file.close()))
  }
}

const levelPath = (folder: string, level: number): string => join(folder, String(level))

/** Nodes of a level of a tree with so many leaves. */
const countAt = (leaves: number, level: number): number => Math.ceil(leaves / 2 ** level)

async function readAt(file: FileHandle, index: number, count: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(count * HASH_BYTES)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, index * HASH_BYTES)
  if (bytesRead < bytes.length) throw new Error('a file of leaves is shorter than it was written')
  return bytes
}

async function* pairsOf(below: FileHandle, count: number): AsyncIterable<Uint8Array> {
  for (let first = 0; first < count; first += BATCH) {
    const some = Math.min(BATCH, count - first)
    const bytes = await readAt(below, first, some)
    const node = (i: number): Uint8Array =>
      i < some ? bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES) : NO_LEAF
    for (let i = 0; i < some; i += 2) yield innerHash(node(i), node(i + 1))
  }
}

/** How many there were. */
async function writeLevel(
  path: string,
  nodes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  await using file = await open(path, 'w', 0o600)
  const batch = new Uint8Array(BATCH * HASH_BYTES)
  let count = 0
  const flush = async (): Promise<void> => {
    const held = count % BATCH || (count > 0 ? BATCH : 0)
    await file.writeFile(batch.subarray(0, held * HASH_BYTES))
    signal.throwIfAborted()
  }
  for await (const node of nodes) {
    batch.set(node, (count % BATCH) * HASH_BYTES)
    count++
    if (count % BATCH === 0) await flush()
  }
  if (count % BATCH > 0) await flush()
  await file.sync()
  signal.throwIfAborted()
  return count
}
