import type { Log } from '../base/log.ts'

type Close = () => Promise<unknown>

/** What was opened, in order, so that a start that fails half-way and a stop end alike: last first. */
export interface Opened {
  push(close: Close): void
  /** Closes everything, however the rest ends: locks above all must be let go of. Never rejects; a second call does nothing. */
  closeAll(): Promise<void>
}

export function createOpened(log: Pick<Log, 'error'>): Opened {
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
