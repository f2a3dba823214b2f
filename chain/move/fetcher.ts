import { basename } from 'node:path'
import { MovePackageFetcher } from '@zktx.io/sui-move-builder/full'
import { systemPackages } from './framework.ts'
import type { MoveFiles } from './sources.ts'

/** Serves the compiler's dependencies from disk, so that nothing is ever downloaded. */
export class LocalFetcher extends MovePackageFetcher {
  readonly #system = systemPackages()

  /** @param locals packages reachable as `{ local = "../name" }`, by name */
  constructor(locals: Record<string, MoveFiles> = {}) {
    super()
    this.fetchLocal = async path => {
      const files = locals[basename(path)] ?? this.#system[basename(path)]
      if (files == null) {
        throw new Error(`no such local Move package: ${path}`)
      }
      return files
    }
  }

  override async fetch(gitUrl: string, _rev: string, subdir = ''): Promise<MoveFiles> {
    const files = this.#system[basename(subdir)]
    if (files == null) {
      throw new Error(`Move dependency is not part of the framework here: ${gitUrl} ${subdir}`)
    }
    return files
  }

  override async fetchFile(_gitUrl: string, _rev: string, path: string): Promise<string | null> {
    const match = /packages\/([^/]+)\/(.+)$/.exec(path)
    return match === null ? null : (this.#system[match[1]!]?.[match[2]!] ?? null)
  }

  /** The framework on disk has no commit; the compiler only wants a stable name for it. */
  override getResolvedSha(): string {
    return '0'.repeat(40)
  }
}
