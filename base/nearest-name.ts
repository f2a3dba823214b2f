/** The one of `known` that is most likely meant by a name that is none of them; undefined when more than a third would be wrong. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let least = Math.floor(name.length / 3)
  let nearest: string | undefined
  for (const one of known) {
    const distance = editsBetween(name.toLowerCase(), one.toLowerCase(), least)
    if (distance > least || (distance === least && nearest !== undefined)) continue
    least = distance
    nearest = one
  }
  return nearest
}

/** Characters to be put in, left out or changed, and neighbours to be swapped; anything above `most` when there are more. */
function editsBetween(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1
  let [before, last]: [number[], number[]] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) edits = Math.min(edits, before[j - 2]! + 1)
      row.push(edits)
    }
    before = last
    last = row
  }
  return last[b.length]!
}
