import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

/** A program that may have so many files open. It says its port in a line, and ends when its standard input does. */
export async function startLimited(script: URL, descriptors: number) {
  const child = spawn(
    'sh',
    ['-c', `ulimit -n ${descriptors} && exec "$0" "$1"`, process.execPath, script.pathname],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  const lines: string[] = []
  const out = createInterface(child.stdout)
  const [port] = await once(out, 'line')
  out.on('line', line => lines.push(line))
  return {
    port: Number(port),
    /** what it has said since */
    lines,
    /** Resolves to its exit code. */
    async stop(): Promise<number | null> {
      const exited = once(child, 'close')
      child.stdin.end()
      const [code] = await exited
      return code
    },
  }
}
