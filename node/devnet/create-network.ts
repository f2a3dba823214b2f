import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { MIN_EPOCH_MS } from '../../chain/index.ts'
import type { Localnet } from '../../chain/localnet/index.ts'
import type { ContractPackages, ContractVersion, NetworkConfig, SystemInfo } from '../../chain/types/index.ts'
import type { ObjectId } from '../../codec/types.ts'
import { DevnetError } from './errors.ts'
import { type DevnetWallets, type NodeSeat, networkAddressOf } from './provision.ts'

export interface CreateNetworkInput {
  localnet: Pick<Localnet, 'url' | 'faucet' | 'faucetAddress' | 'setFaucetCoin' | 'advanceClock'>
  wallets: DevnetWallets
  seats: readonly NodeSeat[]
  shards: number
  contractVersion: ContractVersion | undefined
  /** a day when absent */
  epochMs?: number
  clock: Clock
  /** as that of `createNetwork` */
  random?: () => number
  log: Log
  signal?: AbortSignal
}

const NODE_CAPACITY_BYTES = 1024n ** 4n
/** Equal stakes, so that shards are divided evenly. */
const STAKE_WAL = 1_000n
/** What the faucet has to give away; the supply is 5,000 million. */
const FAUCET_WAL = 1_000_000_000n
const FAUCET_GIFT_FROST = 1_000n * 10n ** 9n
const USER_WAL = 1_000_000n
/** Fewer than on a network that must withstand someone: a tenth of a node's bytes gone passes in 1.5% of the rounds. */
const CHALLENGE_DRAWS = 40

/** Publishes the contract, takes the network to its first epoch, and fills the user's wallet and the faucet. */
export async function createNetworkOn(input: CreateNetworkInput): Promise<NetworkConfig> {
  const { localnet, wallets, seats, shards, contractVersion, epochMs, clock, random, log, signal } = input
  const start = clock.monotonic()
  const { createNetwork } = await import('../../chain/genesis/index.ts')
  await localnet.faucet(wallets.admin.address)
  await localnet.faucet(wallets.user.address)
  const network = await createNetwork({
    suiRpc: localnet.url,
    admin: wallets.admin,
    nShards: shards,
    epochMs,
    contractVersion,
    nodes: seats.map(seat => {
      const { name, keys, multiaddrs, over } = seat
      return {
        name: `node-${name}`,
        wallet: keys.wallet,
        blsSecret: keys.blsSecret,
        networkPublicKey: keys.networkPublicKey,
        networkAddress: networkAddressOf(seat),
        multiaddrs: over === undefined ? [...multiaddrs] : [],
        nodeCapacityBytes: NODE_CAPACITY_BYTES,
        stakeWal: STAKE_WAL,
      }
    }),
    grants: [
      { owner: localnet.faucetAddress as ObjectId, wal: FAUCET_WAL },
      { owner: wallets.user.address, wal: USER_WAL },
    ],
    parameters: { draws: CHALLENGE_DRAWS },
    advanceClock: ms => localnet.advanceClock(ms),
    signal,
    clock,
    random,
  })
  await localnet.setFaucetCoin(network.walType, FAUCET_GIFT_FROST)
  const durationMs = Math.round(clock.monotonic() - start)
  log.info({ durationMs, network: network.systemObjectId }, 'network created')
  return network
}

/** Epochs of a length that no network has are refused before anything is made. */
export function expectEpochLength(epochMs: number | undefined): void {
  if (epochMs === undefined || epochMs >= MIN_EPOCH_MS) return
  const message = `epochs last at least ${MIN_EPOCH_MS / 1000}s, not ${epochMs / 1000}s`
  throw new DevnetError('DEVNET_OPTIONS', message, { option: 'epochMs' })
}

/** A network keeps the length of its epochs: one that was asked for must be its own. */
export function expectEpochs({ epochDurationMs }: SystemInfo, wanted: number | undefined, dir: string): void {
  if (wanted === undefined || wanted === epochDurationMs) return
  const message = `${dir} holds a network whose epochs last ${epochDurationMs / 1000}s, not ${wanted / 1000}s`
  throw new DevnetError('DEVNET_EPOCH', message, { dir, epochMs: epochDurationMs })
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
