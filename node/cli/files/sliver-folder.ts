import { type FileHandle, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { readAt, writeAt } from '../../../base/file-at.ts'
import { type BlobMetadata, type SliverFiles, type SliverRef, sliverLength } from '../../../codec/index.ts'
import { READ_FLAGS } from '../input.ts'

/** Handles kept open: one for each primary sliver that a pass over the columns writes, at 1000 shards, and some more. */
const MAX_HANDLES = 800
const FILE_NAME = /^(primary|secondary)-(\d{4,5})\.bin$/

export function sliverFileName({ axis, pair }: SliverRef): string {
  return `${axis}-${String(pair).padStart(4, '0')}.bin`
}

interface OpenFile {
  handle: Promise<FileHandle>
  users: number
}

/** A folder with one file per sliver, named by its pair: `primary-0000.bin`, `secondary-0000.bin`, ... */
export class SliverFolder implements SliverFiles {
  readonly path: string
  readonly #flags: 'r' | 'w'
  /** least recently used first */
  readonly #files = new Map<string, OpenFile>()
  readonly #created = new Set<string>()

  /** `w`: files are created anew. */
  constructor(path: string, flags: 'r' | 'w') {
    this.path = path
    this.#flags = flags
  }

  async read(ref: SliverRef, offset: number, target: Uint8Array): Promise<void> {
    await this.#use(ref, (handle, path) => readAt(handle, path, offset, target))
  }

  async write(ref: SliverRef, offset: number, bytes: Uint8Array): Promise<void> {
    await this.#use(ref, (handle, path) => writeAt(handle, path, offset, bytes))
  }

  /** Slivers that there are, by name and size; `wrong` names files of another size. */
  async list(metadata: BlobMetadata): Promise<{ refs: SliverRef[]; wrong: string[] }> {
    const refs: SliverRef[] = []
    const wrong: string[] = []
    for (const name of await readdir(this.path)) {
      const match = FILE_NAME.exec(name)
      if (match === null) continue
      const ref = { axis: match[1], pair: Number(match[2]) } as SliverRef
      const expected = sliverLength(metadata.nShards, metadata.unencodedLength, ref.axis)
      // a link may lead nowhere: the others may do without it
      const found = await stat(join(this.path, name)).catch(() => undefined)
      const fits = found?.isFile() === true && found.size === expected
      if (ref.pair < metadata.nShards && fits && sliverFileName(ref) === name) refs.push(ref)
      else wrong.push(name)
    }
    return { refs, wrong }
  }

  /** Removes the files that were created. */
  async discard(): Promise<void> {
    await this.close().catch(() => {})
    for (const name of this.#created) await rm(join(this.path, name), { force: true })
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()]
    this.#files.clear()
    // all of them, even when one fails
    const closed = await Promise.allSettled(files.map(async ({ handle }) => (await handle).close()))
    const failure = closed.find(result => result.status === 'rejected')
    if (failure !== undefined) throw failure.reason
  }

  async #use<T>(ref: SliverRef, work: (handle: FileHandle, path: string) => Promise<T>): Promise<T> {
    const name = sliverFileName(ref)
    const path = join(this.path, name)
    const file = this.#files.get(name) ?? { handle: this.#open(name, path), users: 0 }
    this.#files.delete(name)
    this.#files.set(name, file)
    file.users++
    try {
      const handle = await file.handle
      return await work(handle, path)
    } finally {
      file.users--
      await this.#closeSpare()
    }
  }

  async #open(name: string, path: string): Promise<FileHandle> {
    if (this.#flags === 'r') return await open(path, READ_FLAGS)
    const flags = this.#created.has(name) ? 'r+' : 'w+'
    this.#created.add(name)
    return await open(path, flags)
  }

  async #closeSpare(): Promise<void> {
    for (const [name, { handle, users }] of this.#files) {
      if (this.#files.size <= MAX_HANDLES) return
      if (users > 0) continue
      this.#files.delete(name)
      await (await handle).close()
    }
  }
}
