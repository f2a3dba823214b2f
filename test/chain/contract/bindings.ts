import { readdirSync, readFileSync } from 'node:fs'

/** A struct or enum as the generated bindings of `@mysten/walrus` describe it; types in our notation. */
export interface BoundType {
  name: string
  /** fields of a struct by name, of a tuple as `pos0`, of an enum by variant (`null`: no field) */
  fields: { name: string; type: string | null }[]
}

export interface BoundFunction {
  name: string
  /** `null`: an object, a pure value of a struct type, or anything else that the bindings do not name */
  parameters: (string | null)[]
}

export interface BoundModule {
  name: string
  types: BoundType[]
  functions: BoundFunction[]
}

/**
 * The bindings in full. What is installed as JavaScript lacks everything that the SDK itself does not use; the
 * source maps beside it hold the whole generated source.
 */
export function readBindings(): BoundModule[] {
  const folder = new URL('./contracts/walrus/', import.meta.resolve('@mysten/walrus'))
  return readdirSync(folder)
    .filter(file => file.endsWith('.mjs.map'))
    .sort()
    .map(file => {
      const map = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { sourcesContent: string[] }
      const source = map.sourcesContent[0]!.replace(/\/\*[\s\S]*?\*\//g, '')
      return {
        name: file.replace('.mjs.map', ''),
        types: readTypes(source),
        functions: readFunctions(source),
      }
    })
}

const declaration =
  /export const (\w+) = new Move(Struct|Enum|Tuple)\(\{\s*name: [^,]*?,\s*fields: ([[{])([\s\S]*?)[\]}],?\s*\}\);/g

function readTypes(source: string): BoundType[] {
  return [...source.matchAll(declaration)].map(([, name, , bracket, body]) => {
    const items = splitTop(body!)
    const fields = items.map((item, index) => {
      const [field, text] = bracket === '[' ? [`pos${index}`, item] : splitOnce(item)
      return { name: field!, type: text === 'null' ? null : boundType(text) }
    })
    // A struct without fields has an unnamed flag in the bytecode; for `struct Key()` the bindings call it a tuple.
    const isEmptyTuple = bracket === '[' && fields.length === 1 && fields[0]!.type === 'bool'
    return { name: name!, fields: isEmptyTuple ? [{ name: 'dummy_field', type: 'bool' }] : fields }
  })
}

function readFunctions(source: string): BoundFunction[] {
  return source
    .split(/(?=export function )/)
    .filter(block => block.includes('tx.moveCall'))
    .map(block => ({
      name: /function: '(\w+)'/.exec(block)![1]!,
      parameters: splitTop(/argumentsTypes = \[([\s\S]*?)\] satisfies/.exec(block)?.[1] ?? '').map(item =>
        item === 'null' ? null : bindingTag(item.slice(1, -1)),
      ),
    }))
}

/** `vector<null>` and type parameters say nothing about the type. */
const bindingTag = (tag: string) => (/null|\$\{/.test(tag) ? null : tag)

/** `bcs.option(bcs.u32())` -> `option<u32>`, `storage_resource.Storage` -> `Storage`. */
export function boundType(text: string): string {
  const trimmed = text.trim()
  const call = /^(?:\w+\.)?(\w+)(?:\(([\s\S]*)\))?$/.exec(trimmed)
  if (call == null) {
    throw new Error(`cannot read the type ${trimmed}`)
  }
  const inner = splitTop(call[2] ?? '').map(boundType)
  const name = call[1] === 'Address' ? 'address' : call[1]
  return inner.length === 0 ? name! : `${name}<${inner.join(',')}>`
}

function splitOnce(item: string): [string, string] {
  const at = item.indexOf(':')
  return [item.slice(0, at).trim(), item.slice(at + 1).trim()]
}

/** Splits at the commas that stand in no bracket. */
function splitTop(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const char of text) {
    depth += '([{<'.includes(char) ? 1 : ')]}>'.includes(char) ? -1 : 0
    if (char === ',' && depth === 0) {
      parts.push(part)
      part = ''
    } else {
      part += char
    }
  }
  return [...parts, part].map(item => item.trim()).filter(item => item !== '')
}
