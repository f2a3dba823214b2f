import type { Log } from '../../base/log.ts'
import type { Localnet } from '../../chain/localnet/index.ts'
import type { ContractPackages, ContractVersion, NetworkConfig } from '../../chain/types.ts'
import type { ObjectId } from '../../codec/types.ts'
import { DevnetError } from './errors.ts'
import { httpAddress } from './ports.ts'
import type { DevnetWallets, NodeSeat } from './provision.ts'

export interface CreateNetworkInput {
  localnet: Pick<Localnet, 'url' | 'faucet' | 'faucetAddress' | 'setFaucetCoin' | 'advanceClock'>
  wallets: DevnetWallets
  seats: readonly NodeSeat[]
  shards: number
  contractVersion: ContractVersion | undefined
  log: Log
  signal?: AbortSignal
}

/** Long enough that nobody meets an epoch change by accident: on the devnet they are made by moving the clock. */
const EPOCH_DURATION_MS = 24 * 60 * 60 * 1000
const NODE_CAPACITY_BYTES = 1024n ** 4n
/** Equal stakes, so that shards are divided evenly. */
const STAKE_WAL = 1_000n
/** What the faucet has to give away; the supply is 5,000 million. */
const FAUCET_WAL = 1_000_000_000n
const FAUCET_GIFT_FROST = 1_000n * 10n ** 9n
const USER_WAL = 1_000_000n

/** Publishes the contract, takes the network to its first epoch, and fills the user's wallet and the faucet. */
export async function createNetworkOn(input: CreateNetworkInput): Promise<NetworkConfig> {
  const { localnet, wallets, seats, shards, contractVersion, log, signal } = input
  const start = performance.now()
  const { createNetwork } = await import('../../chain/genesis.ts')
  await localnet.faucet(wallets.admin.address)
  await localnet.faucet(wallets.user.address)
  const network = await createNetwork({
    suiRpc: localnet.url,
    admin: wallets.admin,
    nShards: shards,
    epochDurationMs: EPOCH_DURATION_MS,
    ...(contractVersion === undefined ? {} : { contractVersion }),
    nodes: seats.map(({ name, keys, multiaddr, http }) => ({
      name: `node-${name}`,
      wallet: keys.wallet,
      blsSecret: keys.blsSecret,
      networkPublicKey: keys.networkPublicKey,
      networkAddress: httpAddress(http),
      multiaddrs: [multiaddr],
      nodeCapacityBytes: NODE_CAPACITY_BYTES,
      stakeWal: STAKE_WAL,
    })),
    grants: [
      { owner: localnet.faucetAddress as ObjectId, wal: FAUCET_WAL },
      { owner: wallets.user.address, wal: USER_WAL },
    ],
    advanceClock: ms => localnet.advanceClock(ms),
    ...(signal === undefined ? {} : { signal }),
  })
  await localnet.setFaucetCoin(network.walType, FAUCET_GIFT_FROST)
  const durationMs = Math.round(performance.now() - start)
  log.info({ durationMs, network: network.systemObjectId }, 'network created')
  return network
}

/** What is in a folder is continued as it is: a version that was asked for must be its own. */
export function expectContract(
  { contractVersion }: ContractPackages,
  wanted: number | undefined,
  dir: string,
): void {
  if (wanted === undefined || wanted === contractVersion) return
  const message = `${dir} holds a network whose contract is of version ${contractVersion}`
  throw new DevnetError('DEVNET_CONTRACT', message, { dir, contractVersion })
}
