/** Calls `act` once the promises that are settled by now have been followed. */
export function afterPromises(act: () => void): void {
  // a page has no such queue: two rounds of promises are what a write that follows another one takes
  if (typeof process === 'object') process.nextTick(act)
  else queueMicrotask(() => queueMicrotask(act))
}

/** One turn of the event loop: what is due in this one comes before. No time passes by any clock. */
export function nextTurn(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise(resolve => setImmediate(resolve))
  return new Promise(resolve => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
