import type { StorageObject } from '../../../chain/types/index.ts'
import { CliError, EXIT } from '../errors.ts'

/**
 * In which order others can be added to the first, whatever order they are named in, and what it is then. The chain adds bytes for
 * the same time, or time of the same bytes. Throws CliError when one fits nowhere.
 */
export function mergeOrder(
  first: StorageObject,
  others: readonly StorageObject[],
): { order: StorageObject[]; merged: StorageObject } {
  const left = [...others]
  const order: StorageObject[] = []
  let merged = first
  while (left.length > 0) {
    const i = left.findIndex(other => added(merged, other) !== undefined)
    const other = left[i]
    if (other === undefined) throw unlike(merged, left[0]!)
    merged = added(merged, other)!
    order.push(...left.splice(i, 1))
  }
  return { order, merged }
}

function added(one: StorageObject, other: StorageObject): StorageObject | undefined {
  if (one.startEpoch === other.startEpoch && one.endEpoch === other.endEpoch)
    return { ...one, storageSize: one.storageSize + other.storageSize }
  if (one.storageSize !== other.storageSize) return undefined
  if (one.endEpoch === other.startEpoch) return { ...one, endEpoch: other.endEpoch }
  return one.startEpoch === other.endEpoch ? { ...one, startEpoch: other.startEpoch } : undefined
}

function unlike(one: StorageObject, other: StorageObject): CliError {
  const words = ({ startEpoch, endEpoch, storageSize }: StorageObject) =>
    `${storageSize} bytes from epoch ${startEpoch} to ${endEpoch}`
  return new CliError(
    'USAGE',
    EXIT.usage,
    `The storage ${other.id} (${words(other)}) cannot be added to ${one.id} (${words(one)}).`,
    {
      hint: 'Both must be of the same time, or of the same size with one beginning where the other ends: `floe storage split` makes them so.',
    },
  )
}
