/** Stores random blobs: `node store.ts NETWORK KEY BYTES...`; prints their IDs as one JSON line. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { keypairWallet } from '../../../chain/index.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createClient } from '../../../node/client/node-client.ts'

const [networkFile, keyFile, ...sizes] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const wallet = keypairWallet((await readFile(keyFile!, 'utf8')).trim())
await using client = await createClient(network, { wallet })
const blobIds: string[] = []
for (const size of sizes)
  blobIds.push((await client.store(randomBytes(Number(size)), { epochs: 1, deletable: true })).blobId)
console.log(JSON.stringify(blobIds))
