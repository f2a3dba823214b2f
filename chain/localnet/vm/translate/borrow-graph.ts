/** Names a local, a struct's field or a variant's field: equal numbers are the same place. */
export type Label = number

/** How one reference comes from another: along `path`, or along it and then anywhere (`exact` is false). */
interface Edge {
  readonly exact: boolean
  readonly path: readonly Label[]
}

const keyOf = ({ exact, path }: Edge): string => `${exact ? '=' : '~'}${path.join()}`

/** Every edge that `a` stands for too is found by it alone. */
const covers = (a: Edge, b: Edge): boolean =>
  keyOf(a) === keyOf(b) || (!a.exact && a.path.length <= b.path.length && startsWith(b.path, a.path))

const startsWith = (path: readonly Label[], prefix: readonly Label[]): boolean =>
  prefix.every((label, i) => label === path[i])

/** Beyond this, a reference counts as borrowed from anywhere in its parent: Move's MAX_EDGE_SET_SIZE. */
const MAX_EDGES = 10

/** The edges from one reference to another. */
class Edges {
  readonly byKey: Map<string, Edge>
  isFull: boolean

  constructor(byKey = new Map<string, Edge>(), isFull = false) {
    this.byKey = byKey
    this.isFull = isFull
  }

  add(edge: Edge): void {
    if (this.isFull) return
    this.byKey.set(keyOf(edge), edge)
    if (this.byKey.size <= MAX_EDGES) return
    this.byKey.clear()
    const anywhere = { exact: false, path: [] }
    this.byKey.set(keyOf(anywhere), anywhere)
    this.isFull = true
  }

  copy(): Edges {
    return new Edges(new Map(this.byKey), this.isFull)
  }

  *[Symbol.iterator](): Iterator<Edge> {
    yield* this.byKey.values()
  }
}

interface Node {
  readonly isMutable: boolean
  /** references that were made from this one */
  readonly children: Map<number, Edges>
  readonly parents: Set<number>
}

/**
 * Which reference was borrowed from which, and along which fields. This is Move's own model of
 * borrowing (`move-borrow-graph`): code passes here if it passes there.
 */
export class BorrowGraph {
  readonly #nodes = new Map<number, Node>()
  readonly #charge: (steps: number) => void

  constructor(charge: (steps: number) => void) {
    this.#charge = charge
  }

  #node(id: number): Node {
    return this.#nodes.get(id)!
  }

  add(id: number, isMutable: boolean): void {
    this.#nodes.set(id, { isMutable, children: new Map(), parents: new Set() })
  }

  isMutable(id: number): boolean {
    return this.#node(id).isMutable
  }

  #connect(parent: number, child: number, edge: Edge): void {
    this.#charge(2 + edge.path.length)
    const { children } = this.#node(parent)
    let edges = children.get(child)
    if (edges === undefined) {
      edges = new Edges()
      children.set(child, edges)
    }
    edges.add(edge)
    this.#node(child).parents.add(parent)
  }

  /** `child` refers to somewhere in what `parent` refers to. */
  borrowAnywhere(parent: number, child: number): void {
    this.#connect(parent, child, { exact: false, path: [] })
  }

  /**
   * `child` refers to the place at `path` (one field, or none for the same place). What was borrowed from
   * there before counts as borrowed from `child`.
   */
  borrowAt(parent: number, path: readonly Label[], child: number): void {
    const { children } = this.#node(parent)
    for (const [other, edges] of [...children]) {
      for (const [key, edge] of [...edges.byKey]) {
        this.#charge(1)
        if (!startsWith(edge.path, path)) continue
        edges.byKey.delete(key)
        this.#connect(child, other, { exact: edge.exact, path: edge.path.slice(path.length) })
      }
      if (edges.byKey.size > 0) continue
      children.delete(other)
      this.#node(other).parents.delete(parent)
    }
    this.#connect(parent, child, { exact: true, path })
  }

  /** The reference is gone; what was borrowed from it is borrowed from where it came from. */
  release(id: number): void {
    const { children, parents } = this.#node(id)
    this.#nodes.delete(id)
    for (const child of children.keys()) this.#node(child).parents.delete(id)
    for (const parent of parents) {
      const above = this.#node(parent).children.get(id)!
      this.#node(parent).children.delete(id)
      for (const upper of above)
        for (const [child, below] of children)
          if (child !== parent)
            for (const lower of below)
              this.#connect(parent, child, {
                exact: upper.exact && lower.exact,
                path: upper.exact ? [...upper.path, ...lower.path] : upper.path,
              })
    }
  }

  /** Whether something else refers to the same place as `id`, or to anything that holds for. */
  hasAliases(id: number): boolean {
    for (const edges of this.#node(id).children.values())
      for (const { path } of edges) if (path.length === 0) return true
    return false
  }

  /** Whether another reference lies in what `id` refers to: in its field `label`, when there is one. */
  isBorrowed(id: number, { label, mutably = false }: { label?: Label; mutably?: boolean } = {}): boolean {
    for (const [child, edges] of this.#node(id).children) {
      this.#charge(1)
      if (mutably && !this.isMutable(child)) continue
      for (const { path } of edges)
        if (path.length === 0 || label === undefined || path[0] === label) return true
    }
    return false
  }

  /** Gives references other numbers. */
  rename(names: ReadonlyMap<number, number>): void {
    const nameOf = (id: number): number => names.get(id) ?? id
    const nodes = [...this.#nodes]
    this.#charge(2 * nodes.length)
    this.#nodes.clear()
    for (const [id, { isMutable, children, parents }] of nodes)
      this.#nodes.set(nameOf(id), {
        isMutable,
        children: new Map([...children].map(([child, edges]) => [nameOf(child), edges])),
        parents: new Set([...parents].map(nameOf)),
      })
  }

  copy(): BorrowGraph {
    const copied = new BorrowGraph(this.#charge)
    for (const [id, { isMutable, children, parents }] of this.#nodes) {
      this.#charge(2 + 4 * children.size)
      copied.#nodes.set(id, {
        isMutable,
        children: new Map([...children].map(([child, edges]) => [child, edges.copy()])),
        parents: new Set(parents),
      })
    }
    return copied
  }

  /** Adds what another graph of the same references knows; answers whether anything is new. */
  join(other: BorrowGraph): boolean {
    let changed = false
    for (const [parent, { children }] of other.#nodes)
      for (const [child, edges] of children)
        for (const edge of edges) {
          const known = this.#node(parent).children.get(child)
          this.#charge(2 + (known?.byKey.size ?? 0))
          if (known !== undefined && [...known].some(existing => covers(existing, edge))) continue
          this.#connect(parent, child, edge)
          changed = true
        }
    return changed
  }
}
