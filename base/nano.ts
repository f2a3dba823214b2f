/** A number of billionths as decimal text, with every digit that matters and no other: 1_500_000_000n is `1.5`. */
export function formatNano(value: bigint): string {
  const fraction = (value % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '')
  return `${value / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`
}
