import { signersBitmap } from '../../codec/index.ts'
import type { Certificate, ObjectId } from '../../codec/types.ts'
import type { CallOptions, Challenger, NodeOperator, Parameters, Wallet } from '../types/index.ts'
import type { Calls } from './calls.ts'
import { needCapability } from './capability.ts'
import { readCurrent } from './parameters.ts'
import { type SessionComponents, WalletSession } from './session.ts'
import type { ChainState } from './state.ts'

/** Storage challenges, by the wallet of a node or of anyone. */
export class WalletChallenger implements Challenger {
  readonly #session: WalletSession
  readonly #operator: Pick<NodeOperator, 'capability'>
  #capObjectId: ObjectId | undefined

  constructor(wallet: Wallet, components: SessionComponents, operator: Pick<NodeOperator, 'capability'>) {
    this.#session = new WalletSession(wallet, components)
    this.#operator = operator
  }

  get wallet(): Wallet {
    return this.#session.wallet
  }

  async parameters(options: CallOptions = {}): Promise<Parameters> {
    const { rpc, network, state } = this.#session.on
    // nodes ask every few seconds
    const { epoch } = (await state.recent(options)).state.staking
    return await rpc.read(client => readCurrent(client, network.stakingObjectId, epoch), options.signal)
  }

  async open(options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => calls.openChallenge(), options)
  }

  async commit(round: number, root: Uint8Array, options?: CallOptions): Promise<{ digest: string }> {
    this.#capObjectId ??= (await needCapability(this.#operator, this.wallet, options)).objectId
    const cap = this.#capObjectId
    return await this.#send(calls => calls.commitChallenge(cap, round, root), options)
  }

  async draw(round: number, options?: CallOptions): Promise<{ digest: string }> {
    return await this.#send(calls => calls.drawChallenge(round), options)
  }

  async pass(certificate: Certificate, options?: CallOptions): Promise<{ digest: string }> {
    const { signature, message, signers } = certificate
    return await this.#send((calls, now) => {
      const bitmap = signersBitmap(signers, now.system.committee.members.length)
      calls.passChallenge({ signature, message, signersBitmap: bitmap })
    }, options)
  }

  async #send(
    add: (calls: Calls, now: ChainState) => void,
    options: CallOptions | undefined,
  ): Promise<{ digest: string }> {
    const { digest } = await this.#session.call(add, options)
    return { digest }
  }
}
