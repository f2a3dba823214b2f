import { resolve } from 'node:path'
import type { TokenRules } from '../../gateway/index.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'
import { readInput } from '../input.ts'

const KEY_LIMIT = { bytes: 64 * 1024, why: 'no key file is that large' }

/** Options of whatever stores at the cost of a wallet. */
export interface StoreOptions {
  publish: 'on' | 'off' | 'jwt'
  jwtKey?: string
  jwtAlgorithm?: string
  jwtExpiringSec?: number
  subWallets: number
}

/** The rules of tokens, where they are wanted. Throws CliError, which never quotes the key. */
export async function tokenRules(
  { publish, jwtKey, jwtAlgorithm: algorithm, jwtExpiringSec: validSeconds }: StoreOptions,
  { cwd, signal }: Pick<Context, 'cwd' | 'signal'>,
): Promise<TokenRules | undefined> {
  if (publish !== 'jwt') {
    if (jwtKey === undefined) return undefined
    throw new CliError('USAGE', EXIT.usage, '--jwt-key needs --publish jwt.')
  }
  if (jwtKey === undefined) throw new CliError('USAGE', EXIT.usage, '--publish jwt needs --jwt-key.')
  const path = resolve(cwd, jwtKey)
  const text = Buffer.from(await readInput(path, KEY_LIMIT, signal)).toString('utf8')
  const rules = { key: text, algorithm, validSeconds }
  const { checkTokenRules, WeakSecret } = await import('../../gateway/index.ts')
  try {
    await checkTokenRules(rules)
  } catch (cause) {
    if (cause instanceof WeakSecret)
      throw new CliError('USAGE', EXIT.usage, `${jwtKey}: ${cause.message}.`, {
        hint: 'A new one: `openssl rand -hex 32`.',
        cause,
      })
    // no message of a library's: it may quote the key
    throw new CliError('USAGE', EXIT.usage, `${jwtKey} has no key for ${algorithm ?? 'tokens'}.`, {
      hint: 'It is a secret for HS256, or a public key (PEM or JWK) for the others; name the algorithm with --jwt-algorithm.',
      cause,
    })
  }
  return rules
}
