import {
  dumpMovePackage,
  initMovePackageBuilder,
  type MovePackageFailure,
  prepareMovePackagePublish,
  testMovePackage,
} from '@zktx.io/sui-move-builder/full'
import { LocalFetcher } from './fetcher.ts'
import { frameworkPackage } from './framework.ts'
import type { MoveFiles } from './sources.ts'

/** The compiler's output for one package. */
export interface CompiledPackage {
  /** bytecode of each module, base64, in order of dependency */
  modules: string[]
  /** IDs of the packages it calls */
  dependencies: string[]
}

/** Sources do not compile; `message` is the compiler's own report. */
export class MoveCompileError extends Error {
  override readonly name = 'MoveCompileError'
  readonly code = 'MOVE_COMPILE'
  readonly package: string

  constructor(packageName: string, report: string) {
    super(`Move package '${packageName}' does not compile:\n${report}`)
    this.package = packageName
  }
}

export interface CompileOptions {
  /** for messages */
  name: string
  files: MoveFiles
  /** packages it names as `{ local = "../name" }` */
  locals?: Record<string, MoveFiles>
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal colours are what it matches
const colours = /\u001b\[[0-9;]*m/g

function unwrap<T extends object>(name: string, result: T | MovePackageFailure): T {
  if ('error' in result) {
    throw new MoveCompileError(name, String(result.error).replace(colours, ''))
  }
  return result as T
}

/** 'testnet' only selects the manifest section; nothing is fetched from it. */
const input = ({ files, locals }: CompileOptions) => ({
  files,
  fetcher: new LocalFetcher(locals),
  network: 'testnet' as const,
  silenceWarnings: true,
})

/** Compiles the framework subset to the modules of 0x1 and 0x2. */
export async function compileFramework(): Promise<CompiledPackage> {
  await initMovePackageBuilder()
  const options = { name: 'framework', files: frameworkPackage() }
  const { modules, dependencies } = unwrap('framework', await dumpMovePackage(input(options)))
  return { modules, dependencies }
}

/** Compiles a package for a Publish command: its own address is 0x0. */
export async function compilePackage(options: CompileOptions): Promise<CompiledPackage> {
  await initMovePackageBuilder()
  const { modules, dependencies } = unwrap(options.name, await prepareMovePackagePublish(input(options)))
  return { modules, dependencies }
}

/** Runs a package's `#[test]` functions on the compiler's own Move VM (whose BLS accepts every signature). */
export async function testPackage(options: CompileOptions): Promise<{ passed: boolean; output: string }> {
  await initMovePackageBuilder()
  const { passed, output } = unwrap(options.name, await testMovePackage(input(options)))
  return { passed, output: output.replace(colours, '') }
}
