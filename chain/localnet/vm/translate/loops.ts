import { fallsThrough, jumps } from './control-flow.ts'
import type { Scope } from './scope.ts'

const MAX_BLOCKS = 1024 // Sui's max_basic_blocks
const MAX_LOOP_DEPTH = 5 // Sui's max_loop_depth

interface Graph {
  /** blocks by number, in reverse postorder: a block comes after those that lead to it, loops aside */
  before: number[][]
}

/** The blocks that can be reached. Block 0 is the entry. */
function graphOf(scope: Scope, starts: readonly boolean[]): Graph {
  const { instructions } = scope.code
  const after = new Map<number, readonly number[]>()
  const successors = (start: number): readonly number[] => {
    let known = after.get(start)
    if (known !== undefined) return known
    for (let position = start; ; position++) {
      scope.charge(1)
      const instruction = instructions[position]!
      const targets = jumps(scope, instruction)
      const falls = fallsThrough(instruction)
      if (falls && targets.length === 0 && !starts[position + 1]) continue
      known = falls ? [...targets, position + 1] : targets
      after.set(start, known)
      return known
    }
  }
  const postorder: number[] = []
  const seen = new Set([0])
  const path = [{ start: 0, rest: [...successors(0)] }]
  for (let top = path.at(-1); top; top = path.at(-1)) {
    const to = top.rest.pop()
    if (to === undefined) postorder.push(path.pop()!.start)
    else if (!seen.has(to)) {
      seen.add(to)
      path.push({ start: to, rest: [...successors(to)] })
    }
  }
  const numbers = new Map(postorder.reverse().map((start, number) => [start, number]))
  const before: number[][] = postorder.map(() => [])
  for (const [start, number] of numbers)
    for (const to of new Set(successors(start))) before[numbers.get(to)!]!.push(number)
  return { before }
}

/** The closest block that every path to a block goes through (Cooper, Harvey and Kennedy). */
function dominators({ before }: Graph, charge: (steps: number) => void): readonly number[] {
  const dominator: (number | undefined)[] = before.map(() => undefined)
  dominator[0] = 0
  const common = (a: number, b: number): number => {
    let [x, y] = [a, b]
    while (x !== y) {
      charge(1)
      if (x > y) x = dominator[x]!
      else y = dominator[y]!
    }
    return x
  }
  for (let changed = true; changed; ) {
    changed = false
    for (let block = 1; block < before.length; block++) {
      const known = before[block]!.filter(from => dominator[from] !== undefined)
      const found = known.reduce(common)
      if (dominator[block] === found) continue
      dominator[block] = found
      changed = true
    }
  }
  return dominator as number[]
}

/**
 * Move's rules about loops: each is entered at one place only, and they nest five deep at most. They
 * keep the analyses that follow from taking long.
 */
export function checkLoops(scope: Scope, starts: readonly boolean[]): void {
  if (starts.filter(isStart => isStart).length > MAX_BLOCKS) throw scope.fail('too many basic blocks')
  const graph = graphOf(scope, starts)
  const charge = (steps: number): void => scope.charge(steps)
  const dominator = dominators(graph, charge)
  const dominates = (head: number, block: number): boolean => {
    let at = block
    for (; at > head; at = dominator[at]!) charge(1)
    return at === head
  }
  const depths = new Map<number, number>()
  // inner loops have later heads
  for (let head = graph.before.length - 1; head >= 0; head--) {
    const back = graph.before[head]!.filter(from => from >= head)
    if (back.length === 0) continue
    if (!back.every(from => dominates(head, from))) throw scope.fail('a loop has more than one entry')
    const body = new Set([head])
    const work = [...back]
    for (let block = work.pop(); block !== undefined; block = work.pop()) {
      charge(1)
      if (body.has(block)) continue
      body.add(block)
      work.push(...graph.before[block]!)
    }
    let depth = 1
    for (const block of body) depth = Math.max(depth, 1 + (depths.get(block) ?? 0))
    if (depth > MAX_LOOP_DEPTH) throw scope.fail('loops nest too deep')
    depths.set(head, depth)
  }
}
