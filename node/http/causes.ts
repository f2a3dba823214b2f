// deeper than any chain of ours; an error may also be its own cause
const MAX_CAUSES = 1_000

/** An error and all that caused it: what it names as its cause, and what it gathers. */
export function causesOf(error: unknown): unknown[] {
  const found = new Set<unknown>([error])
  for (const one of found) {
    if (!(one instanceof Error)) continue
    for (const cause of [one.cause, ...(one instanceof AggregateError ? one.errors : [])]) {
      if (cause !== undefined && found.size < MAX_CAUSES) found.add(cause)
    }
  }
  return [...found]
}
