/** A gateway in a process of its own: `node gateway.ts NETWORK KEY`; prints its URL, and its peak memory once stdin ends. */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { keypairWallet } from '../../../chain/index.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { createClient } from '../../../node/client/node-client.ts'
import { createGateway } from '../../../node/gateway/index.ts'

const [networkFile, keyFile] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const wallet = keypairWallet((await readFile(keyFile!, 'utf8')).trim())
await using client = await createClient(network, { wallet, role: 'gateway' })
// a machine that others use, too, may be slow
const limits = { readMs: 1_200_000, publishMs: 7_200_000 }
await using gateway = createGateway({ client, network, port: 0, limits })
await gateway.start()
console.log(gateway.url)
process.stdin.resume()
await once(process.stdin, 'end')
// KiB
console.log(process.resourceUsage().maxRSS * 1024)
