import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = join(import.meta.dirname, '..', '..', '..')

/** `floe up` in a process of its own while `work` runs; its folder is gone afterwards. */
export async function withDevnet(
  flags: readonly string[],
  work: (devnet: { dir: string; startMs: number; gateway: string }) => Promise<void>,
): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'floe-bench-'))
  const start = performance.now()
  const up = ['node/cli/main.ts', 'up', '--json', '--port', '0', '--dir', dir, ...flags]
  const devnet = spawn(process.execPath, up, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(devnet, 'exit')
  try {
    const [line] = await Promise.race([
      once(createInterface(devnet.stdout), 'line'),
      exited.then(() => Promise.reject(new Error('the devnet did not start'))),
    ])
    const { gateway } = JSON.parse(line) as { gateway: string }
    await work({ dir, startMs: performance.now() - start, gateway })
  } finally {
    devnet.kill('SIGTERM')
    await exited
    await rm(dir, { recursive: true, force: true })
  }
}
