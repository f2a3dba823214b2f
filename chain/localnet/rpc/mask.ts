import { type MessageShape, messageOf } from './message-shape.ts'
import { invalid, limited } from './status.ts'

type Tree = Map<string, Tree>

/** More than any message of the API has; looked at before a path is split. */
export const MASK_LIMITS = { maxPaths: 256, maxPathLength: 512, maxDepth: 16 } as const

/** Which fields a caller asked for: dotted paths of proto names; a path stands for all that is below it. */
export class Mask {
  readonly #tree: Tree

  private constructor(tree: Tree) {
    this.#tree = tree
  }

  /**
   * @param defaults paths when the caller gave no mask
   * @throws RpcStatus INVALID_ARGUMENT for a mask beyond MASK_LIMITS
   */
  static of(mask: { paths: string[] } | undefined, defaults: readonly string[]): Mask {
    const paths = mask !== undefined && mask.paths.length > 0 ? mask.paths : defaults
    if (paths.length > MASK_LIMITS.maxPaths)
      throw limited('size', `read_mask has ${paths.length} paths, at most ${MASK_LIMITS.maxPaths} are read`)
    const tree: Tree = new Map()
    for (const path of paths) add(tree, namesOf(path))
    return new Mask(tree)
  }

  /** Something at or below the path is wanted. */
  wants(path: string): boolean {
    let tree = this.#tree
    for (const name of path.split('.')) {
      if (isAll(tree)) return true
      const next = tree.get(name)
      if (next === undefined) return false
      // a path that ends here stands for all that is below it
      if (next.size === 0) return true
      tree = next
    }
    return true
  }

  /** The mask of a field's message. */
  at(path: string): Mask {
    let tree = this.#tree
    for (const name of path.split('.')) {
      if (isAll(tree)) return this
      tree = tree.get(name) ?? new Map([['', new Map()]])
      if (tree.size === 0) break
    }
    return new Mask(tree.size === 0 ? new Map([['*', new Map()]]) : tree)
  }

  /** The mask of a message that has this one's message in the field. */
  under(name: string): Mask {
    return new Mask(new Map([[name, this.#tree]]))
  }

  /** Throws INVALID_ARGUMENT for a path that the message does not have. */
  check(type: MessageShape): this {
    check(type, this.#tree)
    return this
  }

  /** Removes what was not asked for; changes and answers the message. */
  prune<T extends object>(type: MessageShape, message: T): T {
    prune(type, message as Record<string, unknown>, this.#tree)
    return message
  }
}

const isAll = (tree: Tree): boolean => tree.has('*')

function namesOf(path: string): string[] {
  if (path.length > MASK_LIMITS.maxPathLength)
    throw limited(
      'size',
      `a path of read_mask has ${path.length} characters, at most ${MASK_LIMITS.maxPathLength}`,
    )
  const names = path.split('.')
  if (names.length > MASK_LIMITS.maxDepth)
    throw limited(
      'depth',
      `a path of read_mask is ${names.length} levels deep, at most ${MASK_LIMITS.maxDepth}`,
    )
  if (names.includes('')) throw invalid(`invalid read_mask path: ${path}`)
  return names
}

function add(root: Tree, names: readonly string[]): void {
  let tree = root
  for (const [i, name] of names.entries()) {
    const below = tree.get(name)
    // an empty tree below a name: all of it, which a longer path does not narrow
    if (below?.size === 0) return
    const next = below ?? new Map()
    tree.set(name, next)
    if (i === names.length - 1) next.clear()
    tree = next
  }
}

/** google.protobuf.* are values to the mask: nothing below them can be asked for. */
const isValue = (type: MessageShape | undefined): boolean =>
  type?.typeName.startsWith('google.protobuf.') ?? true

function check(type: MessageShape, tree: Tree): void {
  for (const [name, below] of tree) {
    if (name === '*' || name === '') continue
    const field = type.fields.find(candidate => candidate.name === name || candidate.localName === name)
    if (field === undefined) throw invalid(`invalid read_mask path: ${type.typeName} has no field ${name}`)
    const next = messageOf(field)
    if (next !== undefined && !isValue(next)) check(next, below)
  }
}

function prune(type: MessageShape, message: Record<string, unknown>, tree: Tree): void {
  if (isAll(tree)) return
  for (const field of type.fields) {
    const below = tree.get(field.name) ?? tree.get(field.localName)
    const holder =
      field.oneof !== undefined ? (message[field.oneof] as Record<string, unknown> | undefined) : message
    if (field.oneof !== undefined && holder?.oneofKind !== field.localName) continue
    if (below === undefined) {
      if (field.oneof !== undefined) message[field.oneof] = { oneofKind: undefined }
      else if (field.repeat) message[field.localName] = []
      else if (field.kind === 'map') message[field.localName] = {}
      else delete message[field.localName]
      continue
    }
    const value = holder?.[field.localName]
    const next = messageOf(field)
    if (below.size === 0 || value === undefined || next === undefined || isValue(next)) continue
    for (const one of field.repeat
      ? (value as Record<string, unknown>[])
      : [value as Record<string, unknown>])
      prune(next, one, below)
  }
}
