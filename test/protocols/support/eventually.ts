/** Asks again until it holds; throws what was last seen when it does not within the time. For states without an event. */
export async function eventually(
  holds: () => boolean,
  describe: () => string,
  timeoutMs = 5_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${describe()}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}
