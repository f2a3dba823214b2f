import { bcs } from '@mysten/sui/bcs'
import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { deriveDynamicFieldID, normalizeStructTag } from '@mysten/sui/utils'
import { defined } from '../../base/defined.ts'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { decodeMove } from '../bindings/move.ts'
import { StakedWal, StakeFeeField } from '../bindings/stake.ts'
import { ChainError } from '../errors.ts'
import type { CallOptions, Stake, Staker, Wallet } from '../types/index.ts'
import { fetchObjects, listOwned, type RawObject } from './objects.ts'
import { type SessionComponents, WalletSession } from './session.ts'

/** Name of the dynamic field of a stake that pays a fee, a `vector<u8>`. */
const FEE_KEY = bcs.byteVector().serialize(new TextEncoder().encode('fee')).toBytes()
const ALL_BASIS_POINTS = 10_000n

/** Stakes WAL of one wallet with nodes, and takes it back. */
export class WalletStaker implements Staker {
  readonly #session: WalletSession

  constructor(wallet: Wallet, components: SessionComponents) {
    this.#session = new WalletSession(wallet, components)
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async stake(
    nodeId: ObjectId,
    amountFrost: bigint,
    options?: CallOptions,
  ): Promise<{ digest: string; stake: Stake }> {
    let type = ''
    const { outcome } = await this.#session.pay(
      now => {
        type = stakeType(now.originalPackageId)
        return amountFrost
      },
      (calls, { coin }) => calls.tx.transferObjects([calls.stakeWithPool(coin, nodeId)], this.wallet.address),
      options,
    )
    const created = outcome.changed.find(change => change.created && change.type === type)
    if (!created) throw new ChainError('MALFORMED', 'staking made no StakedWal', { what: 'stake' })
    return { digest: outcome.digest, stake: await this.#read(parseObjectId(created.objectId), options) }
  }

  async requestWithdrawal(
    stakeObjectId: ObjectId,
    options?: CallOptions,
  ): Promise<{ digest: string; stake: Stake }> {
    const { digest } = await this.#session.call(calls => calls.requestWithdrawStake(stakeObjectId), options)
    return { digest, stake: await this.#read(stakeObjectId, options) }
  }

  async withdraw(stakeObjectId: ObjectId, options?: CallOptions): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(calls => {
      calls.tx.transferObjects([calls.withdrawStake(stakeObjectId)], this.wallet.address)
    }, options)
    return { digest }
  }

  async #read(objectId: ObjectId, options: CallOptions | undefined): Promise<Stake> {
    const [object, fee] = await this.#session.on.rpc.read(
      client => fetchObjects(client, [objectId, feeIdOf(objectId)]),
      options?.signal,
    )
    if (!object) throw new ChainError('NOT_FOUND', `there is no stake ${objectId}`, { objectId })
    return toStake(object.content, fee)
  }
}

/** Every stake that the address owns. */
export async function readStakes(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<Stake[]> {
  const objects = await listOwned(client, owner, stakeType(originalPackageId))
  const fees = await fetchObjects(
    client,
    objects.map(({ objectId }) => feeIdOf(objectId)),
  )
  return objects.map((object, i) => toStake(object.content, fees[i]))
}

const feeIdOf = (objectId: string): string => deriveDynamicFieldID(objectId, 'vector<u8>', FEE_KEY)

function stakeType(originalPackageId: ObjectId): string {
  return normalizeStructTag(`${originalPackageId}::staked_wal::StakedWal`)
}

function toStake(content: Uint8Array, fee: RawObject | undefined): Stake {
  const stake = decodeMove(StakedWal, content)
  const share = fee === undefined ? 0 : decodeMove(StakeFeeField, fee.content).value
  const feeFrost = (BigInt(stake.principal.value) * BigInt(share)) / ALL_BASIS_POINTS
  return defined({
    objectId: parseObjectId(stake.id),
    nodeId: parseObjectId(stake.node_id),
    principalFrost: BigInt(stake.principal.value),
    activationEpoch: stake.activation_epoch as Epoch,
    state:
      stake.state.$kind === 'Withdrawing'
        ? { kind: 'withdrawing', withdrawEpoch: stake.state.Withdrawing.withdraw_epoch as Epoch }
        : { kind: 'staked' },
    feeFrost: feeFrost > 0n ? feeFrost : undefined,
  })
}
