import { nodeModule } from '../../base/node-module.ts'
import { CodecError } from '../errors.ts'
import type { KernelBuild, ReadKernel } from '../interface.ts'
import type { Kernel } from './phase.ts'

/**
 * Compiles the build that was asked for, or the fastest that the engine takes. Throws KERNEL_MISSING when the project
 * has not been built.
 */
export async function loadKernel(
  shared: boolean,
  build?: KernelBuild,
  read: ReadKernel = readBinary,
): Promise<WebAssembly.Module> {
  const builds: KernelBuild[] = build === undefined ? ['relaxed', 'plain'] : [build]
  for (const name of builds) {
    const binary = await read(`kernel-${name}${shared ? '-threads' : ''}.wasm`)
    if (WebAssembly.validate(binary)) return WebAssembly.compile(binary)
  }
  throw new CodecError('KERNEL_MISSING', `this engine does not run the kernel (${builds.join(', ')})`, {})
}

export function instantiateKernel(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernel {
  return new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernel
}

async function readBinary(name: string): Promise<BufferSource> {
  const url = new URL(`../build/${name}`, import.meta.url)
  try {
    const files = url.protocol === 'file:' ? nodeModule('node:fs/promises') : undefined
    if (files !== undefined) return await files.readFile(url)
    const response = await fetch(url)
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return await response.arrayBuffer()
  } catch (cause) {
    throw new CodecError('KERNEL_MISSING', `${name} is missing: run "npm run build"`, {}, { cause })
  }
}
