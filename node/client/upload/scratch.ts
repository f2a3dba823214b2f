import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readdir, rename, rm, stat, statfs, utimes } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../../base/clock.ts'
import { writeAt } from '../../../base/file-at.ts'
import { isRunning, makeOwnFolder, thisMachine } from '../../../base/processes.ts'

export interface ScratchInit {
  /** made when it is not there, inside one that is; one of this user's among the machine's temporary files when absent */
  folder?: string
  /** of what was left for another try, in all: the oldest goes first */
  keptBytes?: number
  keptMs?: number
  /** after which a process that has not touched its work is taken for gone */
  staleMs?: number
}

/** A folder for one piece of work. It is this process's until it is removed or left. */
export interface ScratchFolder {
  readonly path: string
  /** Idempotent, and never rejects: what cannot be removed now is when somebody looks again. */
  remove(): Promise<void>
  /** Lets another process, or a later call, go on from here. */
  leave(): Promise<void>
}

/** Bytes that can be read once, in a file for the time being. */
export interface ScratchFile extends AsyncDisposable {
  readonly path: string
  /** bytes so far */
  readonly size: number
  /** One at a time. */
  append(bytes: Uint8Array): Promise<void>
}

/** The largest blob of 1000 shards, encoded. */
const KEPT_BYTES = 66e9
const KEPT_MS = 24 * 3600 * 1000
const STALE_MS = 15 * 60 * 1000
const TOUCHES = 6
const SPOOL = 'spool'
/** key, machine, process, and what tells several of one process apart */
const NAME = /^(\w+)-([0-9a-f]{8})-(\d+)-[0-9a-f]{8}$/
/** of work that was left: a process of this number never runs */
const NOBODY = 0
/** Written last: work without it is not whole. */
export const WHOLE_FILE = 'metadata.bin'

/**
 * Where blobs that are too large for memory lie while they are stored. Each piece of work has a folder whose name says what
 * it is and whose, and that is touched while its process lives. What the dead have left behind is removed by the process that
 * comes next, unless it is whole: then it waits for another try, for a day and up to a size.
 */
export class Scratch {
  readonly #folder: string
  readonly #keptBytes: number
  readonly #keptMs: number
  readonly #staleMs: number
  readonly #clock: Clock
  readonly #machine = thisMachine()

  constructor({
    folder = join(tmpdir(), `floe-scratch-${process.getuid?.() ?? 'user'}`),
    keptBytes = KEPT_BYTES,
    keptMs = KEPT_MS,
    staleMs = STALE_MS,
    clock,
  }: ScratchInit & { clock: Clock }) {
    this.#clock = clock
    this.#folder = folder
    this.#keptBytes = keptBytes
    this.#keptMs = keptMs
    this.#staleMs = staleMs
  }

  /** A new folder for the work of this name, letters and digits. Throws node's file errors. */
  async make(key: string): Promise<ScratchFolder> {
    await makeOwnFolder(this.#folder)
    await this.sweep()
    const path = join(this.#folder, this.#name(key, process.pid))
    await makeOwnFolder(path)
    return this.#hold(key, path)
  }

  /** Whole work of this name that nobody is busy with any more, as this process's from here on. */
  async takeOver(key: string): Promise<ScratchFolder | undefined> {
    await makeOwnFolder(this.#folder)
    for (const name of await readdir(this.#folder)) {
      if (NAME.exec(name)?.[1] !== key || (await this.#isAlive(name)) !== false) continue
      const path = join(this.#folder, this.#name(key, process.pid))
      // the process that renames it first has it
      const isOurs = await rename(join(this.#folder, name), path).then(
        () => true,
        () => false,
      )
      if (!isOurs) continue
      const folder = this.#hold(key, path)
      if (await stat(join(path, WHOLE_FILE)).catch(() => undefined)) return folder
      await folder.remove()
    }
    return undefined
  }

  /** A file for bytes that come once. Throws node's file errors. */
  async spool(): Promise<ScratchFile> {
    const folder = await this.make(SPOOL)
    const path = join(folder.path, 'blob')
    let handle: FileHandle
    try {
      handle = await open(path, 'wx+', 0o600)
    } catch (error) {
      await folder.remove()
      throw error
    }
    let size = 0
    let gone: Promise<void> | undefined
    const discard = async (): Promise<void> => {
      await handle.close().catch(() => undefined)
      await folder.remove()
    }
    return {
      path,
      get size() {
        return size
      },
      async append(bytes) {
        await writeAt(handle, path, size, bytes)
        size += bytes.length
      },
      [Symbol.asyncDispose]() {
        gone ??= discard()
        return gone
      },
    }
  }

  /** Throws ENOSPC unless there is room for so many bytes. */
  async expectRoom(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    if (bavail * bsize >= bytes) return
    const message = `${bytes} bytes are needed in ${this.#folder}, ${bavail * bsize} are free`
    throw Object.assign(new Error(message), { code: 'ENOSPC', path: this.#folder })
  }

  /** Removes what the dead have left, except for whole work that is young enough. */
  async sweep(): Promise<void> {
    const left: { path: string; bytes: number; mtimeMs: number }[] = []
    for (const name of await readdir(this.#folder)) {
      const match = NAME.exec(name)
      if (match === null || (await this.#isAlive(name)) !== false) continue
      const path = join(this.#folder, name)
      const [, key] = match
      const whole = key === SPOOL ? undefined : await stat(join(path, WHOLE_FILE)).catch(() => undefined)
      if (whole === undefined || this.#clock.now() - whole.mtimeMs > this.#keptMs) await this.#remove(path)
      else left.push({ path, mtimeMs: whole.mtimeMs, bytes: await bytesIn(path) })
    }
    let keptBytes = 0
    for (const { path, bytes } of left.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
      keptBytes += bytes
      if (keptBytes > this.#keptBytes) await this.#remove(path)
    }
  }

  #name(key: string, pid: number): string {
    return `${key}-${this.#machine}-${pid}-${randomBytes(4).toString('hex')}`
  }

  /** Undefined when it is not there any more. */
  async #isAlive(name: string): Promise<boolean | undefined> {
    const touched = await stat(join(this.#folder, name)).catch(() => undefined)
    if (touched === undefined) return undefined
    const [, , machine, pid] = NAME.exec(name) as unknown as string[]
    if (Number(pid) === NOBODY || this.#clock.now() - touched.mtimeMs > this.#staleMs) return false
    return machine !== this.#machine || isRunning(Number(pid))
  }

  #hold(key: string, path: string): ScratchFolder {
    const touch = (): void => {
      const now = new Date(this.#clock.now())
      utimes(path, now, now).catch(() => undefined)
    }
    touch()
    const touching = this.#clock.every(this.#staleMs / TOUCHES, touch)
    return {
      path,
      remove: async () => {
        touching.stop()
        await this.#remove(path)
      },
      leave: async () => {
        touching.stop()
        await rename(path, join(this.#folder, this.#name(key, NOBODY))).catch(() => this.#remove(path))
      },
    }
  }

  async #remove(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0
  for (const name of await readdir(folder).catch(() => [])) {
    const found = await stat(join(folder, name)).catch(() => undefined)
    bytes += found?.size ?? 0
  }
  return bytes
}
