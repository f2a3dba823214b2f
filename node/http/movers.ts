import { createPace, type PaceOptions } from './pace.ts'

/** Somebody whose bytes come or go at a pace of its own, and take room meanwhile. */
export interface Mover {
  /** Bytes moved. */
  moved(bytes: number): void
  /** It is over. */
  done(): void
}

export interface Who {
  address: string
  /** the room that it takes now */
  bytes: () => number
  /** Must give the room back at once; it is called once at most. */
  cut: () => void
}

export interface Movers {
  add(who: Who): Mover
  /**
   * Cuts the slowest, of the address that takes the most first, until so many bytes are free; when 0, one, of the address
   * that has the most places, however few bytes they are. Only those of `address`, when it is given.
   */
  cutSlow(bytes: number, address?: string): void
}

/** Slower than this, one goes when others wait for its room: 20 MB take 80 s at this pace. */
const SLOW_BYTES_PER_SECOND = 256 * 1024

interface Entry extends Who {
  bytesPerSecond(): number
}

export function createMovers(options: PaceOptions): Movers {
  const entries = new Set<Entry>()

  function slowest(weight: (entry: Entry) => number, only?: string): Entry | undefined {
    const shares = new Map<string, number>()
    for (const entry of entries) shares.set(entry.address, (shares.get(entry.address) ?? 0) + weight(entry))
    const slow = [...entries]
      .map(entry => ({ entry, pace: entry.bytesPerSecond(), share: shares.get(entry.address) as number }))
      .filter(({ entry, pace }) => (only ?? entry.address) === entry.address && pace < SLOW_BYTES_PER_SECOND)
    return slow.sort((a, b) => b.share - a.share || a.pace - b.pace)[0]?.entry
  }

  return {
    add(who) {
      const pace = createPace(options)
      const entry: Entry = { ...who, bytesPerSecond: pace.bytesPerSecond }
      entries.add(entry)
      return { moved: pace.moved, done: () => void entries.delete(entry) }
    },
    cutSlow(bytes, address) {
      const weight = bytes === 0 ? () => 1 : (entry: Entry) => entry.bytes()
      let free = 0
      do {
        const entry = slowest(weight, address)
        if (entry === undefined) return
        entries.delete(entry)
        free += entry.bytes()
        entry.cut()
      } while (free < bytes)
    },
  }
}
