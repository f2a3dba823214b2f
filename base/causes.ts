// deeper than any chain of ours; an error may also be its own cause
const MAX_CAUSES = 1_000

/** An error and all that caused it, the nearest first: what it names as its cause, and what it gathers. */
export function causesOf(error: unknown): Error[] {
  const found = new Set<Error>()
  const add = (cause: unknown) => {
    if (cause instanceof Error && found.size < MAX_CAUSES) found.add(cause)
  }
  add(error)
  for (const one of found) {
    add(one.cause)
    if (one instanceof AggregateError) one.errors.forEach(add)
  }
  return [...found]
}

/** The codes that an error and its causes have, such as the system's `ENOSPC`, the nearest first. */
export function codesOf(error: unknown): string[] {
  return causesOf(error).flatMap(cause =>
    'code' in cause && typeof cause.code === 'string' ? [cause.code] : [],
  )
}
