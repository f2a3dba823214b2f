import type { Meter } from './meter.ts'
import { EnumValue, type Value } from './values.ts'

function copyArray(values: Value[], meter: Meter): Value[] {
  meter.chargeArray(values.length)
  const copies = values.slice()
  for (let i = 0; i < copies.length; i++) {
    const value = copies[i]!
    if (typeof value === 'object') copies[i] = copy(value, meter)
  }
  return copies
}

/** A deep copy, of which every part is metered, so that doubling a value over and over ends. */
export function copy(value: Value, meter: Meter): Value {
  if (Array.isArray(value)) return copyArray(value, meter)
  if (value instanceof EnumValue) return new EnumValue(value.tag, copyArray(value.fields, meter))
  return value
}

function equalArrays(a: Value[], b: Value[], meter: Meter): boolean {
  if (a.length !== b.length) return false
  meter.charge(2 + a.length)
  for (let i = 0; i < a.length; i++) if (!equal(a[i]!, b[i]!, meter)) return false
  return true
}

/** Whether two values of one type are equal. Every part is metered. */
export function equal(a: Value, b: Value, meter: Meter): boolean {
  if (Array.isArray(a)) return equalArrays(a, b as Value[], meter)
  if (a instanceof EnumValue)
    return a.tag === (b as EnumValue).tag && equalArrays(a.fields, (b as EnumValue).fields, meter)
  return a === b
}
