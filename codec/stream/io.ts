/** Reads or writes in flight: enough to keep a disk busy. */
const IN_FLIGHT = 16

/**
 * Runs `work` for 0 .. count-1, several at a time. After a failure, or when the signal says so, no more are begun, and
 * the reason is thrown when all have ended: nobody reads into memory that is used for something else by then.
 */
export async function forEachConcurrently(
  count: number,
  work: (index: number) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let next = 0
  let failed = false
  const run = async () => {
    while (next < count && !failed) {
      try {
        signal?.throwIfAborted()
        await work(next++)
      } catch (error) {
        failed = true
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: Math.min(IN_FLIGHT, count) }, run))
  const failure = results.find(result => result.status === 'rejected')
  if (failure !== undefined) throw failure.reason
}
