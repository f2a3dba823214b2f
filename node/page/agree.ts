import { blake2b } from '@noble/hashes/blake2.js'
import { CodedError } from '../../base/coded-error.ts'
import type { ChainReader, Committee } from '../../chain/types/index.ts'
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

/** An epoch turns at one RPC before it does at another: so often they are asked again, after so long. */
const ROUNDS = 3

/**
 * Asks each RPC for the committee. Those that answer must agree, or RPCS_DISAGREE names them: no lie about the committee makes a wrong
 * byte pass, as every byte is checked against the blob ID, but it could hide a blob. Throws what the chain throws when none answers.
 */
export async function agreeOnCommittee(
  rpcs: readonly AskedRpc[],
  { signal, pause }: { signal?: AbortSignal; pause: () => Promise<void> },
): Promise<{ answers: RpcAnswer[]; committee: Committee }> {
  for (let round = 1; ; round++) {
    const asked = await Promise.allSettled(rpcs.map(({ chain }) => chain.committees({ signal, fresh: true })))
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

/** Of what decides who may hold which sliver: the members with their keys and shards. */
function digestOf({ epoch, nShards, members }: Committee): string {
  const rows = members.map(
    ({ nodeId, shards, networkPublicKey }) => `${nodeId} ${shards.join()} ${networkPublicKey.join()}`,
  )
  const text = [epoch, nShards, ...rows.sort()].join('\n')
  const hash = blake2b(new TextEncoder().encode(text), { dkLen: 8 })
  return Array.from(hash, byte => byte.toString(16).padStart(2, '0')).join('')
}
