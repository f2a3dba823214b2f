/** A client that has just begun and reads a blob: `floe-reader.ts NETWORK BLOB_ID BYTES`; tells its parent what that took. */
import { readFile } from 'node:fs/promises'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { parseBlobId } from '../../../codec/index.ts'
import { createReader } from '../../../node/client/node-client.ts'

const [networkFile, blobId, size] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const cpu = process.cpuUsage()
const began = performance.now()
const reader = await createReader(network)
let bytes = 0
{
  await using blob = await reader.open(parseBlobId(blobId!))
  for await (const chunk of blob.stream({})) bytes += chunk.length
}
const ms = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
if (bytes !== Number(size)) throw new Error(`${bytes} bytes were read of ${size}`)
process.send?.({ ms, cpuMs: (user + system) / 1_000, rssMiB: process.resourceUsage().maxRSS / 1024 })
await reader.close()
process.disconnect()
