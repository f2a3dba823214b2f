/** The event loop stands still, as during a long garbage collection or on a machine that has no time for this process. */
export function blockLoop(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
