/** Remembers what was made of the newest checkpoints, or is being made, so that all who ask share it. */
export function createRecent<T>(size: number): (sequence: bigint, make: () => Promise<T>) => Promise<T> {
  const kept = new Map<bigint, Promise<T>>()
  return (sequence, make) => {
    const known = kept.get(sequence)
    if (known !== undefined) return known
    const made = make()
    kept.set(sequence, made)
    // what failed is tried again by the next
    made.catch(() => kept.delete(sequence))
    if (kept.size > size) kept.delete(kept.keys().next().value!)
    return made
  }
}

/** What those who asked the same share. */
interface Feed {
  at(sequence: bigint, make: () => Promise<Uint8Array[]>): Promise<Uint8Array[]>
  leave(): void
}

/** Checkpoints that followers of one feed may be apart and still share. */
const KEPT = 16

/** Feeds by what was asked; one lives as long as somebody follows it. */
export function createFeeds(): { join(question: string): Feed } {
  const feeds = new Map<string, { followers: number; at: Feed['at'] }>()
  return {
    join(question) {
      const feed = feeds.get(question) ?? { followers: 0, at: createRecent<Uint8Array[]>(KEPT) }
      feed.followers++
      feeds.set(question, feed)
      return {
        at: feed.at,
        leave() {
          if (--feed.followers === 0) feeds.delete(question)
        },
      }
    },
  }
}
