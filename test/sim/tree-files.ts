import promises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** Paths under it are on no disk. */
const PREFIX = '/floe-simulation-trees/'
const PATCHED = ['open', 'rm', 'mkdir', 'readdir', 'readFile', 'rename'] as const

type Patched = Pick<typeof promises, (typeof PATCHED)[number]>

/**
 * The files in which nodes keep the trees of what they have committed to, in memory: a machine's disk would take turns of its own, and time
 * would go on meanwhile. Until it is disposed, what asks `node:fs/promises` for a path of them gets these; all others get the machine's.
 */
export class TreeFiles implements Disposable {
  readonly #files = new Map<string, Uint8Array>()
  readonly #folders = new Set<string>()
  readonly #before: Patched

  constructor() {
    const { open, rm, mkdir, readdir, readFile, rename } = promises
    this.#before = { open, rm, mkdir, readdir, readFile, rename }
    const own = this.#own() as unknown as Record<string, (...args: unknown[]) => unknown>
    for (const name of PATCHED) {
      const real = promises[name] as (...args: unknown[]) => unknown
      const patched = (...args: unknown[]): unknown => (isOwn(args[0]) ? own[name]!(...args) : real(...args))
      Object.assign(promises, { [name]: patched })
    }
    syncBuiltinESMExports()
  }

  [Symbol.dispose](): void {
    Object.assign(promises, this.#before)
    syncBuiltinESMExports()
  }

  /** A folder for one node. */
  folderOf(name: string): string {
    return PREFIX + name
  }

  /** Undefined while there is none. */
  read(path: string): Uint8Array | undefined {
    return this.#files.get(path)
  }

  /** A folder with all that is in it. */
  drop(folder: string): void {
    for (const all of [this.#files, this.#folders])
      for (const path of all.keys()) if (path === folder || path.startsWith(`${folder}/`)) all.delete(path)
  }

  #own() {
    const expect = (path: string): Uint8Array => {
      const bytes = this.#files.get(path)
      if (bytes === undefined) throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
      return bytes
    }
    return {
      open: async (path: string, flags = 'r') => {
        if (flags === 'r' && !this.#folders.has(path)) expect(path)
        if (flags.startsWith('w')) this.#files.set(path, new Uint8Array())
        return this.#handle(path)
      },
      readFile: async (path: string) => Buffer.from(expect(path)).toString('utf8'),
      rename: async (from: string, to: string) => {
        this.#files.set(to, expect(from))
        this.#files.delete(from)
      },
      rm: async (path: string) => this.drop(path),
      mkdir: async (path: string) => void this.#folders.add(path),
      readdir: async (path: string) => {
        const below = [...this.#folders, ...this.#files.keys()].filter(one => one.startsWith(`${path}/`))
        return [...new Set(below.map(one => one.slice(path.length + 1).split('/')[0]!))]
      },
    }
  }

  #handle(path: string) {
    // what is open can be read after its name is gone
    let bytes = this.#files.get(path) ?? new Uint8Array()
    return {
      read: async (into: Uint8Array, offset: number, length: number, position: number) => {
        const part = bytes.subarray(position, position + length)
        into.set(part, offset)
        return { bytesRead: part.length, buffer: into }
      },
      writeFile: async (data: string | Uint8Array) => {
        bytes = Buffer.concat([bytes, typeof data === 'string' ? Buffer.from(data) : data])
        this.#files.set(path, bytes)
      },
      sync: async () => undefined,
      close: async () => undefined,
      [Symbol.asyncDispose]: async () => undefined,
    }
  }
}

const isOwn = (path: unknown): boolean => typeof path === 'string' && path.startsWith(PREFIX)
