import { fromHex, normalizeSuiAddress } from '@mysten/sui/utils'
import { blake2b } from '@noble/hashes/blake2.js'

/**
 * Addresses that stand in compiled bytecode for packages that are published first. A module names other
 * packages in its address table as 32 raw bytes, so linking is to put the real ID in their place.
 */
export const PLACEHOLDERS = {
  wal: '0xf10e57414c00f10e57414c00f10e57414c00f10e57414c00f10e57414c00f10e',
} as const

export type Links = Partial<Record<keyof typeof PLACEHOLDERS, string>>

/** Bytecode and dependencies with every placeholder replaced by the ID that `links` gives it. */
export function linkPackage(
  compiled: { modules: readonly Uint8Array[]; dependencies: readonly string[] },
  links: Links,
): { modules: Uint8Array[]; dependencies: string[] } {
  let modules: Uint8Array[] = compiled.modules.map(module => module.slice())
  let dependencies = [...compiled.dependencies]
  for (const [name, id] of Object.entries(links)) {
    const placeholder = PLACEHOLDERS[name as keyof typeof PLACEHOLDERS]
    const real = normalizeSuiAddress(id)
    modules = modules.map(module => replaceAll(module, fromHex(placeholder), fromHex(real)))
    dependencies = dependencies.map(dependency => (dependency === placeholder ? real : dependency))
  }
  return { modules, dependencies }
}

/** Sui's digest of a package, which an upgrade ticket carries: hash of the sorted module hashes and dependency IDs. */
export function packageDigest(modules: readonly Uint8Array[], dependencies: readonly string[]): Uint8Array {
  const parts = [
    ...modules.map(module => blake2b(module, { dkLen: 32 })),
    ...dependencies.map(id => fromHex(normalizeSuiAddress(id))),
  ]
  const hash = blake2b.create({ dkLen: 32 })
  for (const part of parts.sort(Buffer.compare)) {
    hash.update(part)
  }
  return hash.digest()
}

function replaceAll(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes)
  for (let at = buffer.indexOf(from); at >= 0; at = buffer.indexOf(from, at + to.length)) {
    buffer.set(to, at)
  }
  return new Uint8Array(buffer)
}
