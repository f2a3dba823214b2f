/** An app: stores and reads on a network. Its arguments: the network's file, and that of the wallet. */
import { createCipheriv, createHash } from 'node:crypto'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import { parseBlobId } from '../../../codec/index.ts'
import { createClient } from '../../../node/client/node-client.ts'
import { readNetworkConfig } from '../../../node/config.ts'
import { loadWallet } from '../../../node/keys.ts'
import { createNetworkNode } from '../../../node/network/libp2p.ts'
import { connectSdk, fundedKey, type Sdk } from '../../e2e/support/walrus-sdk.ts'
import { obey } from './obey.ts'

/** What a test asks of an app. A blob is what its seed and length make. */
export type AppOrder =
  | { do: 'run'; what: AppTask }
  /** the connections that are open */
  | { do: 'paths' }
  /** closes them, so that peers are dialled anew */
  | { do: 'leave' }

export type AppTask =
  | { kind: 'store'; seed: number; bytes: number }
  | { kind: 'read'; blobId: string }
  /** the same by Walrus's own SDK */
  | { kind: 'sdk store'; seed: number; bytes: number }
  | { kind: 'sdk read'; blobId: string }

export interface AppDone {
  blobId: string
  sha256: string
  bytes: number
  ms: number
}

/** By PeerId: where the peer is met, without its PeerId. */
export type AppPaths = Record<string, string[]>

const [networkFile = '', walletFile = ''] = process.argv.slice(2)
const network = await readNetworkConfig(networkFile)
const common = { log: silentLog(), clock: systemClock, random: Math.random }
const libp2p = await createNetworkNode({ ...common, roles: ['gateway'] })
const wallet = await loadWallet(walletFile, false)
const client = await createClient(network, { ...common, libp2p, wallet })

function blobOf(seed: number, bytes: number): Uint8Array {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16))
  return new Uint8Array(cipher.update(new Uint8Array(bytes)))
}

const hashOf = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

async function run(task: AppTask): Promise<AppDone> {
  const startedAt = performance.now()
  const { blobId, data } = await perform(task)
  return { blobId, sha256: hashOf(data), bytes: data.length, ms: Math.round(performance.now() - startedAt) }
}

async function perform(task: AppTask): Promise<{ blobId: string; data: Uint8Array }> {
  if (task.kind === 'read') {
    const { blobId } = task
    return { blobId, data: (await client.read(parseBlobId(blobId))).data }
  }
  if (task.kind === 'sdk read') {
    const { blobId } = task
    return { blobId, data: await bySdk(({ walrus }) => walrus.readBlob({ blobId })) }
  }
  const data = blobOf(task.seed, task.bytes)
  if (task.kind === 'store') {
    const { blobId } = await client.store(data, { epochs: 1, deletable: true })
    return { blobId, data }
  }
  const signer = await fundedKey(network)
  const what = { blob: data, deletable: true, epochs: 1, signer }
  const { blobId } = await bySdk(({ walrus }) => walrus.writeBlob(what))
  return { blobId, data }
}

/** What nodes answered it stands in its error. */
async function bySdk<T>(act: (sdk: Sdk) => Promise<T>): Promise<T> {
  const errors: Error[] = []
  try {
    return await act(connectSdk(network, error => errors.push(error)))
  } catch (error) {
    throw new AggregateError([error, ...errors], 'the SDK failed')
  }
}

function paths(): AppPaths {
  const found: AppPaths = {}
  for (const { remotePeer, remoteAddr, status } of libp2p.getConnections()) {
    if (status !== 'open') continue
    const place = remoteAddr.toString().replace(/\/p2p\/\w+$/, '')
    found[remotePeer.toString()] = [...(found[remotePeer.toString()] ?? []), place]
  }
  return found
}

obey(async (order: AppOrder): Promise<object> => {
  if (order.do === 'paths') return paths()
  if (order.do === 'leave') {
    await Promise.all(libp2p.getConnections().map(one => one.close().catch(error => one.abort(error))))
    return {}
  }
  return await run(order.what)
})
