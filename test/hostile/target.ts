import { randomBytes } from 'node:crypto'
import { type ScopedLog, silentLog } from '../../base/log.ts'
import { createCoordinator } from '../../chain/index.ts'
import type { Coordinator } from '../../chain/types/index.ts'
import { createAdaptiveCodec } from '../../codec/index.ts'
import type { BlobId } from '../../codec/types.ts'
import { createClient } from '../../node/client/node-client.ts'
import { DEVNET_DEFAULTS, type Devnet, startDevnet } from '../../node/devnet/devnet.ts'
import { temporaryFolder } from '../support/temporary.ts'
import type { Beside, Target } from './attack.ts'
import { startAttackedRelay } from './relay-target.ts'

const BLOB_BYTES = 100_000

type Ask = (signal: AbortSignal) => Promise<void>

/** A devnet, and honest clients of it. */
export interface Network {
  target: Target
  devnet: Devnet
  /** what an honest client asks for, each anew: nothing is connected before */
  readonly honest: Readonly<Record<string, Ask>>
  /** likewise, of users of the relay beside it: what is done to the network is no matter for these */
  readonly beside: Readonly<Record<Beside, Ask>>
  close(): Promise<void>
}

export async function startNetwork(
  options: { nodes?: number; shards?: number; log?: ScopedLog } = {},
): Promise<Network> {
  const { log = silentLog(), ...size } = options
  const folder = await temporaryFolder()
  const closes: (() => Promise<unknown>)[] = [() => folder.remove()]
  const close = async () => {
    for (const one of closes.splice(0).reverse()) await one()
  }
  try {
    const devnet = await startDevnet({ ...size, dir: folder.path, port: 0, log })
    closes.push(() => devnet.close())
    const codec = createAdaptiveCodec()
    closes.push(() => codec.close())
    const coordinator = createCoordinator(devnet.network, { log: silentLog() })
    closes.push(() => coordinator.close())
    const data = randomBytes(BLOB_BYTES)
    const stored = await devnet.client.store(data, { epochs: 1, deletable: false })
    const blobId = stored.kind === 'newlyCreated' ? stored.blob.blobId : stored.blobId
    const registered = await register(randomBytes(BLOB_BYTES))
    const relay = await startAttackedRelay(devnet, coordinator)
    closes.push(relay.close)
    const target = { ...targetOf(devnet, blobId, registered), boundedRelay: relay.target }
    return { target, devnet, honest: honestOf(devnet, coordinator), beside: relay.honest, close }

    async function register(unstored: Uint8Array): Promise<Target['registered']> {
      const encoded = await codec.encode(unstored, devnet.network.nShards ?? DEVNET_DEFAULTS.shards)
      try {
        const { metadata } = encoded
        await coordinator.writer(devnet.user).register({ metadata, epochs: 1, deletable: false })
        const { blobId, unencodedLength, hashes } = metadata
        return { blobId, unencodedLength, hashes: Buffer.from(hashes).toString('base64') }
      } finally {
        encoded.release()
      }
    }

    function honestOf({ network, gatewayUrl }: Devnet, shared: Coordinator): Network['honest'] {
      const expectRight = (bytes: Uint8Array, who: string): void => {
        if (!data.equals(bytes)) throw new Error(`${who} gave other bytes`)
      }
      return {
        async client(signal) {
          const client = await createClient(network, { codec, coordinator: shared })
          try {
            expectRight((await client.read(blobId, { signal })).data, 'a client')
          } finally {
            await client.close()
          }
        },
        async gateway(signal) {
          const answer = await fetch(`${gatewayUrl}/v1/blobs/${blobId}`, { signal })
          if (!answer.ok) throw new Error(`the gateway answers ${answer.status}`)
          expectRight(new Uint8Array(await answer.arrayBuffer()), 'the gateway')
        },
        async publisher(signal) {
          const body = randomBytes(1_000)
          const answer = await fetch(`${gatewayUrl}/v1/blobs`, { method: 'PUT', body, signal })
          if (!answer.ok) throw new Error(`the gateway stores with ${answer.status}: ${await answer.text()}`)
        },
        async chain(signal) {
          await shared.system({ signal })
        },
      }
    }
  } catch (error) {
    await close()
    throw error
  }
}

function targetOf(
  { network, gatewayUrl }: Devnet,
  blobId: BlobId,
  registered: Target['registered'],
): Omit<Target, 'boundedRelay'> {
  return {
    network: network.systemObjectId,
    nodes: (network.peers ?? []).map(({ peerId, multiaddrs, http }) => ({
      peerId,
      multiaddrs: [...multiaddrs],
      http,
    })),
    relay: network.relays![0]!,
    gatewayUrl,
    rpcUrl: network.suiRpc[0]!,
    faucetUrl: network.faucet,
    blobId,
    registered,
  }
}
