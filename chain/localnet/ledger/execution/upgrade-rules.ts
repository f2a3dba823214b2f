import { type FunctionContents, type ModuleContents, moduleContents } from './module-contents.ts'

/** Sui's upgrade policies; a stricter one has a higher number. */
export const POLICY = { compatible: 0, additive: 128, dependenciesOnly: 192 } as const

export const isPolicy = (policy: number): boolean => (Object.values(POLICY) as number[]).includes(policy)

/**
 * Why `next` may not replace `current` under the policy; undefined when it may.
 * Compatible: types stay as they are, public functions keep their signatures. Additive: all that is there stays
 * exactly as it is, bodies included. Dependencies only: nothing is added either.
 */
export function checkUpgrade(
  policy: number,
  current: readonly Uint8Array[],
  next: readonly Uint8Array[],
): string | undefined {
  const after = new Map(next.map(bytes => moduleContents(bytes)).map(module => [module.name, module]))
  if (policy === POLICY.dependenciesOnly && after.size !== current.length) return 'a module was added'
  for (const bytes of current) {
    const before = moduleContents(bytes)
    const module = after.get(before.name)
    if (module === undefined) return `module ${before.name} is missing`
    const problem =
      policy === POLICY.compatible
        ? checkCompatible(before, module)
        : checkIncluded(before, module, policy === POLICY.dependenciesOnly)
    if (problem !== undefined) return `${before.name}: ${problem}`
  }
  return undefined
}

function checkDatatypes(before: ModuleContents, after: ModuleContents): string | undefined {
  for (const [name, content] of before.datatypes) {
    const now = after.datatypes.get(name)
    if (now === undefined) return `type ${name} is missing`
    if (now !== content) return `type ${name} has changed`
  }
  return undefined
}

function checkCompatible(before: ModuleContents, after: ModuleContents): string | undefined {
  for (const [name, fn] of before.functions) {
    if (!fn.isPublic) continue
    const now = after.functions.get(name)
    if (!now?.isPublic) return `public function ${name} is missing`
    if (now.signature !== fn.signature || !acceptsAll(fn, now)) return `public function ${name} has changed`
  }
  return checkDatatypes(before, after)
}

/** Every type that could be given before can be given now: constraints were at most taken away. */
const acceptsAll = (before: FunctionContents, after: FunctionContents): boolean =>
  before.typeParameters.length === after.typeParameters.length &&
  before.typeParameters.every((constraints, i) => (after.typeParameters[i]! & ~constraints) === 0)

function checkIncluded(before: ModuleContents, after: ModuleContents, exactly: boolean): string | undefined {
  for (const [name, fn] of before.functions) {
    const now = after.functions.get(name)
    if (now === undefined) return `function ${name} is missing`
    if (JSON.stringify(now) !== JSON.stringify(fn)) return `function ${name} has changed`
  }
  for (const friend of before.friends) if (!after.friends.has(friend)) return `friend ${friend} is missing`
  if (exactly) {
    if (after.functions.size !== before.functions.size) return 'a function was added'
    if (after.datatypes.size !== before.datatypes.size) return 'a type was added'
    if (after.friends.size !== before.friends.size) return 'a friend was added'
  }
  return checkDatatypes(before, after)
}
