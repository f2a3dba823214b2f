import { PassThrough } from 'node:stream'
import { parts } from '../../node/cli/parts.ts'
import { runCli } from '../../node/cli/run.ts'

export interface Told {
  code: number
  stdout: Buffer
  stderr: string
}

/**
 * Runs one command of `floe` in this process, as it runs in one of its own but for its signals and its end: that takes a second
 * less to load. Standard input is this process's.
 */
export async function commandLine(cwd: string, args: readonly string[], of = parts): Promise<Told> {
  const [stdout, out] = collected()
  const [stderr, err] = collected()
  const exit = () => {
    throw new Error('no signal reaches it')
  }
  const code = await runCli(args, of, { stdout, stderr, cwd: () => cwd, on() {}, off() {}, exit })
  return { code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() }
}

function collected(): [PassThrough, Buffer[]] {
  const chunks: Buffer[] = []
  return [new PassThrough().on('data', (chunk: Buffer) => chunks.push(chunk)), chunks]
}
