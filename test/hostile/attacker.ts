/** The attackers' process: its memory and its event loop are its own, so that what is measured is the network's. */
import { loadAttack, type Target } from './attack.ts'

/** One attack at a time. */
export type Order = { name: string; target: Target; from: string } | 'stop'

let stopping = new AbortController()

process.on('message', async (order: Order) => {
  if (order === 'stop') return stopping.abort()
  stopping = new AbortController()
  try {
    const { name, ...context } = order
    const attack = await loadAttack(name)
    process.send?.({ counts: await attack.run({ ...context, signal: stopping.signal }) })
  } catch (error) {
    process.send?.({ failed: error instanceof Error ? error.stack : String(error) })
  }
})
// the process that gave the orders has gone
process.on('disconnect', () => process.exit())
process.send?.({ ready: true })
