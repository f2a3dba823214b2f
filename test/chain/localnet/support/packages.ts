import { fileURLToPath } from 'node:url'
import { normalizeSuiAddress } from '@mysten/sui/utils'
import { compilePackage } from '../../../../chain/move/compiler.ts'
import { type MoveFiles, readMoveFiles } from '../../../../chain/move/sources.ts'

/** Ready for a Publish command. */
export interface Compiled {
  modules: number[][]
  dependencies: string[]
}

const compiled = new Map<string, Promise<Compiled>>()

async function compile(
  name: string,
  files: MoveFiles,
  locals?: Record<string, MoveFiles>,
): Promise<Compiled> {
  const { modules, dependencies } = await compilePackage({ name, files, locals })
  return {
    modules: modules.map(module => Array.from(Buffer.from(module, 'base64'))),
    dependencies: dependencies.map(id => normalizeSuiAddress(id)),
  }
}

/** A package of `test/chain/localnet/packages`, compiled once a run. */
export function samplePackage(name: string): Promise<Compiled> {
  let result = compiled.get(name)
  if (!result) {
    const folder = fileURLToPath(new URL(`../packages/${name}`, import.meta.url))
    result = compile(name, readMoveFiles(folder, { tests: false }))
    compiled.set(name, result)
  }
  return result
}

const manifest = (name: string) => `[package]
name = "${name}"
edition = "2024"

[addresses]
${name} = "0x0"
`

/** A package of one module from its source. */
export const packageOf = (name: string, source: string): Promise<Compiled> =>
  compile(name, { 'Move.toml': manifest(name), 'sources/source.move': source })

/**
 * Packages that differ in the body of their one module, from one run of the compiler: it compiles all bodies as
 * modules with names of equal length, which are then made the same in the bytecode.
 */
export async function variantsOf(name: string, bodies: readonly string[]): Promise<Compiled[]> {
  const numbered = (i: number) => `${name}_${String(i).padStart(2, '0')}`
  const files: MoveFiles = { 'Move.toml': manifest(name) }
  for (const [i, body] of bodies.entries())
    files[`sources/${numbered(i)}.move`] = `module ${name}::${numbered(i)};\n${body}`
  const { modules, dependencies } = await compile(name, files)
  return bodies.map((_, i) => {
    const module = modules.find(bytes => Buffer.from(bytes).includes(numbered(i)))
    if (!module) throw new Error(`no module ${numbered(i)}`)
    const bytes = Buffer.from(module)
    for (let at = bytes.indexOf(numbered(i)); at >= 0; at = bytes.indexOf(numbered(i), at))
      bytes.write(`${name}_xx`, at)
    return { modules: [Array.from(bytes)], dependencies }
  })
}

/** A package that is published: in this version, with the first version's ID as its address. */
export interface Published {
  name: string
  source: string
  packageId: string
  originalId: string
}

/** A package of one module that calls another package. */
export function dependentOf(name: string, source: string, on: Published): Promise<Compiled> {
  const files = {
    'Move.toml': manifest(name).replace(
      '[addresses]',
      `[dependencies]\n${on.name} = { local = "../${on.name}" }\n\n[addresses]`,
    ),
    'sources/source.move': source,
  }
  const dependency = {
    'Move.toml': manifest(on.name)
      .replace('[package]', `[package]\npublished-at = "${on.packageId}"`)
      .replace('"0x0"', `"${on.originalId}"`),
    'sources/source.move': on.source,
  }
  return compile(name, files, { [on.name]: dependency })
}
