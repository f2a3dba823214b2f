import { createHash, randomBytes } from 'node:crypto'
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder } from './atomic-file.ts'
import type { Clock } from './clock.ts'
import { makeFolder } from './make-folder.ts'

/** Texts under keys, each for a while: what was answered, used or spent. */
export interface Records {
  /** undefined once its time is over */
  get(key: string): Promise<string | undefined>
  /** Keeps a text where there is none, of other processes neither; tells whether it does. Throws RecordsFull. */
  add(key: string, text: string, untilMs: number): Promise<boolean>
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
export class RecordsFull extends Error {
  readonly code = 'RECORDS_FULL'
}

/** They survive the process where there is a folder. Calls throw node's file errors, too. */
export function createRecords({ folder, limit, clock }: RecordsInit): Records {
  return folder === undefined ? new MemoryRecords(limit, clock) : new FileRecords(folder, limit, clock)
}

interface Entry {
  text: string
  untilMs: number
}

class MemoryRecords implements Records {
  readonly #entries = new Map<string, Entry>()
  readonly #limit: number
  readonly #clock: Pick<Clock, 'now'>

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

  async add(key: string, text: string, untilMs: number): Promise<boolean> {
    if (this.#live(key) !== undefined) return false
    await this.set(key, text, untilMs)
    return true
  }

  async set(key: string, text: string, untilMs: number): Promise<void> {
    if (!this.#entries.has(key) && this.#entries.size >= this.#limit) this.#sweep()
    this.#entries.set(key, { text, untilMs })
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  #sweep(): void {
    for (const key of this.#entries.keys()) if (this.#live(key) === undefined) this.#entries.delete(key)
    if (this.#entries.size >= this.#limit) throw full(this.#limit)
  }
}

/** A file for each, named by its key's hash, written whole or not at all. */
class FileRecords implements Records {
  readonly #folder: string
  readonly #limit: number
  readonly #clock: Pick<Clock, 'now'>
  #opening: Promise<void> | undefined
  #count = 0

  constructor(folder: string, limit: number, clock: Pick<Clock, 'now'>) {
    this.#folder = folder
    this.#limit = limit
    this.#clock = clock
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#read(this.#path(key)))?.text
  }

  async add(key: string, text: string, untilMs: number): Promise<boolean> {
    await this.#makeRoom()
    const path = this.#path(key)
    if ((await this.#read(path)) !== undefined) return false
    await rm(path, { force: true })
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
    await rm(this.#path(key), { force: true })
  }

  #path(key: string): string {
    return join(this.#folder, createHash('sha256').update(key).digest('hex'))
  }

  async #write(entry: Entry): Promise<string> {
    const path = join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`)
    await writeFile(path, JSON.stringify(entry), { flag: 'wx', mode: 0o600, flush: true })
    return path
  }

  /** undefined when there is none, or its time is over */
  async #read(path: string): Promise<Entry | undefined> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) return undefined
    const entry = JSON.parse(text) as Entry
    return entry.untilMs > this.#clock.now() ? entry : undefined
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
    await this.#sweep()
    if (this.#count >= this.#limit) throw full(this.#limit)
  }

  /** Removes those whose time is over, and counts the others. */
  async #sweep(): Promise<void> {
    let count = 0
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name)
      if (name.endsWith('.tmp')) continue
      if ((await this.#read(path)) === undefined) await rm(path, { force: true })
      else count++
    }
    this.#count = count
  }
}

function full(limit: number): RecordsFull {
  return new RecordsFull(`there are ${limit} records, and none of them is over`)
}
