const DECLARATION = /\buse\s+([^;]+);/g

/** Ends before the brace that closes the group which starts at `from`. */
function groupEnd(text: string, from: number): number {
  let depth = 0
  for (let i = from; i < text.length; i++) {
    if (text[i] === '{') depth++
    if (text[i] === '}' && --depth === 0) return i
  }
  return text.length
}

/** `a, b::{c, d}, e` at its top level. */
function members(text: string): string[] {
  const items: string[] = []
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    if (text[i] === '{') i = groupEnd(text, i)
    if (i < text.length && text[i] !== ',') continue
    items.push(text.slice(from, i).trim())
    from = i + 1
  }
  return items.filter(item => item !== '')
}

/** Adds what one `use` brings in: the name it has here and its full path. */
function collect(prefix: string, tree: string, into: Map<string, string>): void {
  const open = tree.indexOf('{')
  if (open >= 0) {
    const path = `${prefix}${tree.slice(0, open).replaceAll(/\s/g, '')}`
    for (const member of members(tree.slice(open + 1, groupEnd(tree, open)))) collect(path, member, into)
    return
  }
  const [, name = '', alias] = /^([\w:\s]+?)(?:\s+as\s+(\w+))?$/.exec(tree) ?? []
  const full = `${prefix}${name.replaceAll(/\s/g, '')}`.replace(/::Self$/, '')
  const local = alias ?? full.split('::').at(-1)
  if (local !== '') into.set(local, full)
}

/** What the `use` declarations of a module's source bring in, by the names that they have there. */
export function importsOf(code: string): Map<string, string> {
  const imports = new Map<string, string>()
  for (const match of code.matchAll(DECLARATION))
    if (!/^fun\b/.test(match[1]!)) collect('', match[1]!.trim(), imports)
  return imports
}
