import type { BoundModule } from './bindings.ts'
import type { SurfaceModule } from './surface.ts'

export interface Difference {
  where: string
  theirs: string
  ours: string
}

/** Every type and function of the bindings that our modules lack or have otherwise. */
export function compareSurfaces(bindings: BoundModule[], surface: SurfaceModule[]): Difference[] {
  return bindings.flatMap(bound => {
    const ours = surface.find(({ name }) => name === bound.name)
    if (ours == null) {
      return [{ where: bound.name, theirs: 'module', ours: 'absent' }]
    }
    const types = bound.types.flatMap(type =>
      difference(
        `${bound.name}::${type.name}`,
        JSON.stringify(type.fields),
        JSON.stringify(ours.types.find(({ name }) => name === type.name)?.fields ?? 'absent'),
      ),
    )
    const functions = bound.functions.flatMap(fn =>
      difference(
        `${bound.name}::${fn.name}`,
        JSON.stringify(fn.parameters),
        JSON.stringify(ours.functions.find(({ name }) => name === fn.name)?.parameters ?? 'absent'),
      ),
    )
    return [...types, ...functions]
  })
}

const difference = (where: string, theirs: string, ours: string): Difference[] =>
  theirs === ours ? [] : [{ where, theirs, ours }]
