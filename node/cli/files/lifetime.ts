import { beginsAtMs } from '../../../chain/index.ts'
import type { EpochTiming, NetworkConfig, SystemInfo } from '../../../chain/types/index.ts'
import type { Epoch } from '../../../codec/types.ts'
import type { Client } from '../../client/types.ts'
import { chainFailure } from '../chain-failure.ts'
import type { Context } from '../context.ts'
import { CliError, EXIT } from '../errors.ts'

/** For how long something is to be stored: by one of the three. */
export interface Lifetime {
  epochs: number | 'max'
  endEpoch?: number
  /** ms since 1970 */
  earliestExpiryTime?: number
}

/** For how many epochs from the current one on. Throws CliError for what is over already, or later than storage is sold for. */
export async function epochsFor(
  { parts, signal }: Pick<Context, 'parts' | 'signal'>,
  client: Pick<Client, 'info'>,
  network: NetworkConfig,
  lifetime: Lifetime,
): Promise<number> {
  const { epochs, earliestExpiryTime } = lifetime
  // how many there may be the client knows
  if (epochs !== 'max' && lifetime.endEpoch === undefined && earliestExpiryTime === undefined) return epochs
  const { system } = await client.info({ signal })
  if (earliestExpiryTime === undefined) return epochsUntil(lifetime, system)
  const coordinator = await parts.coordinate(network)
  try {
    return epochsUntil(lifetime, system, await coordinator.epochTiming({ signal }))
  } catch (error) {
    throw chainFailure(error)
  } finally {
    await coordinator.close()
  }
}

export function epochsUntil(
  { epochs, endEpoch, earliestExpiryTime }: Lifetime,
  { epoch, maxEpochsAhead }: Pick<SystemInfo, 'epoch' | 'maxEpochsAhead'>,
  timing?: EpochTiming,
): number {
  if (endEpoch !== undefined)
    return expectSold(
      'end-epoch',
      endEpoch - epoch,
      maxEpochsAhead,
      `epoch ${endEpoch}`,
      `it is epoch ${epoch}`,
    )
  if (earliestExpiryTime === undefined || timing === undefined)
    return epochs === 'max' ? maxEpochsAhead : epochs
  const { nowMs, durationMs } = timing
  const firstEndMs = beginsAtMs(timing, (timing.epoch + 1) as Epoch)
  const beyond = Math.max(0, Math.ceil((earliestExpiryTime - firstEndMs) / durationMs))
  const isOver = earliestExpiryTime <= nowMs
  const time = new Date(earliestExpiryTime).toISOString()
  const now = `the chain's time is ${new Date(nowMs).toISOString()}`
  return expectSold('earliest-expiry-time', isOver ? 0 : 1 + beyond, maxEpochsAhead, time, now)
}

function expectSold(option: string, epochs: number, max: number, until: string, now: string): number {
  if (epochs >= 1 && epochs <= max) return epochs
  const reason = epochs < 1 ? `that is over: ${now}` : `that is ${epochs} epochs, and at most ${max} are sold`
  throw new CliError('INVALID_OPTION', EXIT.usage, `Nothing can be stored until ${until}: ${reason}.`, {
    hint: '`floe info epoch` tells when epochs end.',
    details: { option, reason },
  })
}
