import { isatty } from 'node:tty'

/** What SIGHUP means: that the terminal is gone, or that somebody wants configs to be read again. */
export interface Hangups {
  /** Calls back at each from here on, until the result is called. */
  onHangup(listener: () => void): () => void
  onSignal(): void
}

/** Without a listener, and when the terminal that there was is gone, it ends the command. */
export function createHangups(end: () => void): Hangups {
  const listeners = new Set<() => void>()
  const hadTerminal = isatty(0)
  return {
    onHangup(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    onSignal() {
      if (listeners.size === 0 || (hadTerminal && !isatty(0))) return end()
      for (const listener of listeners) listener()
    },
  }
}
