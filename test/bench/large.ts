/**
 * Storing and reading blobs that no memory holds, on a devnet of 1000 shards: time, peak memory of the client's process.
 * `npm run bench -- large 2GiB` in a folder of TMPDIR, where it takes ten times the size.
 */
import { execFile, spawn } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { LargeMeasured } from './large/client.ts'
import type { LargeRead } from './large/reader.ts'
import type { BenchOptions } from './main.ts'

const MIB = 1024 * 1024
const UNITS: Readonly<Record<string, number>> = { '': 1, MiB: MIB, GiB: 1024 * MIB }
const root = join(import.meta.dirname, '..', '..')
const runFile = promisify(execFile)

export async function run({ json, quick, args }: BenchOptions): Promise<void> {
  const sizes = args.length > 0 ? args.map(parseSize) : [quick ? 80 * MIB : 1024 * MIB]
  const dir = await mkdtemp(join(tmpdir(), 'floe-bench-'))
  const network = join(dir, 'network')
  const up = ['node/cli/main.ts', 'up', '--json', '--port', '0', '--shards', '1000', '--dir', network]
  const devnet = spawn(process.execPath, up, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(devnet, 'exit')
  try {
    await Promise.race([
      once(createInterface(devnet.stdout), 'line'),
      exited.then(() => Promise.reject(new Error('the devnet did not start'))),
    ])
    if (!json)
      console.log(
        '        bytes   store ms   closed ms   peak RSS MiB   moved / bytes  first byte ms   read ms   peak RSS MiB',
      )
    for (const bytes of sizes) {
      const file = join(dir, 'blob')
      await writeRandom(file, bytes)
      const stored = await client<LargeMeasured>(
        'client.ts',
        network,
        join(network, 'keys', 'user.sui.key'),
        file,
      )
      const read = await client<LargeRead>('reader.ts', network, stored.blobId)
      if (read.sha256 !== (await sha256(file))) throw new Error('read something else than was stored')
      print(bytes, stored, read, json)
    }
  } finally {
    devnet.kill('SIGTERM')
    await exited
    await rm(dir, { recursive: true, force: true })
  }
}

function parseSize(text: string): number {
  const match = /^(\d+)(MiB|GiB|)$/.exec(text)
  if (match === null) throw new Error(`${text} is no size: 2GiB, 80MiB, or bytes`)
  return Number(match[1]) * UNITS[match[2]!]!
}

async function writeRandom(path: string, bytes: number): Promise<void> {
  await using handle = await open(path, 'w')
  const piece = Buffer.alloc(8 * MIB)
  for (let left = bytes; left > 0; left -= piece.length)
    await handle.write(randomFillSync(piece), 0, Math.min(left, piece.length))
}

async function client<Measured>(name: string, network: string, ...args: string[]): Promise<Measured> {
  const script = join(root, 'test', 'bench', 'large', name)
  const { stdout } = await runFile(process.execPath, [script, join(network, 'network.json'), ...args])
  return JSON.parse(stdout) as Measured
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

function print(bytes: number, stored: LargeMeasured, read: LargeRead, json: boolean): void {
  const { storeMs, closedMs, peakRssBytes, bytesMoved } = stored
  const { firstByteMs, readMs, peakRssBytes: readPeakRssBytes } = read
  if (json) {
    const measured = { storeMs, closedMs, peakRssBytes, bytesMoved, firstByteMs, readMs, readPeakRssBytes }
    console.log(JSON.stringify({ bench: 'large', bytes, ...measured }))
    return
  }
  const cells = [
    String(bytes).padStart(13),
    String(storeMs).padStart(11),
    String(closedMs).padStart(12),
    (peakRssBytes / MIB).toFixed(0).padStart(15),
    (bytesMoved / bytes).toFixed(1).padStart(16),
    String(firstByteMs).padStart(15),
    String(readMs).padStart(10),
    (readPeakRssBytes / MIB).toFixed(0).padStart(15),
  ]
  console.log(cells.join(''))
}
