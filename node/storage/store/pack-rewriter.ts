import { join } from 'node:path'
import { Background } from '../../../base/background.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { Notify } from '../../../base/notify.ts'
import { diskTrouble } from './disk-error.ts'
import { packKey, SPARSE_PREFIX, sparseKey } from './keys.ts'
import { neededIn } from './needed-in.ts'
import { readEach, type SliverLocation } from './pack-file.ts'
import { countOf } from './pack-index.ts'
import { blobOfPack, nameBlobPack, nameShardPack, shardOfPack } from './pack-name.ts'
import type { PackItem, PackWriter } from './pack-writer.ts'
import type { Records } from './records.ts'

export interface PackRewriterInit {
  /** folder of the slivers */
  path: string
  records: Records
  writer: Pick<PackWriter, 'write'>
  clock: Clock
  log: Log
  /** A sliver is not what its record says. */
  damaged(key: string, location: SliverLocation): Promise<unknown>
}

/** What ends together is dropped one after the other: a pack that is sparse may be gone a moment later. */
const GATHER_MS = 10_000
const RETRY_MS = 60_000
/** What is needed of several packs becomes one pack, up to this: it is in memory meanwhile. */
const MERGED_BYTES = 16 * 1024 * 1024
/**
 * Gives back the room of packs of which less than half is needed: what is needed moves into new ones. In the background, one
 * after the other, at most half of the time. The notes of sparse packs say what is left to do, so a kill costs nothing: a
 * move is a batch of the index, in which the old pack becomes pending when it is the last.
 */
export class PackRewriter {
  readonly #init: PackRewriterInit
  readonly #news = new Notify()
  /** packs that stay sparse, for what is needed in them could not be found */
  readonly #stuck = new Set<string>()
  readonly #background = new Background(signal => this.#run(signal))

  constructor(init: PackRewriterInit) {
    this.#init = init
  }

  /** Another pack is sparse. */
  notice(): void {
    this.#news.notify()
  }

  start(): void {
    // what an earlier run has left
    this.#news.notify()
    this.#background.start()
  }

  async stop(): Promise<void> {
    await this.#background.stop()
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#init
    while (!signal.aborted) {
      try {
        await this.#news.wait(signal)
        await clock.sleep(GATHER_MS, signal)
        await this.#sweep(signal)
      } catch (err) {
        if (signal.aborted) return
        log.warn({ err, retryMs: RETRY_MS }, 'sparse packs were not rewritten')
        this.#news.notify()
        await clock.sleep(RETRY_MS, signal).catch(() => undefined)
      }
    }
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#init
    for (let after: string | undefined; ; ) {
      const files = await this.#next(after)
      if (files.length === 0) return
      const began = clock.monotonic()
      await this.#rewrite(files, signal).catch(err => {
        if (signal.aborted || diskTrouble(err) !== undefined) throw err
        for (const file of files) this.#stuck.add(file)
        log.warn({ err, files }, 'packs that cannot be read through stay as they are')
      })
      after = files.at(-1)
      await clock.sleep(clock.monotonic() - began, signal)
    }
  }

  /** Sparse packs of one blob or shard, from the first note behind `after` on. */
  async #next(after: string | undefined): Promise<string[]> {
    const { records } = this.#init
    const range = { after: after === undefined ? undefined : sparseKey(after) }
    const files: string[] = []
    let bytes = 0
    for await (const key of records.keys(SPARSE_PREFIX, range)) {
      const file = key.slice(SPARSE_PREFIX.length)
      if (this.#stuck.has(file)) continue
      bytes += countOf(await records.get(packKey(file)))?.bytes ?? 0
      if (files.length > 0 && (bytes > MERGED_BYTES || ownerOf(file) !== ownerOf(files[0]!))) break
      files.push(file)
    }
    return files
  }

  async #rewrite(files: readonly string[], signal: AbortSignal): Promise<void> {
    const { path, records, writer, log } = this.#init
    const items: PackItem[] = []
    for (const file of files) {
      const needed = await neededIn(this.#init, file)
      for await (const [i, bytes] of readEach(
        join(path, file),
        needed.map(([, from]) => from),
      )) {
        signal.throwIfAborted()
        const [key, from] = needed[i]!
        if (bytes === undefined) await this.#init.damaged(key, from)
        else items.push({ key, bytes, from })
      }
    }
    const file = nameLike(files[0]!)
    if (items.length > 0) await writer.write([{ file, items }])
    for (const old of files) {
      if (!(await records.has(sparseKey(old)))) continue
      this.#stuck.add(old)
      log.warn({ file: old }, 'a pack has slivers that it does not tell of; it stays as it is')
    }
    log.debug({ files: files.length, slivers: items.length }, 'rewrote sparse packs')
  }
}

const ownerOf = (file: string): unknown => blobOfPack(file) ?? shardOfPack(file)

/** Of a new pack for what is in an old one. */
function nameLike(file: string): string {
  const blobId = blobOfPack(file)
  if (blobId !== undefined) return nameBlobPack(blobId)
  const shard = shardOfPack(file)
  if (shard === undefined) throw new Error(`no pack is named ${file}`)
  return nameShardPack(shard)
}
