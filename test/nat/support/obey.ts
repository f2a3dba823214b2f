import { inspect } from 'node:util'

/** A lab's program: answers each order of its parent by what `act` gives, and ends with it. */
export function obey(act: (order: never) => Promise<object>): void {
  process.on('message', order => {
    act(order as never)
      // with all its causes
      .catch(error => ({ error: inspect(error, { depth: 8, breakLength: 140 }) }))
      .then(answer => process.send?.(answer))
  })
  process.on('disconnect', () => process.exit())
}

/** What this process has taken of processors so far, ms. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
