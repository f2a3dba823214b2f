/** Requests of one connection that are worked on at a time: few clients send a second one before the first is answered. */
const UNDER_WAY = 4
/** Accepted and not answered yet: a client that sends more at once gets answers to these, and may ask for the rest again. */
const ACCEPTED = 64

/** The requests of one connection, in order. */
export interface Pipeline {
  /** Takes a request in; undefined when there are too many. Resolves when it may begin. */
  enter(): Promise<void> | undefined
  /** One that was taken in is over, begun or not. */
  leave(): void
}

export function createPipeline(): Pipeline {
  const waiting: (() => void)[] = []
  let accepted = 0
  return {
    enter() {
      if (accepted === ACCEPTED) return undefined
      accepted++
      if (accepted <= UNDER_WAY) return Promise.resolve()
      return new Promise(resolve => waiting.push(resolve))
    },
    leave() {
      accepted--
      waiting.shift()?.()
    },
  }
}
