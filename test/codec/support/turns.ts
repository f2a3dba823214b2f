/** How often the event loop came round while something was at work. */
export async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0
  let running = true
  const probe = () => {
    turns++
    if (running) setImmediate(probe)
  }
  setImmediate(probe)
  await work()
  running = false
  return turns
}
