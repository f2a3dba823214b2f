/** Absent in browsers. */
const NodeBuffer = typeof Buffer === 'function' ? Buffer : undefined

/**
 * `target.set(source, at)`, also fast where one of the two lies in shared memory: there V8's own `set` goes byte by byte
 * unless both start at the same place within a word (1.8 GB/s against 6.5), while Node's `copy` is a plain memmove.
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array): void {
  if (at + source.length > target.length) throw new RangeError('the copy does not fit')
  const into = target.subarray(at, at + source.length)
  if (NodeBuffer === undefined) into.set(source)
  else NodeBuffer.from(source.buffer, source.byteOffset, source.length).copy(into)
}
