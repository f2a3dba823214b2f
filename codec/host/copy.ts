/** Absent in browsers. */
const NodeBuffer = typeof Buffer === 'function' ? Buffer : undefined

/**
 * `target.set(source, at)`, also fast where one of the two lies in shared memory: there V8's own `set` goes byte by byte
 * unless both start at the same place within a word. Node's `copy` is a plain memmove, but only
 * for a part of its buffer: of the whole it does a `set`. So the first byte goes by itself.
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array): void {
  if (at + source.length > target.length) throw new RangeError('the copy does not fit')
  if (NodeBuffer === undefined || source.length === 0) {
    target.set(source, at)
    return
  }
  target[at] = source[0]!
  NodeBuffer.from(source.buffer, source.byteOffset, source.length).copy(target, at + 1, 1)
}
