import { LruMap } from '../../../base/lru-map.ts'
import { type InlineSliver, isInline, type SliverPlace } from './locations.ts'
import type { SliverLocation } from './pack-file.ts'

/** How a file looks from outside: other bytes cannot be in it without another look. */
export interface FileLook {
  /** inode, size, times of the last change of content and of the file, in nanoseconds */
  identity: string
  size: number
  /** false while it is so young that a change might bear the same times: their clock ticks in up to 10 ms */
  isSettled: boolean
}

interface Verified {
  location: string
  /** undefined: which bytes were verified is known, not how their file looked */
  identity: string | undefined
}

/** 300 bytes each */
const REMEMBERED = 20_000

/** Which stored slivers were verified since the process began, and how their files looked then. */
export class VerifiedSlivers {
  readonly #known: LruMap<string, Verified>

  constructor(limit = REMEMBERED) {
    this.#known = new LruMap(limit)
  }

  /** `untouched`: the bytes are those that were verified. `known`: they are if their hash is still that of the record. */
  get(key: string, location: SliverLocation, look: FileLook): 'untouched' | 'known' | undefined {
    const known = this.#known.get(key)
    if (known === undefined || known.location !== textOf(location)) return undefined
    return known.identity === look.identity ? 'untouched' : 'known'
  }

  /** Whether it was verified as it is now. */
  has(key: string, sliver: InlineSliver): boolean {
    return this.#known.get(key)?.location === textOf(sliver)
  }

  add(key: string, location: SliverPlace, identity?: string): void {
    this.#known.set(key, { location: textOf(location), identity })
  }

  /** Its bytes are the same elsewhere. */
  move(key: string, from: SliverLocation, to: SliverLocation, identity: string | undefined): void {
    if (this.#known.get(key)?.location === textOf(from)) this.add(key, to, identity)
  }

  forget(key: string): void {
    this.#known.delete(key)
  }
}

const textOf = (place: SliverPlace): string =>
  isInline(place)
    ? `${place.length} ${place.crc32}`
    : `${place.file} ${place.offset} ${place.length} ${place.sha256}`
