import { LruMap } from '../base/lru-map.ts'
import type { Bls } from './bls.ts'

/** Answers that are kept, each under the text of what was asked: 1 to 2 KiB with a dozen signers. */
const MAX_ANSWERS = 1_000

/**
 * Remembers what it has verified lately: an answer follows from keys, message and signature alone, and costs 7 ms and more. For
 * nodes that share a process, each of which checks every certificate for itself, and for a chain that simulates first.
 */
export function rememberingBls(bls: Bls, maxAnswers = MAX_ANSWERS): Bls {
  const answers = new LruMap<string, boolean>(maxAnswers)
  const once = (question: readonly Uint8Array[], ask: () => boolean): boolean => {
    const key = question.map(asText).join('')
    const known = answers.get(key)
    if (known !== undefined) return known
    const answer = ask()
    answers.set(key, answer)
    return answer
  }
  return {
    generateSecret: () => bls.generateSecret(),
    publicKey: secret => bls.publicKey(secret),
    sign: (secret, message) => bls.sign(secret, message),
    verify: (publicKey, message, signature) =>
      once([publicKey, message, signature], () => bls.verify(publicKey, message, signature)),
    aggregateSignatures: signatures => bls.aggregateSignatures(signatures),
    sum: () => bls.sum(),
    // of one key it is the same question as above, with the same answer
    verifyAggregate: (publicKeys, message, signature) =>
      once([...publicKeys, message, signature], () => bls.verifyAggregate(publicKeys, message, signature)),
  }
}

const latin1 = new TextDecoder('latin1')
/** By its length first, so that no two lists are alike. */
const asText = (bytes: Uint8Array): string => `${bytes.length} ${latin1.decode(bytes)}`
