import type { GrpcTypes } from '@mysten/sui/grpc'
import { SYSTEM } from '../../ledger/address.ts'
import type { Ledger } from '../../ledger/ledger.ts'
import type { MoveObject } from '../../ledger/object.ts'
import { EnumValue, type MoveType, type Value, type Vm, valueToBytes } from '../../vm/index.ts'
import {
  DisplayError,
  type Shown,
  type Step,
  type Template,
  templateOf,
  transformed,
} from './display-template.ts'

type Json = NonNullable<GrpcTypes.Display['output']>

/** Characters that one object's display may hold: replies are weighed with it. */
export const MAX_DISPLAY_LENGTH = 32 * 1024

const text = (stringValue: string): Json => ({ kind: { oneofKind: 'stringValue', stringValue } })
const NOTHING: Json = { kind: { oneofKind: 'nullValue', nullValue: 0 } }
const record = (fields: Record<string, Json>): Json => ({
  kind: { oneofKind: 'structValue', structValue: { fields } },
})

/** What the display of the object's type makes of it; undefined when the type has none. */
export function displayOf(ledger: Ledger, object: MoveObject): GrpcTypes.Display | undefined {
  const templates = templatesOf(ledger, object.type)
  if (templates === undefined) return undefined
  const { vm } = ledger
  const type = vm.types.fromTag(object.type)
  const root = { type, value: vm.deserialize(type, object.contents) }
  const output: [string, Json][] = []
  const errors: [string, Json][] = []
  let left = MAX_DISPLAY_LENGTH
  for (const [name, source] of templates.fields) {
    try {
      const shown = render(vm, root, templateOf(source, templates.syntax), left)
      left -= shown?.length ?? 0
      output.push([name, shown === undefined ? NOTHING : text(shown)])
    } catch (error) {
      if (!(error instanceof DisplayError)) throw error
      output.push([name, NOTHING])
      errors.push([name, text(error.message)])
    }
  }
  return {
    output: record(Object.fromEntries(output)),
    errors: errors.length > 0 ? record(Object.fromEntries(errors)) : undefined,
  }
}

interface Templates {
  syntax: 'publisher' | 'registry'
  fields: [string, string][]
}

/** The registry's display comes before the publisher's own, which counts once its version was raised. */
function templatesOf({ objects, vm }: Ledger, objectType: string): Templates | undefined {
  const read = (module: string) => {
    const found = objects.singleton(`${SYSTEM.sui}::${module}::Display<${objectType}>`)
    return found && (vm.deserialize(vm.types.fromTag(found.type), found.contents) as Value[])
  }
  const registered = read('display_registry')
  if (registered !== undefined) return { syntax: 'registry', fields: entriesOf(registered[1]!) }
  const own = read('display')
  if (own === undefined || own[2] === 0) return undefined
  return { syntax: 'publisher', fields: entriesOf(own[1]!) }
}

/** Of a `VecMap<String, String>`. */
const entriesOf = (map: Value): [string, string][] =>
  ((map as Value[])[0] as Value[][]).map(([name, value]) => [stringOf(name!), stringOf(value!)])

const stringOf = (value: Value): string => new TextDecoder().decode(valueToBytes((value as Value[])[0]!))

interface Typed {
  type: MoveType
  value: Value
}

function render(vm: Vm, root: Typed, template: Template, left: number): string | undefined {
  let shown = ''
  for (const part of template) {
    if (typeof part === 'string') shown += part
    else {
      const found = part.paths.map(path => follow(vm, root, path)).find(value => value !== undefined)
      // in the registry's templates nothing makes nothing of the whole
      if (found === undefined && part.isOptional) return undefined
      shown += found === undefined ? '' : transformed(part.transform, shownOf(found))
    }
    if (shown.length > left)
      throw new DisplayError(`more than ${MAX_DISPLAY_LENGTH} characters are displayed`)
  }
  return shown
}

/** The value at the end of a path, through options; undefined when an option on the way is none. */
function follow(vm: Vm, root: Typed, path: readonly Step[]): Typed | undefined {
  let at: Typed | undefined = root
  for (const step of path) {
    at = unwrap(at)
    if (at === undefined) return undefined
    at = fieldOf(vm, at, step)
  }
  return unwrap(at)
}

const shortName = (type: MoveType): string =>
  type.kind === 'datatype' && (type.address === SYSTEM.std || type.address === SYSTEM.sui)
    ? `${type.module}::${type.name}`
    : ''

function unwrap(typed: Typed): Typed | undefined {
  let { type, value } = typed
  while (type.kind === 'datatype' && shortName(type) === 'option::Option') {
    const [element] = (value as Value[][])[0]!
    if (element === undefined) return undefined
    type = type.typeArguments[0]!
    value = element
  }
  return { type, value }
}

function fieldOf(vm: Vm, { type, value }: Typed, step: Step): Typed {
  if (type.kind !== 'datatype' || value instanceof EnumValue)
    throw new DisplayError(`${type.text} has no field ${step}`)
  const fields = vm.definition(type)?.fields ?? []
  const index = fields.findIndex(({ name }, i) => name === step || name === `pos${step}` || `${i}` === step)
  if (index < 0) throw new DisplayError(`${type.text} has no field ${step}`)
  return {
    type: vm.types.instantiate(fields[index]!.type, type.typeArguments),
    value: (value as Value[])[index]!,
  }
}

function shownOf({ type, value }: Typed): Shown {
  switch (type.kind) {
    case 'vector':
      if (type.element.kind === 'u8') return { bytes: valueToBytes(value) }
      break
    case 'datatype':
      switch (shortName(type)) {
        case 'string::String':
        case 'ascii::String':
          return { text: stringOf(value), bytes: valueToBytes((value as Value[])[0]!) }
        case 'url::Url':
          return { text: stringOf((value as Value[])[0]!) }
        case 'object::ID':
          return { text: (value as string[])[0]! }
        case 'object::UID':
          return { text: (value as string[][])[0]![0]! }
        case 'balance::Balance':
          return { text: String((value as bigint[])[0]) }
      }
      break
    case 'reference':
    case 'parameter':
      break
    default:
      return { text: String(value) }
  }
  throw new DisplayError(`${type.text} cannot be displayed as text`)
}
