/** One cold client that streams a blob: `node reader.ts NETWORK BLOB_ID`; prints one JSON line. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { parseBlobId } from '../../../codec/index.ts'
import { createReader } from '../../../node/client/node-client.ts'

export interface LargeRead {
  firstByteMs: number
  readMs: number
  peakRssBytes: number
  /** of all bytes, in hex */
  sha256: string
}

const [networkFile, blobId] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const hash = createHash('sha256')
const start = performance.now()
let firstByteMs: number | undefined
const client = await createReader(network)
try {
  await using blob = await client.open(parseBlobId(blobId!))
  for await (const piece of blob.stream()) {
    firstByteMs ??= performance.now() - start
    hash.update(piece)
  }
} finally {
  await client.close()
}
const measured: LargeRead = {
  firstByteMs: Math.round(firstByteMs ?? 0),
  readMs: Math.round(performance.now() - start),
  // KiB
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
  sha256: hash.digest('hex'),
}
console.log(JSON.stringify(measured))
