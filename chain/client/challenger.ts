import { bcs } from '@mysten/sui/bcs'
import { deriveDynamicFieldID } from '@mysten/sui/utils'
import { signersBitmap } from '../../codec/index.ts'
import type { Certificate, ObjectId } from '../../codec/types.ts'
import { ChallengesField } from '../bindings/challenge-events.ts'
import { decodeMove } from '../bindings/move.ts'
import type { CallOptions, ChallengeParameters, Challenger, NodeOperator, Wallet } from '../types/index.ts'
import type { Calls } from './calls.ts'
import { needCapability } from './capability.ts'
import { fetchObjects } from './objects.ts'
import { type SessionComponents, WalletSession } from './session.ts'
import type { ChainState } from './state.ts'

/** Name of the dynamic field of the staking object, a `vector<u8>`. */
const CHALLENGES_KEY = bcs.byteVector().serialize(new TextEncoder().encode('challenges')).toBytes()
/** What the contract begins with: there is no field before the first round. */
const FIRST_PARAMETERS: ChallengeParameters = {
  rounds: 1,
  draws: 640,
  openFrom: 2_500,
  commitUntil: 5_500,
  passUntil: 9_000,
  burnedCommission: 2_500,
  strikes: 3,
  bench: 2,
}

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

  async parameters({ signal }: CallOptions = {}): Promise<ChallengeParameters> {
    const { rpc, network } = this.#session.on
    const id = deriveDynamicFieldID(network.stakingObjectId, 'vector<u8>', CHALLENGES_KEY)
    const [field] = await rpc.read(client => fetchObjects(client, [id]), signal)
    if (field === undefined) return FIRST_PARAMETERS
    const { parameters } = decodeMove(ChallengesField, field.content).value
    const { rounds, draws, strikes, bench } = parameters
    const { open_from: openFrom, commit_until: commitUntil, pass_until: passUntil } = parameters
    const burnedCommission = parameters.burned_commission
    return { rounds, draws, strikes, bench, openFrom, commitUntil, passUntil, burnedCommission }
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
