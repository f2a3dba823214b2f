/**
 * Somebody who reads all the time, one blob after the other: `reader.ts NETWORK BLOB_ID...`. Asked for a number of reads, it tells
 * each that it has not told of, once there are so many. Ends with its parent.
 */
import { readFile } from 'node:fs/promises'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { createClient } from '../../../node/client/node-client.ts'
import { now, type ReadTime } from './read-time.ts'

const [networkFile, ...blobIds] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const client = await createClient(network)
let untold: ReadTime[] = []
let wanted: number | undefined
process.on('message', reads => {
  wanted = reads as number
  tell()
})
process.on('disconnect', () => process.exit(0))

for (let i = 0; ; i++) {
  const atMs = now()
  await client.read(blobIds[i % blobIds.length] as BlobId)
  untold.push({ atMs, tookMs: now() - atMs })
  tell()
}

function tell(): void {
  if (wanted === undefined || untold.length < wanted) return
  process.send?.(untold)
  untold = []
  wanted = undefined
}
