import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const root = resolve(import.meta.dirname, '..')

interface Arrow {
  from: string
  to: string
  lazy: boolean
  typeOnly: boolean
}

/** Every `.ts` source below a folder, as paths relative to the project. */
function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map(name => join(folder, name))
    .filter(
      name => name.endsWith('.ts') && !name.split(sep).some(part => part === 'build' || part === 'assembly'),
    )
}

/** Import arrows of a file: to project files (relative paths) or to packages (bare names). */
function arrows(file: string): Arrow[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found: Arrow[] = []
  const add = (target: string, lazy: boolean, typeOnly: boolean) => {
    const to = target.startsWith('.') ? relative(root, resolve(root, dirname(file), target)) : target
    found.push({ from: file, to, lazy, typeOnly })
  }
  for (const match of text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^'"`;]*?from\s*['"]([^'"]+)['"]/gm)) {
    add(match[2]!, false, match[1] !== undefined)
  }
  for (const match of text.matchAll(/^\s*import\s*['"]([^'"]+)['"]/gm)) add(match[1]!, false, false)
  for (const match of text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) add(match[1]!, true, false)
  for (const match of text.matchAll(/new URL\(\s*['"](\.[^'"]+\.ts)['"]/g)) add(match[1]!, true, false)
  return found
}

const folderOf = (path: string) => path.split(sep)[0]
const ours = new Set(['node', 'protocols', 'chain', 'codec', 'base', 'test'])
const all = ['node', 'protocols', 'chain', 'codec', 'base'].flatMap(sources).flatMap(arrows)
const show = (bad: Arrow[]) => bad.map(({ from, to }) => `${from} -> ${to}`).join('\n')
const none = (bad: Arrow[]) => assert.equal(bad.length, 0, `\n${show(bad)}`)

/** The groups of files that import each other's values, directly or around a corner (Tarjan's strong components). */
function circles(found: readonly Arrow[]): string[][] {
  const targets = new Map<string, string[]>()
  for (const { from, to, typeOnly } of found) {
    if (!typeOnly) targets.set(from, [...(targets.get(from) ?? []), to])
  }
  const order = new Map<string, number>()
  const path: string[] = []
  const closed = new Set<string>()
  const groups: string[][] = []
  const visit = (file: string): number => {
    const own = order.size
    order.set(file, own)
    path.push(file)
    let lowest = own
    for (const to of targets.get(file) ?? []) {
      if (!closed.has(to)) lowest = Math.min(lowest, order.get(to) ?? visit(to))
    }
    if (lowest < own) return lowest
    const group = path.splice(path.indexOf(file))
    for (const member of group) closed.add(member)
    if (group.length > 1) groups.push(group.sort())
    return lowest
  }
  for (const file of targets.keys()) if (!order.has(file)) visit(file)
  return groups
}

/** Where a file stands in the picture: a room of node, the localnet, or a top-level folder. Undefined where it is not drawn. */
function room(path: string): string | undefined {
  const [top, second, third] = path.split(sep)
  if (top === 'node') return third === undefined ? undefined : `node/${second}`
  if (top === 'chain') return second === 'localnet' ? 'chain/localnet' : 'chain'
  return top === 'codec' || top === 'protocols' ? top : undefined
}

/** The arrows of the picture, by the rooms' names. */
function drawn(): Set<string> {
  const text = readFileSync(join(root, 'docs', 'architecture.md'), 'utf8')
  const [, picture = ''] = /```mermaid\nflowchart TD\n([\s\S]*?)```/.exec(text) ?? []
  const names = new Map<string, string>()
  for (const [, id, name] of picture.matchAll(/(\w+)\[([^\]]+)\]/g)) names.set(id!, name!)
  const nameOf = (id: string) => names.get(id) ?? id
  const found = new Set<string>()
  for (const [, a, arrow, b] of picture.matchAll(/^ *(\w+)(?:\[[^\]]+\])? (-->|-\. lazily \.->) (\w+)/gm)) {
    found.add(`${nameOf(a!)} ${arrow} ${nameOf(b!)}`)
  }
  return found
}

/** Folders whose services are given `clock` and `random`, and name no timer, clock or random source themselves. */
const CLOCKED: string[] = ['chain', 'protocols', 'node']
/** What starts a program or is what an app calls: these choose the machine's clock unless they are given another. */
const COMPOSITION_ROOTS: string[] = [
  'chain/client/committee-source.ts',
  'chain/client/user-coordinator.ts',
  'chain/genesis/index.ts',
  'chain/localnet/index.ts',
  'node/cli/parts.ts',
  'node/client/client.ts',
  'node/devnet/devnet.ts',
  'node/gateway/gateway.ts',
  'node/page/reader.ts',
  'node/page/ui/page.ts',
  'node/relay/run.ts',
  'node/storage/home/run.ts',
  'node/storage/node.ts',
]

/** What a page does not have, or must not be made to load. */
const NOT_IN_A_PAGE =
  /^node:|^(pino|prom-client|classic-level|datastore-level|bls-eth-wasm|@libp2p\/(tcp|tls))(\/|$)/
/** These ask whether it is there. */
const AWARE_OF_NODE: ReadonlySet<string> = new Set([
  'base/node-module.ts',
  'base/turn.ts',
  'codec/host/copy.ts',
  'codec/host/engine.ts',
  'codec/host/worker.ts',
])

/** A file without its comments, texts and type imports. */
function code(file: string): string {
  return readFileSync(join(root, file), 'utf8')
    .replaceAll(/\/\*[\s\S]*?\*\//g, '')
    .replaceAll(/(^|\s)\/\/.*$/gm, '')
    .replaceAll(/^import type .*$/gm, '')
    .replaceAll(/'[^'\n]*'/g, '')
}

describe('architecture', () => {
  it('sees the project', () => {
    for (const folder of ['node', 'protocols', 'chain', 'codec', 'base']) {
      assert.ok(
        all.some(({ from }) => folderOf(from) === folder),
        `no imports found in ${folder}`,
      )
    }
  })

  it('imports point one way between the five folders', () => {
    const allowed: Record<string, string[]> = {
      base: ['base'],
      codec: ['codec', 'base'],
      protocols: ['protocols', 'codec', 'base'],
      chain: ['chain', 'codec', 'base'],
      node: ['node', 'protocols', 'chain', 'codec', 'base'],
    }
    none(
      all.filter(
        ({ from, to }) => ours.has(folderOf(to)!) && !allowed[folderOf(from)!]!.includes(folderOf(to)!),
      ),
    )
  })

  it('reaches other folders through their front doors', () => {
    const doors: Record<string, RegExp> = {
      codec: /^codec\/(index|types|node|browser)\.ts$/,
      protocols: /^protocols\/(index|ports)\.ts$/,
      chain: /^chain\/(index|amounts|types\/index|networks|genesis\/index|localnet\/index)\.ts$/,
    }
    none(
      all.filter(({ from, to }) => {
        const target = folderOf(to)
        return (
          doors[target!] !== undefined &&
          folderOf(from) !== target &&
          !doors[target!]!.test(to.split(sep).join('/'))
        )
      }),
    )
  })

  it('keeps Sui out of codec and protocols, libp2p out of codec and chain, I/O out of codec', () => {
    const forbidden: Record<string, RegExp> = {
      codec: /^(@mysten\/sui|libp2p|@libp2p\/|node:(net|http|https|dgram|child_process)|datastore-)/,
      protocols: /^(@mysten\/sui|datastore-|node:(fs|net|http|https|dgram|child_process))/,
      chain: /^(libp2p|@libp2p\/|@multiformats\/)/,
    }
    none(all.filter(({ from, to }) => forbidden[folderOf(from)!]?.test(to)))
  })

  it('keeps our nouns and every network out of base', () => {
    none(
      all.filter(({ from, to }) => folderOf(from) === 'base' && /^(@mysten|@?libp2p|@multiformats)/.test(to)),
    )
    const named = sources('base').filter(file =>
      /\b(blobs?|slivers?|shards?|epochs?)\b|(Blob|Sliver|Shard|Epoch)(Id|s)?\b/.test(
        readFileSync(join(root, file), 'utf8'),
      ),
    )
    assert.deepEqual(named, [])
  })

  it('has no circle between files', () => {
    assert.deepEqual(circles(all), [])
  })

  it("uses Walrus's own packages only in tests", () => {
    none(all.filter(({ to }) => /^@mysten\/walrus/.test(to)))
  })

  it('reaches nothing of Node from the doors for pages', () => {
    const reached = new Set<string>([
      'node/client/browser.ts',
      'codec/browser.ts',
      'node/page/reader.ts',
      'node/page/ui/page.ts',
    ])
    for (const file of reached) {
      const found = all.filter(({ from, typeOnly }) => from === file && !typeOnly)
      none(found.filter(({ to }) => NOT_IN_A_PAGE.test(to)))
      for (const { to } of found) if (to.endsWith('.ts')) reached.add(to)
    }
    assert.ok(reached.size > 120)
    const naming = [...reached].filter(
      file =>
        !AWARE_OF_NODE.has(file) &&
        /\b(Buffer|process|global|setImmediate|clearImmediate)\b/.test(code(file)),
    )
    assert.deepEqual(naming, [])
  })

  it('is what the picture in docs/architecture.md shows', () => {
    const measured = new Set<string>()
    for (const { from, to, lazy, typeOnly } of all) {
      const [a, b] = [room(from), room(to)]
      if (typeOnly || a === undefined || b === undefined || a === b) continue
      measured.add(`${a} ${lazy && b === 'chain/localnet' ? '-. lazily .->' : '-->'} ${b}`)
    }
    assert.deepEqual([...drawn()].sort(), [...measured].sort())
  })

  it('keeps client and storage apart, types included', () => {
    none(
      all.filter(({ from, to }) => {
        const pair = [room(from), room(to)].sort().join()
        return pair === 'node/client,node/storage'
      }),
    )
  })

  it('waits for others with limits that do not count its own stalls', () => {
    const plain = ['base', 'codec', 'protocols', 'chain', 'node']
      .flatMap(sources)
      .filter(file => readFileSync(join(root, file), 'utf8').includes('AbortSignal.timeout('))
    assert.deepEqual(plain, [])
  })

  it('takes its time and its chances from what made it, in every service', () => {
    const own =
      /(?<!\.)\b(setTimeout|setInterval|setImmediate|Date\.now|performance\.now|Math\.random|systemClock|systemTimers)\b|new Date\(\)|'node:timers|\{[^}]*\b(sleep|settlesWithin|deadline)\b[^}]*\} from '[./]*base\/(wait|deadline)\.ts'|new (Countdown|StallWatch)\(/
    const naming = CLOCKED.flatMap(sources)
      .filter(file => !COMPOSITION_ROOTS.includes(file.split(sep).join('/')))
      .filter(file => own.test(readFileSync(join(root, file), 'utf8')))
    assert.deepEqual(naming, [])
  })

  it('only the devnet and the localnet command load the localnet and the genesis, lazily', () => {
    none(
      all.filter(({ from, to, lazy, typeOnly }) => {
        if (
          typeOnly ||
          folderOf(from) !== 'node' ||
          !/^chain\/(localnet|genesis)/.test(to.split(sep).join('/'))
        )
          return false
        return !lazy || !/^node\/(devnet|cli\/networks\/localnet)/.test(from.split(sep).join('/'))
      }),
    )
  })
})
