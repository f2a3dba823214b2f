import { bcs } from '@mysten/sui/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID, parseStructTag } from '@mysten/sui/utils'
import { SingleFlight } from '../../base/single-flight.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { decodeMove, safeNumber } from '../bindings/move.ts'
import { StakingInnerField } from '../bindings/staking.ts'
import { SystemStateField, Versioned } from '../bindings/system.ts'
import { ChainError } from '../errors.ts'
import type { CallOptions, NetworkConfig, SystemInfo } from '../types/index.ts'
import { fetchObjects, type RawObject } from './objects.ts'
import type { RpcPool } from './rpc.ts'

/** How old a state may be where a wrong one is found out before it counts. */
const RECENT_MS = 2_000
/** What Floe guesses before it has read an object once; a wrong guess costs one more request. */
const FIRST_VERSION_GUESS = 4n

export type SystemState = ReturnType<typeof SystemStateField.parse>['value']
export type StakingState = ReturnType<typeof StakingInnerField.parse>['value']

/** The two shared objects at one moment, and the IDs of the packages behind them. */
export interface ChainState {
  /** package to call: the newest version */
  packageId: ObjectId
  /** package in type names: the first version */
  originalPackageId: ObjectId
  system: SystemState
  staking: StakingState
  systemVersion: bigint
  stakingVersion: bigint
  systemInitialSharedVersion: string
  stakingInitialSharedVersion: string
}

/** Reads the system and staking objects with their state, in one request once their versions are known. */
export class StateReader {
  readonly #rpc: RpcPool
  readonly #network: NetworkConfig
  #systemVersion = FIRST_VERSION_GUESS
  #stakingVersion = FIRST_VERSION_GUESS
  readonly #flight = new SingleFlight<ChainState>()
  #latest: { state: ChainState; readAt: number } | undefined
  #ids: { packageId: ObjectId; originalPackageId: ObjectId } | undefined

  constructor(rpc: RpcPool, network: NetworkConfig) {
    this.#rpc = rpc
    this.#network = network
  }

  /** The first version's package ID: it never changes, so it is read once. */
  async originalPackageId(options?: CallOptions): Promise<ObjectId> {
    return (this.#ids ?? (await this.read(options))).originalPackageId
  }

  async read(options?: CallOptions): Promise<ChainState> {
    return await this.#rpc.read(client => this.#readOnce(client), options?.signal)
  }

  /** As `read`, but joins one that is under way. */
  async shared(options?: CallOptions): Promise<ChainState> {
    return await this.#flight.run(() => this.#readAndKeep(), options?.signal)
  }

  /** One that was read in the last 2 s, with `fresh: false`, or else a new one. */
  async recent(options?: CallOptions): Promise<{ state: ChainState; fresh: boolean }> {
    const latest = this.#latest
    if (latest && this.#rpc.clock.monotonic() - latest.readAt < RECENT_MS)
      return { state: latest.state, fresh: false }
    return { state: await this.shared(options), fresh: true }
  }

  /** Something has changed on chain: what was read, or is being read, is not shared any more. */
  expire(): void {
    this.#latest = undefined
    this.#flight.forget()
  }

  async #readAndKeep(): Promise<ChainState> {
    const readAt = this.#rpc.clock.monotonic()
    const state = await this.read()
    this.#latest = { state, readAt }
    return state
  }

  async #readOnce(client: SuiGrpcClient): Promise<ChainState> {
    const { systemObjectId, stakingObjectId } = this.#network
    for (;;) {
      // another read may learn of other versions while this one waits
      const systemVersion = this.#systemVersion
      const stakingVersion = this.#stakingVersion
      const stateIds = [
        stateFieldId(systemObjectId, systemVersion),
        stateFieldId(stakingObjectId, stakingVersion),
      ]
      const ids = [systemObjectId, stakingObjectId, ...stateIds]
      const [system, staking, systemField, stakingField] = await fetchObjects(client, ids)
      if (!system) throw missing(systemObjectId, 'system object')
      if (!staking) throw missing(stakingObjectId, 'staking object')
      const systemOuter = decodeMove(Versioned, system.content)
      const stakingOuter = decodeMove(Versioned, staking.content)
      this.#systemVersion = BigInt(systemOuter.version)
      this.#stakingVersion = BigInt(stakingOuter.version)
      if (systemVersion !== this.#systemVersion || stakingVersion !== this.#stakingVersion) continue
      if (!systemField) throw missing(stateIds[0]!, 'system state')
      if (!stakingField) throw missing(stateIds[1]!, 'staking state')
      const packages = {
        packageId: parseObjectId(systemOuter.package_id),
        originalPackageId: parseObjectId(parseStructTag(system.type).address),
      }
      this.#ids = packages
      return {
        ...packages,
        system: decodeMove(SystemStateField, systemField.content).value,
        staking: decodeMove(StakingInnerField, stakingField.content).value,
        systemVersion,
        stakingVersion,
        systemInitialSharedVersion: sharedVersion(system),
        stakingInitialSharedVersion: sharedVersion(staking),
      }
    }
  }
}

/** What people see of the system's state. */
export function systemInfo({ system, staking }: ChainState): SystemInfo {
  return {
    epoch: system.committee.epoch as Epoch,
    nShards: system.committee.n_shards || staking.n_shards,
    storagePriceFrost: BigInt(system.storage_price_per_unit_size),
    writePriceFrost: BigInt(system.write_price_per_unit_size),
    totalCapacityBytes: BigInt(system.total_capacity_size),
    usedCapacityBytes: BigInt(system.used_capacity_size),
    maxEpochsAhead: system.future_accounting.length,
    epochDurationMs: safeNumber(staking.epoch_duration, 'epoch duration'),
  }
}

function stateFieldId(parent: ObjectId, version: bigint): ObjectId {
  return deriveDynamicFieldID(parent, 'u64', bcs.u64().serialize(version).toBytes()) as ObjectId
}

function sharedVersion(object: RawObject): string {
  if (object.owner.$kind === 'Shared') return object.owner.Shared.initialSharedVersion
  throw new ChainError('MALFORMED', `${object.objectId} is not a shared object`, { what: 'shared object' })
}

function missing(objectId: string, what: string): ChainError {
  return new ChainError('NOT_FOUND', `the ${what} ${objectId} is not on this chain`, { objectId })
}
