/** One client that stores a file: `node client.ts NETWORK KEY FILE`; prints one JSON line. */
import { readFile } from 'node:fs/promises'
import { keypairWallet } from '../../../chain/index.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createClient } from '../../../node/client/node-client.ts'
import { countSocketBytes } from '../e2e/socket-bytes.ts'

export interface LargeMeasured {
  blobId: string
  /** until the blob was certified */
  storeMs: number
  /** until the last node had its slivers */
  closedMs: number
  peakRssBytes: number
  bytesMoved: number
}

const [networkFile, keyFile, path] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const wallet = keypairWallet((await readFile(keyFile!, 'utf8')).trim())
const counter = countSocketBytes()
const start = performance.now()
const client = await createClient(network, { wallet })
let storeMs: number
let blobId: string
try {
  blobId = (await client.store({ path: path! }, { epochs: 1, deletable: true })).blobId
  storeMs = performance.now() - start
} finally {
  await client.close()
}
const measured: LargeMeasured = {
  blobId,
  storeMs: Math.round(storeMs),
  closedMs: Math.round(performance.now() - start),
  // KiB
  peakRssBytes: process.resourceUsage().maxRSS * 1024,
  bytesMoved: counter.bytes(),
}
console.log(JSON.stringify(measured))
