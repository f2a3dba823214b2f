import type { Log } from './log.ts'

type Close = () => Promise<unknown>

/**
 * What was opened, in order, so that a start that fails half-way and a stop end alike: last first. Node 22 has no
 * `AsyncDisposableStack`, and that one would throw what this one logs.
 */
export interface CloseStack {
  push(close: Close): void
  /** Closes everything, however the rest ends: locks above all must be let go of. Never rejects; a second call does nothing. */
  closeAll(): Promise<void>
}

export function createCloseStack(log: Pick<Log, 'error'>): CloseStack {
  const opened: Close[] = []
  return {
    push: close => void opened.push(close),
    async closeAll() {
      for (const close of opened.splice(0).reverse()) {
        try {
          await close()
        } catch (err) {
          log.error({ err }, 'a part did not stop cleanly')
        }
      }
    },
  }
}
