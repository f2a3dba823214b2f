import { VmError } from './errors.ts'
import type { StepMeter } from './types.ts'
import { EnumValue, type Value } from './values.ts'

/** Takes from the step limit; throws when it is used up. */
export function charge(meter: StepMeter, steps: number): void {
  meter.remaining -= steps
  if (meter.remaining < 0) throw new VmError({ kind: 'InsufficientGas' })
}

function copyArray(values: Value[], meter: StepMeter): Value[] {
  charge(meter, values.length)
  const copies = values.slice()
  for (let i = 0; i < copies.length; i++) {
    const value = copies[i]!
    if (typeof value === 'object') copies[i] = copy(value, meter)
  }
  return copies
}

/** A deep copy. Costs a step for each element, so that doubling a value over and over ends. */
export function copy(value: Value, meter: StepMeter): Value {
  if (Array.isArray(value)) return copyArray(value, meter)
  if (value instanceof EnumValue) return new EnumValue(value.tag, copyArray(value.fields, meter))
  return value
}

function equalArrays(a: Value[], b: Value[], meter: StepMeter): boolean {
  if (a.length !== b.length) return false
  charge(meter, a.length)
  for (let i = 0; i < a.length; i++) if (!equal(a[i]!, b[i]!, meter)) return false
  return true
}

/** Whether two values of one type are equal. Costs a step for each element. */
export function equal(a: Value, b: Value, meter: StepMeter): boolean {
  if (Array.isArray(a)) return equalArrays(a, b as Value[], meter)
  if (a instanceof EnumValue)
    return a.tag === (b as EnumValue).tag && equalArrays(a.fields, (b as EnumValue).fields, meter)
  return a === b
}
