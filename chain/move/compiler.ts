import {
  dumpMovePackage,
  initMovePackageBuilder,
  type MovePackageFailure,
  prepareMovePackagePublish,
  testMovePackage,
} from '@zktx.io/sui-move-builder/full'
import { CodedError } from '../../base/coded-error.ts'
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
export class MoveCompileError extends CodedError<{ MOVE_COMPILE: { package: string } }> {
  override readonly name = 'MoveCompileError'

  constructor(packageName: string, report: string) {
    const message = `Move package '${packageName}' does not compile:\n${report}`
    super('MOVE_COMPILE', message, { package: packageName })
  }
}

export interface CompileOptions {
  /** for messages */
  name: string
  files: MoveFiles
  /** packages it names as `{ local = "../name" }` */
  locals?: Record<string, MoveFiles>
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: terminal COLOURS are what it matches
const COLOURS = /\u001b\[[0-9;]*m/g

function unwrap<T extends object>(name: string, result: T | MovePackageFailure): T {
  if ('error' in result) {
    throw new MoveCompileError(name, String(result.error).replace(COLOURS, ''))
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
  return { passed, output: output.replace(COLOURS, '') }
}
