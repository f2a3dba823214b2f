import { formatNano } from '../base/nano.ts'

/** FROST as WAL with every digit that matters: 1 WAL = 10^9 FROST. */
export function formatWal(frost: bigint): string {
  return `${formatNano(frost)} WAL`
}

/** MIST as SUI with every digit that matters: 1 SUI = 10^9 MIST. */
export function formatSui(mist: bigint): string {
  return `${formatNano(mist)} SUI`
}
