/**
 * Somebody who reads all the time, one blob after the other: `reader.ts NETWORK BLOB_ID...`. Asked for a number of reads, it tells
 * how long each took that it has not told of, in ms, once there are so many. Ends with its parent.
 */
import { readFile } from 'node:fs/promises'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import type { BlobId } from '../../../codec/types.ts'
import { createClient } from '../../../node/client/node-client.ts'

const [networkFile, ...blobIds] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const client = await createClient(network)
let untold: number[] = []
let wanted: number | undefined
process.on('message', reads => {
  wanted = reads as number
  tell()
})
process.on('disconnect', () => process.exit(0))

for (let i = 0; ; i++) {
  const began = performance.now()
  await client.read(blobIds[i % blobIds.length] as BlobId)
  untold.push(performance.now() - began)
  tell()
}

function tell(): void {
  if (wanted === undefined || untold.length < wanted) return
  process.send?.(untold)
  untold = []
  wanted = undefined
}
