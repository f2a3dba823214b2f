import { bytesOfArray, SLOT_BYTES } from './meter.ts'
import type { MoveType } from './types.ts'

/** What V8 takes for a value that is not part of the array that holds it. */
const BIGINT_BYTES: Readonly<Partial<Record<MoveType['kind'], number>>> = {
  u64: 24,
  u128: 32,
  u256: 48,
  parameter: 48, // it may be the largest of them
}

/** What a value of the type takes where it is put; arrays in it are counted when they are made. */
export const bytesOfSlot = (type: MoveType): number => SLOT_BYTES + (BIGINT_BYTES[type.kind] ?? 0)

/** A new struct, variant or vector of these fields or elements. */
export const bytesOfFields = (types: readonly MoveType[]): number =>
  types.reduce((bytes, type) => bytes + bytesOfSlot(type) - SLOT_BYTES, bytesOfArray(types.length))
