/** Reads or writes in flight: enough to keep a disk busy. */
const IN_FLIGHT = 16

/** Runs `work` for 0 .. count-1, several at a time. After a failure no more are begun, and it is thrown when all have ended. */
export async function forEachConcurrently(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  let failed = false
  const run = async () => {
    while (next < count && !failed) {
      try {
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
