import type { NetworkConfig } from '../../chain/types.ts'
import type { Log } from '../../protocols/ports.ts'
import type { DevnetWallets, NodeSeat } from './provision.ts'

export interface CreateNetworkInput {
  localnet: {
    url: string
    faucetUrl: string
    advanceClock(ms: number): Promise<void> | void
  }
  wallets: DevnetWallets
  seats: readonly NodeSeat[]
  shards: number
  log: Log
}

/** Long enough that nobody meets an epoch change by accident: on the devnet they are made by moving the clock. */
const EPOCH_DURATION_MS = 24 * 60 * 60 * 1000
const NODE_CAPACITY_BYTES = 1024n ** 4n
/** Equal stakes, so that shards are divided evenly. 1000 WAL in FROST. */
const STAKE_FROST = 1_000n * 10n ** 9n

/** Publishes the contract and takes the network to its first epoch. */
export async function createNetworkOn({
  localnet,
  wallets,
  seats,
  shards,
  log,
}: CreateNetworkInput): Promise<NetworkConfig> {
  const start = performance.now()
  const { createNetwork } = await import('../../chain/genesis.ts')
  await Promise.all(
    [wallets.admin, wallets.user, ...seats.map(({ keys }) => keys.wallet)].map(({ address }) =>
      askFaucet(localnet.faucetUrl, address),
    ),
  )
  const network = await createNetwork({
    suiRpc: localnet.url,
    admin: wallets.admin,
    nShards: shards,
    epochDurationMs: EPOCH_DURATION_MS,
    nodes: seats.map(({ name, keys, multiaddr }) => ({
      name: `node-${name}`,
      wallet: keys.wallet,
      blsSecret: keys.blsSecret,
      networkPublicKey: keys.networkPublicKey,
      networkAddress: hostAndPort(multiaddr),
      multiaddrs: [multiaddr],
      nodeCapacityBytes: NODE_CAPACITY_BYTES,
      stakeWal: STAKE_FROST,
    })),
    advanceClock: ms => localnet.advanceClock(ms),
  })
  log.info(
    { durationMs: Math.round(performance.now() - start), network: network.systemObjectId },
    'network created',
  )
  return network
}

/** Sui's faucet request. */
export async function askFaucet(url: string, recipient: string): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ FixedAmountRequest: { recipient } }),
  })
  if (!response.ok) throw new Error(`the faucet answered ${response.status}`)
}

/** `127.0.0.1:4000` of `/ip4/127.0.0.1/tcp/4000`. */
function hostAndPort(multiaddr: string): string {
  const [, , host, , port] = multiaddr.split('/')
  return `${host}:${port}`
}
