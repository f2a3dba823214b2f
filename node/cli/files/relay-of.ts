import type { FullCoordinator, NetworkConfig } from '../../../chain/types/index.ts'
import { walArgument } from '../arguments.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context, NetworkOptions } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'
import { loadNetwork } from '../network-file.ts'
import { loadWallet } from '../wallet-file.ts'
import { openUploadRelay, type UploadRelay } from './upload-relay.ts'

export interface RelayOptions extends NetworkOptions {
  uploadRelay?: string
  maxTip?: string
  skipTipConfirmation?: boolean
}

/** The upload relay that the options name, if any: tips are paid by the wallet that pays for storage. Throws CliError. */
export async function relayOf(
  context: Context,
  network: NetworkConfig,
  nShards: number,
  options: RelayOptions,
): Promise<(UploadRelay & AsyncDisposable) | undefined> {
  const { clock, parts, signal } = context
  const url = options.uploadRelay && urlOf(options.uploadRelay)
  if (!url) return undefined
  let coordinator: FullCoordinator | undefined
  const relay = await openUploadRelay({
    url,
    nShards,
    maxTipMist: maxTipMist(options),
    async pay(recipient, amountMist, note, unwanted) {
      const { path } = await loadNetwork(options, context)
      const wallet = await loadWallet(options, path, context)
      coordinator ??= await parts.coordinate(network)
      try {
        const payment = { note, signal: unwanted }
        return (await coordinator.manager(wallet).sendSui(recipient, amountMist, payment)).digest
      } catch (error) {
        throw chainFailure(error)
      }
    },
    clock,
    signal,
  })
  return { ...relay, [Symbol.asyncDispose]: async () => await coordinator?.close() }
}

/** What may be paid without a question, in MIST: whoever does not want to be asked does not give the whole wallet away. */
const UNASKED_TIP_MIST = 100_000_000n

/** What a relay may take for each blob, in MIST. Throws CliError USAGE. */
export function maxTipMist({
  maxTip,
  skipTipConfirmation,
}: Pick<RelayOptions, 'maxTip' | 'skipTipConfirmation'>): bigint {
  if (maxTip === undefined) return skipTipConfirmation ? UNASKED_TIP_MIST : 0n
  // SUI has as many decimals as WAL
  return /^0+(\.0+)?$/.test(maxTip) ? 0n : walArgument(maxTip)
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url.href.replace(/\/+$/, '')
  throw new CliError('USAGE', EXIT.usage, `"${text}" is not the URL of an upload relay.`, {
    hint: 'It begins with http:// or https://.',
  })
}
