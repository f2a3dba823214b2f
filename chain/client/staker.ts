import type { SuiGrpcClient } from '@mysten/sui/grpc'
import { normalizeStructTag } from '@mysten/sui/utils'
import { parseObjectId } from '../../codec/index.ts'
import type { Epoch, ObjectId } from '../../codec/types.ts'
import { decodeMove } from '../bindings/move.ts'
import { StakedWal } from '../bindings/stake.ts'
import { ChainError } from '../errors.ts'
import type { CallOptions, Stake, Staker, Wallet } from '../types/index.ts'
import { fetchObjects, listOwned } from './objects.ts'
import { type SessionComponents, WalletSession } from './session.ts'

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
    const [object] = await this.#session.on.rpc.read(
      client => fetchObjects(client, [objectId]),
      options?.signal,
    )
    if (!object) throw new ChainError('NOT_FOUND', `there is no stake ${objectId}`, { objectId })
    return toStake(object.content)
  }
}

/** Every stake that the address owns. */
export async function readStakes(
  client: SuiGrpcClient,
  originalPackageId: ObjectId,
  owner: ObjectId,
): Promise<Stake[]> {
  const objects = await listOwned(client, owner, stakeType(originalPackageId))
  return objects.map(object => toStake(object.content))
}

function stakeType(originalPackageId: ObjectId): string {
  return normalizeStructTag(`${originalPackageId}::staked_wal::StakedWal`)
}

function toStake(content: Uint8Array): Stake {
  const stake = decodeMove(StakedWal, content)
  return {
    objectId: parseObjectId(stake.id),
    nodeId: parseObjectId(stake.node_id),
    principalFrost: BigInt(stake.principal.value),
    activationEpoch: stake.activation_epoch as Epoch,
    state:
      stake.state.$kind === 'Withdrawing'
        ? { kind: 'withdrawing', withdrawEpoch: stake.state.Withdrawing.withdraw_epoch as Epoch }
        : { kind: 'staked' },
  }
}
