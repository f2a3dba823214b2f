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

async function compile(name: string, files: MoveFiles): Promise<Compiled> {
  const { modules, dependencies } = await compilePackage({ name, files })
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
