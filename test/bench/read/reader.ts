/** One client that reads a blob twice, cold and warm: `node reader.ts NETWORK BLOB_ID [START END]`; prints one JSON line. */
import { readFile } from 'node:fs/promises'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { NetworkConfig } from '../../../chain/types/index.ts'
import { parseBlobId } from '../../../codec/index.ts'
import type { Reader } from '../../../node/client/client.ts'
import { createReader } from '../../../node/client/node-client.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { countSocketBytes } from '../e2e/socket-bytes.ts'

/** What one read took. */
export interface ReadMeasured {
  firstByteMs: number
  ms: number
  /** received by all sockets, the chain's included */
  bytesMoved: number
  /** connections to peers, when it was over */
  peers: number
}

const [networkFile, blobId, start, end] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const range = start === undefined ? {} : { start: Number(start), end: Number(end) }
const counter = countSocketBytes()
const libp2p = await createNetworkNode({
  clock: systemClock,
  random: Math.random,
  network: network.systemObjectId,
  roles: ['client'],
  log: silentLog(),
})
const reader = await createReader(network, { libp2p })
const cold = await read(reader)
const warm = await read(reader)
await reader.close()
await libp2p.stop()
console.log(JSON.stringify({ cold, warm }))

async function read(reader: Reader): Promise<ReadMeasured> {
  const before = counter.bytesRead()
  const startedAt = performance.now()
  let firstByteMs: number | undefined
  await using blob = await reader.open(parseBlobId(blobId!))
  for await (const _ of blob.stream(range)) firstByteMs ??= performance.now() - startedAt
  const ms = performance.now() - startedAt
  const peers = new Set(libp2p.getConnections().map(({ remotePeer }) => remotePeer.toString())).size
  return { firstByteMs: firstByteMs ?? ms, ms, bytesMoved: counter.bytesRead() - before, peers }
}
