import { LruMap } from '../../base/lru-map.ts'
import { loadBls } from '../../codec/index.ts'
import type { BlsVerifier } from './vm/index.ts'

/** Answers that are kept: each certificate is simulated, then executed, and a check takes 25 ms. */
const MAX_ANSWERS = 256

/** The fast BLS library, which remembers what it has checked lately: the answer depends on nothing else. */
export async function loadBlsVerifier(): Promise<BlsVerifier> {
  return rememberAnswers(await loadBls())
}

export function rememberAnswers(verifier: BlsVerifier, maxAnswers = MAX_ANSWERS): BlsVerifier {
  const answers = new LruMap<string, boolean>(maxAnswers)
  return {
    verify: (publicKey, message, signature) => {
      const key = [publicKey, message, signature].map(part => Buffer.from(part).toString('base64')).join(' ')
      const known = answers.get(key)
      if (known !== undefined) return known
      const answer = verifier.verify(publicKey, message, signature)
      answers.set(key, answer)
      return answer
    },
  }
}
