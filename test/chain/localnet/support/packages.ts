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
