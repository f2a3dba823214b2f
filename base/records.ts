import { createHash, randomBytes } from 'node:crypto'
import { link, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from './atomic-file.ts'
import type { Clock } from './clock.ts'
import { CodedError } from './coded-error.ts'
import { makeFolder } from './make-folder.ts'
import { SingleFlight } from './single-flight.ts'

/** Texts under keys, each for a while: what was answered, used or spent. */
export interface Records {
  /** undefined once its time is over */
  get(key: string): Promise<string | undefined>
  /** Keeps a text where there is none, or the one that it is `inPlaceOf`, of other processes neither; tells whether it does. Throws RecordsFull. */
  add(key: string, text: string, untilMs: number, inPlaceOf?: string): Promise<boolean>
  /** Keeps a text in place of any. Throws RecordsFull. */
  set(key: string, text: string, untilMs: number): Promise<void>
  delete(key: string): Promise<void>
}

export interface RecordsInit {
  /** made when it is not there; several processes may share it. In memory alone when absent */
  folder?: string | undefined
  /** how many there may be */
  limit: number
  clock: Pick<Clock, 'now'>
}

/** Nothing is forgotten before its time: a new one is refused. */
export class RecordsFull extends CodedError<{ RECORDS_FULL: { limit: number } }> {
  override readonly name = 'RecordsFull'

  constructor(limit: number) {
    super('RECORDS_FULL', `there are ${limit} records, and none of them is over`, { limit })
  }
}

/** They survive the process where there is a folder. Calls throw node's file errors, too. */
export function createRecords({ folder, limit, clock }: RecordsInit): Records {
  return folder === undefined ? new MemoryRecords(limit, clock) : new FileRecords(folder, limit, clock)
}

interface Entry {
  text: string
  untilMs: number
}

/** Looking through all of them takes a while: at their limit not every new one can have that done. */
const SWEEP_MS = 10_000
/** Writing takes moments: what is as old as that is of a process that was killed. */
const ABANDONED_MS = 3_600_000

class MemoryRecords implements Records {
  readonly #entries = new Map<string, Entry>()
  readonly #limit: number
  readonly #clock: Pick<Clock, 'now'>
  #sweptMs = Number.NEGATIVE_INFINITY

  constructor(limit: number, clock: Pick<Clock, 'now'>) {
    this.#limit = limit
    this.#clock = clock
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    return entry !== undefined && entry.untilMs > this.#clock.now() ? entry : undefined
  }

  async get(key: string): Promise<string | undefined> {
    return this.#live(key)?.text
  }

  async add(key: string, text: string, untilMs: number, inPlaceOf?: string): Promise<boolean> {
    const there = this.#live(key)
    if (there !== undefined && there.text !== inPlaceOf) return false
    await this.set(key, text, untilMs)
    return true
  }

  async set(key: string, text: string, untilMs: number): Promise<void> {
    if (!this.#entries.has(key) && this.#entries.size >= this.#limit) this.#makeRoom()
    this.#entries.set(key, { text, untilMs })
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  #makeRoom(): void {
    const nowMs = this.#clock.now()
    if (nowMs - this.#sweptMs >= SWEEP_MS) {
      this.#sweptMs = nowMs
      for (const key of this.#entries.keys()) if (this.#live(key) === undefined) this.#entries.delete(key)
    }
    if (this.#entries.size >= this.#limit) throw new RecordsFull(this.#limit)
  }
}

/** A file for each, named by its key's hash, written whole or not at all. */
class FileRecords implements Records {
  readonly #folder: string
  readonly #limit: number
  readonly #clock: Pick<Clock, 'now'>
  readonly #sweeping = new SingleFlight<void>()
  #opening: Promise<void> | undefined
  #sweptMs = 0
  #count = 0

  constructor(folder: string, limit: number, clock: Pick<Clock, 'now'>) {
    this.#folder = folder
    this.#limit = limit
    this.#clock = clock
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#read(this.#path(key)))?.text
  }

  async add(key: string, text: string, untilMs: number, inPlaceOf?: string): Promise<boolean> {
    await this.#makeRoom()
    const path = this.#path(key)
    if (!(await this.#clear(path, inPlaceOf))) return false
    const temporary = await this.#write({ text, untilMs })
    try {
      // unlike a renamed file, a link never takes another's place
      await link(temporary, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      await rm(temporary, { force: true })
    }
    this.#count++
    await syncFolder(this.#folder)
    return true
  }

  async set(key: string, text: string, untilMs: number): Promise<void> {
    await this.#open()
    const path = this.#path(key)
    const isNew = (await this.#read(path)) === undefined
    if (isNew) await this.#makeRoom()
    const temporary = await this.#write({ text, untilMs })
    await rename(temporary, path)
    if (isNew) this.#count++
    await syncFolder(this.#folder)
  }

  async delete(key: string): Promise<void> {
    const isGone = await unlink(this.#path(key)).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return false
        throw error
      },
    )
    if (isGone && this.#count > 0) this.#count--
  }

  /** Takes what is over, or `unwanted`, out of the way; tells whether there is nothing any more. */
  async #clear(path: string, unwanted: string | undefined): Promise<boolean> {
    const isKept = (entry: Entry | undefined) => entry !== undefined && entry.text !== unwanted
    if (isKept(await this.#read(path))) return false
    const aside = this.#temporary()
    try {
      await rename(path, aside)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return true
      throw error
    }
    try {
      if (!isKept(await this.#read(aside))) {
        if (this.#count > 0) this.#count--
        return true
      }
      // another process was faster, and what was taken is its record
      await link(aside, path).catch(() => undefined)
      return false
    } finally {
      await rm(aside, { force: true })
    }
  }

  #path(key: string): string {
    return join(this.#folder, createHash('sha256').update(key).digest('hex'))
  }

  #temporary(): string {
    return join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`)
  }

  async #write(entry: Entry): Promise<string> {
    const path = this.#temporary()
    await writeFile(path, JSON.stringify(entry), { flag: 'wx', mode: 0o600, flush: true })
    return path
  }

  /** undefined when there is none, its time is over, or the disk has lost what was in it */
  async #read(path: string): Promise<Entry | undefined> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return undefined
    const entry = entryOf(text)
    return entry !== undefined && entry.untilMs > this.#clock.now() ? entry : undefined
  }

  async #open(): Promise<void> {
    this.#opening ??= makeFolder(this.#folder, 0o700).then(() => this.#sweep())
    await this.#opening.catch(error => {
      this.#opening = undefined
      throw error
    })
  }

  async #makeRoom(): Promise<void> {
    await this.#open()
    if (this.#count < this.#limit) return
    if (this.#clock.now() - this.#sweptMs >= SWEEP_MS) await this.#sweeping.run(() => this.#sweep())
    if (this.#count >= this.#limit) throw new RecordsFull(this.#limit)
  }

  /** Removes those whose time is over, and counts the others. */
  async #sweep(): Promise<void> {
    this.#sweptMs = this.#clock.now()
    let count = 0
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      if (name.endsWith('.tmp')) await this.#removeAbandoned(path)
      else if ((await this.#read(path)) === undefined) await rm(path, { force: true })
      else count++
    }
    this.#count = count
  }

  async #removeAbandoned(path: string): Promise<void> {
    const written = await stat(path).catch(() => undefined)
    if (written !== undefined && this.#clock.now() - written.mtimeMs > ABANDONED_MS)
      await rm(path, { force: true })
  }
}

function entryOf(text: string): Entry | undefined {
  try {
    const entry = JSON.parse(text) as Partial<Entry> | null
    return typeof entry?.text === 'string' && typeof entry.untilMs === 'number' ? (entry as Entry) : undefined
  } catch {
    return undefined
  }
}
