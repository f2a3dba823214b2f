import { open } from 'node:fs/promises'

const READ_BYTES = 8 * 1024 * 1024
const FIRST_CAPACITY_BYTES = 64 * 1024

/** Reads a whole file, or stdin for `-`. Files of any size; throws node's file errors, or the signal's reason. */
export async function readInput(file: string, signal: AbortSignal): Promise<Uint8Array> {
  return file === '-' ? await readStdin(signal) : await readWholeFile(file, signal)
}

async function readWholeFile(path: string, signal: AbortSignal): Promise<Uint8Array> {
  await using handle = await open(path)
  const stat = await handle.stat()
  if (stat.isDirectory()) throw Object.assign(new Error(`${path} is a folder`), { code: 'EISDIR', path })
  // the size is a hint: pipes and growing files have another
  return await collect(
    stat.size,
    async (buffer, at) => (await handle.read(buffer, at, Math.min(buffer.length - at, READ_BYTES))).bytesRead,
    signal,
  )
}

async function readStdin(signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  const abort = () => process.stdin.destroy(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', abort, { once: true })
  try {
    for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  } finally {
    signal.removeEventListener('abort', abort)
  }
  return Buffer.concat(chunks)
}

async function collect(
  sizeHint: number,
  read: (buffer: Buffer, at: number) => Promise<number>,
  signal: AbortSignal,
): Promise<Uint8Array> {
  // one byte more, so that the end is noticed without growing
  let buffer = Buffer.allocUnsafeSlow(Math.max(sizeHint + 1, FIRST_CAPACITY_BYTES))
  let length = 0
  while (true) {
    signal.throwIfAborted()
    if (length === buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * buffer.length)
      buffer.copy(larger)
      buffer = larger
    }
    const count = await read(buffer, length)
    if (count === 0) return buffer.subarray(0, length)
    length += count
  }
}
