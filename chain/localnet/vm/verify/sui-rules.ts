import { DROPPABLE, HAS_KEY } from '../abilities.ts'
import { malformed } from '../format/reader.ts'
import type { FunctionImpl, ModuleImpl } from '../loaded.ts'
import type { DatatypeDefinition, MoveType } from '../types.ts'

const FRAMEWORK = `0x${'2'.padStart(64, '0')}`
const UID = `${FRAMEWORK}::object::UID`
const TX_CONTEXT = `${FRAMEWORK}::tx_context::TxContext`
/** What only the chain itself changes. */
const SYSTEM_OBJECTS: ReadonlySet<string> = new Set([
  `${FRAMEWORK}::clock::Clock`,
  `${FRAMEWORK}::random::Random`,
])

/** Packages at addresses that nobody can publish to. */
export const isSystem = (address: string): boolean => BigInt(address) < 0x1_0000n

/** An object is a struct whose first field is `id: UID`, and it can be neither copied nor dropped. */
export function checkKey({ abilities, name, fields }: DatatypeDefinition): void {
  if ((abilities & HAS_KEY) === 0) return
  const [first] = fields ?? []
  if (first?.name !== 'id' || first.type.text !== UID)
    throw malformed(`object ${name} does not start with its UID`)
  if ((abilities & DROPPABLE) !== 0) throw malformed(`object ${name} has drop`)
}

/**
 * A module's one-time witness: the struct named like the module in capitals, if its only field is a
 * bool. It must have drop alone, and no type parameters.
 */
function witnessOf(module: ModuleImpl): DatatypeDefinition | undefined {
  const witness = module.datatypes.get(module.name.toUpperCase())
  const [field, ...others] = witness?.fields ?? []
  if (witness === undefined || field?.type.kind !== 'bool' || others.length > 0) return undefined
  if (witness.abilities !== DROPPABLE || witness.typeParameters.length > 0)
    throw malformed(`${witness.name} is named like a one-time witness, but is none`)
  return witness
}

const isMutable = (type: MoveType): boolean => type.kind === 'reference' && type.mutable

/** `init` is private, returns nothing and takes the context, after the module's one-time witness if it has one. */
function checkInitializer(init: FunctionImpl, witness: DatatypeDefinition | undefined): void {
  const { module, parameters } = init
  const context = parameters.at(-1)
  const takesContext = context?.kind === 'reference' && context.target.text === TX_CONTEXT
  const [first] = parameters
  const takesWitness =
    witness !== undefined
      ? parameters.length === 2 &&
        first?.kind === 'datatype' &&
        first.module === module.name &&
        first.name === witness.name &&
        first.address === witness.address
      : parameters.length === 1
  if (
    init.visibility !== 'private' ||
    init.isEntry ||
    init.typeParameters.length > 0 ||
    init.returns.length > 0 ||
    !takesContext ||
    !takesWitness
  )
    throw malformed(`${module.name}::init is no initializer`)
}

/** Sui's rules about a module's functions, besides those that look at single calls. */
export function checkFunctions(module: ModuleImpl): void {
  const { package: owner, compiled } = module
  if (owner.originalId === FRAMEWORK) return
  const witness = witnessOf(module)
  for (const fn of module.functions.values()) {
    if (fn.name === 'init') checkInitializer(fn, witness)
    if (fn.isNative && !isSystem(owner.originalId))
      throw malformed(`${module.name}::${fn.name} is native, which only the framework's functions are`)
    if (!fn.isEntry) continue
    for (const type of fn.parameters)
      if (isMutable(type) && type.kind === 'reference' && SYSTEM_OBJECTS.has(type.target.text))
        throw malformed(`${module.name}::${fn.name} takes ${type.text}, which only the chain changes`)
  }
  if (!isSystem(owner.originalId) && compiled.structs.some(({ fields }) => fields === undefined))
    throw malformed(`${module.name} has a native struct`)
}
