/** Counts what is under way, of all and by names. */
export interface Places {
  /**
   * One of `most`, and of what each name may have, one at least. Call the result when it is over; undefined: there is none.
   */
  take(most: number, names?: readonly (readonly [name: string, most: number])[]): (() => void) | undefined
}

/** Names are held while something of theirs is under way: no more than there are places. */
export function createPlaces(): Places {
  const underWay = new Map<string, number>()
  let all = 0
  const change = (name: string, by: 1 | -1): void => {
    const count = (underWay.get(name) ?? 0) + by
    if (count === 0) underWay.delete(name)
    else underWay.set(name, count)
  }
  return {
    take(most, names = []) {
      const isFull = names.some(([name, most]) => (underWay.get(name) ?? 0) >= Math.max(1, most))
      if (all >= most || isFull) return undefined
      all++
      for (const [name] of names) change(name, 1)
      let over = false
      return () => {
        if (over) return
        over = true
        all--
        for (const [name] of names) change(name, -1)
      }
    },
  }
}
