/**
 * Storing and reading blobs that no memory holds, on a devnet of 1000 shards: time, and peak memory of the process of a client
 * and of a gateway.
 * `npm run bench -- large 2GiB` in a folder of TMPDIR, where it takes some fifteen times the size.
 */
import { execFile } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import type { LargeMeasured } from './large/client.ts'
import type { LargeRead } from './large/reader.ts'
import { type Got, getBlob, type Put, putFile } from './large/through-gateway.ts'
import type { BenchOptions } from './main.ts'
import type { Row } from './report/row.ts'
import { withDevnet } from './support/devnet.ts'

const MIB = 1024 * 1024
const UNITS: Readonly<Record<string, number>> = { '': 1, MiB: MIB, GiB: 1024 * MIB }
const runFile = promisify(execFile)

export async function run({ quick, args, report }: BenchOptions): Promise<void> {
  const sizes = args.length > 0 ? args.map(parseSize) : [quick ? 80 * MIB : 1024 * MIB]
  const folder = await mkdtemp(join(tmpdir(), 'floe-bench-'))
  try {
    await withDevnet(['--shards', '1000'], async ({ dir }) => {
      for (const bytes of sizes) {
        const file = join(folder, 'blob')
        await writeRandom(file, bytes)
        const stored = await client<LargeMeasured>('client.ts', dir, join(dir, 'keys', 'user.sui.key'), file)
        const read = await client<LargeRead>('reader.ts', dir, stored.blobId)
        if (read.sha256 !== (await sha256(file))) throw new Error('read something else than was stored')
        await writeRandom(file, bytes)
        const put = await putFile(join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key'), file)
        const got = await getBlob(join(dir, 'network.json'), join(dir, 'keys', 'user.sui.key'), put.blobId)
        if (got.sha256 !== (await sha256(file)))
          throw new Error('the gateway sent something else than was stored')
        report({ of: { bytes }, took: { ...figures(bytes, stored, read), ...gatewayFigures(put, got) } })
      }
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
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
  const script = join(import.meta.dirname, 'large', name)
  const { stdout } = await runFile(process.execPath, [script, join(network, 'network.json'), ...args])
  return JSON.parse(stdout) as Measured
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

function figures(bytes: number, stored: LargeMeasured, read: LargeRead): Row['took'] {
  return {
    storeMs: stored.storeMs,
    closedMs: stored.closedMs,
    storePeakMiB: stored.peakRssBytes / MIB,
    movedPerByte: stored.bytesMoved / bytes,
    firstByteMs: read.firstByteMs,
    readMs: read.readMs,
    readPeakMiB: read.peakRssBytes / MIB,
  }
}

function gatewayFigures(put: Put, got: Got): Row['took'] {
  return {
    putMs: put.ms,
    putPeakMiB: put.peakRssBytes / MIB,
    getFirstByteMs: got.firstByteMs,
    getMs: got.ms,
    getPeakMiB: got.peakRssBytes / MIB,
  }
}
