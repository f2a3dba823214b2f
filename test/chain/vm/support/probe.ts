import { fileURLToPath } from 'node:url'
import { parseModule } from '../../../../chain/localnet/vm/format/parse.ts'
import {
  type Address,
  createVm,
  type LoadedFunction,
  Meter,
  type Value,
  type Vm,
} from '../../../../chain/localnet/vm/index.ts'
import { TestContext } from '../../../../chain/localnet/vm/testing/context.ts'
import { type CompiledTests, compileTests } from '../../../../chain/localnet/vm/testing/index.ts'
import type { CompileOptions } from '../../../../chain/move/compiler.ts'
import { readMoveFiles } from '../../../../chain/move/sources.ts'

/** The Move package that these tests are about. */
export const probePackage = (): CompileOptions => ({
  name: 'probe',
  files: readMoveFiles(fileURLToPath(new URL('../move', import.meta.url))),
})

export interface Probe {
  compiled: CompiledTests
  /** bytecode by address, in an order in which it can be loaded */
  packages: [Address, Uint8Array[]][]
  /** address of the probe's own modules */
  address: Address
}

function groupByAddress(modules: readonly Uint8Array[]): [Address, Uint8Array[]][] {
  const byAddress = new Map<Address, Uint8Array[]>()
  for (const bytes of modules) {
    const { moduleHandles, self } = parseModule(bytes)
    const { address } = moduleHandles[self]!
    byAddress.set(address, [...(byAddress.get(address) ?? []), bytes])
  }
  return [...byAddress].sort(([a], [b]) => (a < b ? -1 : 1))
}

let compiling: Promise<Probe> | undefined

/** The package and the framework with it, compiled once for all tests. */
export function compileProbe(): Promise<Probe> {
  compiling ??= compile()
  return compiling
}

async function compile(): Promise<Probe> {
  const compiled = await compileTests(probePackage())
  const packages = groupByAddress(compiled.modules)
  return { compiled, packages, address: packages.at(-1)![0] }
}

/** Loads what was compiled; `address` is that of the package itself. */
export function loadPackages(
  modules: readonly Uint8Array[],
  vm: Vm = createVm(),
): { vm: Vm; address: Address } {
  const packages = groupByAddress(modules)
  for (const [id, group] of packages) vm.loadPackage({ id, modules: group })
  return { vm, address: packages.at(-1)![0] }
}

export const loadProbe = ({ compiled }: Probe, vm?: Vm): Vm => loadPackages(compiled.modules, vm).vm

export const contextWith = (steps = 10_000_000): TestContext => new TestContext(new Meter({ steps }))

/** Calls `module::function` of the probe; type arguments as text. */
export function caller(vm: Vm, address: Address) {
  return (path: string, args: Value[] = [], types: string[] = [], context = contextWith()): Value[] => {
    const [module = '', name = ''] = path.split('::')
    const fn: LoadedFunction = vm.function(address, module, name)
    return vm.call(
      fn,
      types.map(type => vm.types.fromTag(type.replaceAll('probe::', `${address}::`))),
      args,
      context,
    )
  }
}
