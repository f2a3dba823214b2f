import { formatNano } from '../../../base/nano.ts'
import { frostArgument } from '../arguments.ts'
import { getAttributes, removeAttributes, setAttributes } from '../blobs/attributes.ts'
import { fund } from '../blobs/extend.ts'
import type { Context, NetworkOptions } from '../context.ts'
import { CliError, EXIT, type ExitCode } from '../errors.ts'
import { faucet, newWallet } from '../wallets/wallets.ts'

/** Walrus's client counts in FROST. */
export async function fundSharedBlob(
  context: Context,
  options: NetworkOptions & { sharedBlobObjId: string; amount: string },
): Promise<ExitCode> {
  return await fund(context, options.sharedBlobObjId, formatNano(frostArgument(options.amount)), options)
}

export async function getBlobAttribute(
  context: Context,
  blob: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  return await getAttributes(context, blob, options)
}

/** `--attr KEY VALUE`, as often as there are some. */
export async function setBlobAttribute(
  context: Context,
  blob: string,
  { attr, ...options }: NetworkOptions & { attr: string[] },
): Promise<ExitCode> {
  if (attr.length % 2 === 1) throw usage('--attr takes a key and a value.')
  const pairs = Array.from({ length: attr.length / 2 }, (_, i) => [attr[2 * i]!, attr[2 * i + 1]!] as const)
  const odd = pairs.find(([key]) => key === '' || key.includes('='))
  if (odd !== undefined) throw usage(`"${odd[0]}" cannot be the key of an attribute.`)
  return await setAttributes(
    context,
    blob,
    pairs.map(([key, value]) => `${key}=${value}`),
    options,
  )
}

export async function removeBlobAttributeFields(
  context: Context,
  blob: string,
  { keys, ...options }: NetworkOptions & { keys: string[] },
): Promise<ExitCode> {
  return await removeAttributes(context, blob, keys, options)
}

/** All of them. */
export async function removeBlobAttribute(
  context: Context,
  blob: string,
  options: NetworkOptions,
): Promise<ExitCode> {
  return await removeAttributes(context, blob, undefined, options)
}

/** Walrus's client changes an amount of SUI for WAL; here a localnet's faucet gives both, always as much. */
export async function getWal(
  context: Context,
  { amount, ...options }: NetworkOptions & { amount?: string },
): Promise<ExitCode> {
  if (amount !== undefined) frostArgument(amount)
  return await faucet(context, undefined, options)
}

/** A key file at the path, where Walrus's client puts a configuration of Sui's. */
export async function generateSuiWallet(
  context: Context,
  { path, useFaucet, ...options }: NetworkOptions & { path: string; useFaucet?: boolean },
): Promise<ExitCode> {
  await newWallet(context, path, { format: 'key' })
  return useFaucet ? await faucet(context, undefined, { ...options, wallet: path }) : EXIT.ok
}

const usage = (message: string) => new CliError('USAGE', EXIT.usage, message)
