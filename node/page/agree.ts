import { blake2b } from '@noble/hashes/blake2.js'
import { CodedError } from '../../base/coded-error.ts'
import { anySignal } from '../../base/wait.ts'
import type { ChainReader, Committee, Committees } from '../../chain/types/index.ts'
import type { RpcAnswer } from './messages.ts'

/**
 * RPCS_DISAGREE: two Sui RPCs tell different committees. WRONG_NETWORK: it is not the one that the link names. NOT_THE_BLOB: what a
 * gateway sent has another blob ID.
 */
export type PageErrorDetails = {
  RPCS_DISAGREE: { answers: readonly RpcAnswer[] }
  WRONG_NETWORK: { wanted: string; found: string }
  NOT_THE_BLOB: { blobId: string }
}

/** A failure of the page itself. */
export class PageError extends CodedError<PageErrorDetails> {
  override readonly name = 'PageError'
}

/** A Sui RPC, by itself. */
export interface AskedRpc {
  url: string
  chain: Pick<ChainReader, 'committees'>
}

export interface AgreeOptions {
  signal?: AbortSignal
  /** between rounds, when they disagree */
  pause: () => Promise<void>
  /** what the others get once half have answered: one that hangs keeps nobody waiting */
  grace: (signal: AbortSignal) => Promise<void>
}

/** An epoch turns at one RPC before it does at another: so often they are asked again, after so long. */
const ROUNDS = 3

/**
 * Asks each RPC for the committee. Those that answer must agree, or RPCS_DISAGREE names them: no lie about the committee makes a wrong
 * byte pass, as every byte is checked against the blob ID, but it could hide a blob. Throws what the chain throws when none answers.
 */
export async function agreeOnCommittee(
  rpcs: readonly AskedRpc[],
  { signal, pause, grace }: AgreeOptions,
): Promise<{ answers: RpcAnswer[]; committee: Committee }> {
  for (let round = 1; ; round++) {
    const asked = await askAll(rpcs, { signal, grace })
    const told = asked.flatMap(one => (one.status === 'fulfilled' ? one.value.current : []))
    const [committee] = told
    if (committee === undefined) throw (asked[0] as PromiseRejectedResult | undefined)?.reason
    const answers = rpcs.map(({ url }, i): RpcAnswer => {
      const one = asked[i]
      if (one?.status !== 'fulfilled') return { url }
      const { current } = one.value
      return { url, epoch: current.epoch, digest: digestOf(current) }
    })
    const digests = new Set(answers.flatMap(({ digest }) => digest ?? []))
    if (digests.size <= 1) return { answers, committee }
    if (round === ROUNDS) {
      const words = answers.map(({ url, epoch, digest }) => `${url} says epoch ${epoch}, committee ${digest}`)
      throw new PageError('RPCS_DISAGREE', `Sui RPCs disagree: ${words.join('; ')}`, { answers })
    }
    await pause()
  }
}

async function askAll(
  rpcs: readonly AskedRpc[],
  { signal, grace }: Pick<AgreeOptions, 'signal' | 'grace'>,
): Promise<PromiseSettledResult<Committees>[]> {
  const stop = new AbortController()
  const both = anySignal(signal, stop.signal)
  let answered = 0
  const endAfterGrace = async (): Promise<void> => {
    await grace(both)
    stop.abort(new Error('others have answered'))
  }
  const asked = await Promise.allSettled(
    rpcs.map(async ({ chain }) => {
      const committees = await chain.committees({ signal: both, fresh: true })
      answered++
      if (answered === Math.ceil(rpcs.length / 2)) void endAfterGrace().catch(() => undefined)
      return committees
    }),
  )
  stop.abort()
  return asked
}

/** Those that answered, and then the others. */
export function answeringFirst(answers: readonly RpcAnswer[]): string[] {
  const has = ({ digest }: RpcAnswer): boolean => digest !== undefined
  return [...answers.filter(has), ...answers.filter(one => !has(one))].map(({ url }) => url)
}

/** Of what decides who may hold which sliver: the members with their keys and shards. */
function digestOf({ epoch, nShards, members }: Committee): string {
  const rows = members.map(
    ({ nodeId, shards, networkPublicKey }) => `${nodeId} ${shards.join()} ${networkPublicKey.join()}`,
  )
  const text = [epoch, nShards, ...rows.sort()].join('\n')
  const hash = blake2b(new TextEncoder().encode(text), { dkLen: 8 })
  return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')
}
