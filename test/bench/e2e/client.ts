/** One cold client: `node client.ts NETWORK KEY BYTES`; prints one JSON line. Modules are loaded before the clock starts. */
import { hash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { keypairWallet } from '../../../chain/index.ts'
import type { NetworkConfig, Wallet } from '../../../chain/types/index.ts'
import { createClient } from '../../../node/client/node-client.ts'
import type { Client } from '../../../node/client/types.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { countSocketBytes } from './socket-bytes.ts'

const [networkFile, keyFile, bytes] = process.argv.slice(2)
const network = JSON.parse(await readFile(networkFile!, 'utf8')) as NetworkConfig
const wallet = keypairWallet((await readFile(keyFile!, 'utf8')).trim())
const data = randomBytes(Number(bytes))
const counter = countSocketBytes()
const before = process.cpuUsage()

const stored = await timed({ wallet }, client => client.store(data, { epochs: 1, deletable: true }))
const { result } = stored
const blobId = result.kind === 'newlyCreated' ? result.blob.blobId : result.blobId
const read = await timed({}, client => client.read(blobId))
if (hash('sha256', read.result.data) !== hash('sha256', data))
  throw new Error('read something else than was stored')
const { user, system } = process.cpuUsage(before)
console.log(
  JSON.stringify({
    storeMs: stored.ms,
    readMs: read.ms,
    cpuMs: (user + system) / 1000,
    streams: stored.streams + read.streams,
    bytesMoved: counter.bytes(),
  }),
)

/** One operation with a client of its own, from making it to the answer; then closed, with what it still sends. */
async function timed<T>(
  init: { wallet?: Wallet },
  run: (client: Client) => Promise<T>,
): Promise<{ result: T; ms: number; streams: number }> {
  const start = performance.now()
  const libp2p = await createNetworkNode({
    clock: systemClock,
    random: Math.random,
    network: network.systemObjectId,
    roles: ['client'],
    log: silentLog(),
  })
  const client = await createClient(network, { ...init, libp2p })
  const result = await run(client)
  const ms = performance.now() - start
  // streams are kept open for the next request, so those open now are all there were
  const streams = libp2p.getConnections().reduce((sum, { streams }) => sum + streams.length, 0)
  await client.close()
  await libp2p.stop()
  return { result, ms, streams }
}
