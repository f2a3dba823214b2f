import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SpoolBytes } from './sliver-spool.ts'

/**
 * A sparse file in the system's folder for temporary files. Where the system allows it, it has no name while it is used, so
 * that whatever ends the process leaves nothing behind. Throws node's file errors.
 */
export async function openSpoolFile(): Promise<SpoolBytes> {
  const folder = await mkdtemp(join(tmpdir(), 'floe-read-'))
  try {
    const file = await open(join(folder, 'slivers'), 'wx+', 0o600)
    // a system that keeps the names of open files has it removed at the end
    await rm(folder, { recursive: true, force: true }).catch(() => undefined)
    return {
      async read(at, target) {
        for (let done = 0; done < target.length; ) {
          const { bytesRead } = await file.read(target, done, target.length - done, at + done)
          // behind the last byte written: the padding of a blob
          if (bytesRead === 0) return void target.fill(0, done)
          done += bytesRead
        }
      },
      async write(at, bytes) {
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
          done += bytesWritten
        }
      },
      async [Symbol.asyncDispose]() {
        await file.close()
        await rm(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    await rm(folder, { recursive: true, force: true })
    throw error
  }
}
