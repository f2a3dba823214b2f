import type { CompiledModule, Token } from '../format/module.ts'
import { malformed } from '../format/reader.ts'
import type { Meter } from '../meter.ts'

const CALL_GENERIC = 0x38

interface Edge {
  to: number
  /** the type argument is more than the parameter itself */
  grows: boolean
}

function parametersIn(type: Token): number[] {
  switch (type.kind) {
    case 'parameter':
      return [type.index]
    case 'vector':
      return parametersIn(type.element)
    case 'reference':
      return parametersIn(type.target)
    case 'datatype':
      return type.typeArguments.flatMap(parametersIn)
    default:
      return []
  }
}

/** From each function's type parameter to those that it is given to. Nodes are numbered by function and parameter. */
function graphOf(module: CompiledModule, meter: Meter): Map<number, Edge[]> {
  const definitionOf = new Map(module.functions.map(({ handle }, index) => [handle, index]))
  const node = (fn: number, parameter: number): number => fn * 2 ** 16 + parameter
  const graph = new Map<number, Edge[]>()
  module.functions.forEach(({ code }, caller) => {
    for (const { opcode, operand } of code?.instructions ?? []) {
      meter.charge(1)
      const call = opcode === CALL_GENERIC ? module.functionInstantiations[Number(operand)] : undefined
      const callee = call && definitionOf.get(call.target)
      if (call === undefined || callee === undefined) continue
      module.signatures[call.signature]!.forEach((type, parameter) => {
        for (const index of new Set(parametersIn(type))) {
          meter.charge(10)
          const from = node(caller, index)
          const edges = graph.get(from) ?? []
          edges.push({ to: node(callee, parameter), grows: type.kind !== 'parameter' })
          graph.set(from, edges)
        }
      })
    }
  })
  return graph
}

/** Numbers the strongly connected parts of a graph (Kosaraju's two walks, without recursion). */
function components(graph: ReadonlyMap<number, readonly Edge[]>): Map<number, number> {
  const walk = (
    starts: Iterable<number>,
    next: (node: number) => readonly number[],
    leave: (node: number, start: number) => void,
  ): void => {
    const seen = new Set<number>()
    for (const start of starts) {
      const path: { node: number; rest: number[] }[] = []
      const enter = (node: number): void => {
        if (seen.has(node)) return
        seen.add(node)
        path.push({ node, rest: [...next(node)] })
      }
      enter(start)
      for (let top = path.at(-1); top; top = path.at(-1)) {
        const to = top.rest.pop()
        if (to !== undefined) enter(to)
        else leave(path.pop()!.node, start)
      }
    }
  }
  const backwards = new Map<number, number[]>()
  for (const [from, edges] of graph)
    for (const { to } of edges) backwards.set(to, [...(backwards.get(to) ?? []), from])
  const order: number[] = []
  walk(
    graph.keys(),
    node => (graph.get(node) ?? []).map(edge => edge.to),
    node => order.push(node),
  )
  const part = new Map<number, number>()
  walk(
    order.reverse(),
    node => backwards.get(node) ?? [],
    (node, start) => part.set(node, start),
  )
  return part
}

/** Generic functions of a module must not call each other in a circle with types that grow. */
export function checkInstantiationLoops(module: CompiledModule, meter: Meter): void {
  const graph = graphOf(module, meter)
  const part = components(graph)
  for (const [from, edges] of graph)
    for (const { to, grows } of edges)
      if (grows && part.get(from) === part.get(to))
        throw malformed('generic functions call each other with ever larger types')
}
