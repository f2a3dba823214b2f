import { dumpMovePackage, initMovePackageBuilder } from '@zktx.io/sui-move-builder/full'
import { type CompileOptions, MoveCompileError } from '../../../move/compiler.ts'
import { LocalFetcher } from '../../../move/fetcher.ts'
import { frameworkPackage } from '../../../move/framework.ts'
import type { MoveFiles } from '../../../move/sources.ts'
import { fullAddress } from '../type-table.ts'
import { type MoveTest, testSources } from './sources.ts'

/** A package and everything that it calls, with its tests, as bytecode. */
export interface CompiledTests {
  modules: Uint8Array[]
  tests: CompiledTest[]
  constants: ReadonlyMap<string, bigint>
}

export interface CompiledTest extends MoveTest {
  /** of the module that holds the test */
  address: string
}

/** Where packages without an address of their own stand while they are tested. */
const FIRST_ADDRESS = 0xf10e0001

/** The `[addresses]` of a manifest. */
function addressesOf(files: MoveFiles): [string, string][] {
  const section = /^\[addresses\]\s*$([\s\S]*?)(?=^\[|$(?![\s\S]))/m.exec(files['Move.toml'] ?? '')?.[1] ?? ''
  return [...section.matchAll(/^\s*(\w+)\s*=\s*"(\w+)"/gm)].map(match => [match[1]!, match[2]!])
}

/**
 * Compiles a package together with its local dependencies and the framework, all as one package, so
 * that the bytecode holds the tests and what they call.
 * @throws MoveCompileError
 */
export async function compileTests({ name, files, locals = {} }: CompileOptions): Promise<CompiledTests> {
  await initMovePackageBuilder()
  const framework = frameworkPackage()
  const sources: Record<string, string> = {}
  const addresses = new Map<string, string>()
  const packages: [string, MoveFiles][] = [['framework', framework], ...Object.entries(locals), [name, files]]
  let next = FIRST_ADDRESS
  for (const [folder, content] of packages) {
    for (const [path, text] of Object.entries(content))
      if (path.endsWith('.move')) sources[`sources/${folder}/${path}`] = text
    for (const [named, address] of addressesOf(content)) {
      const isFree = BigInt(address) === 0n
      if (isFree || !addresses.has(named))
        addresses.set(named, isFree ? `0x${(next++).toString(16)}` : address)
    }
  }
  const { files: ordinary, tests, constants } = testSources(sources)
  const manifest = [
    framework['Move.toml']!.replace(/\[addresses\][\s\S]*/, ''),
    '[addresses]',
    ...[...addresses].map(([named, address]) => `${named} = "${address}"`),
    '',
  ].join('\n')
  const result = await dumpMovePackage({
    files: { ...ordinary, 'Move.toml': manifest },
    fetcher: new LocalFetcher(),
    network: 'testnet',
    silenceWarnings: true,
  })
  if ('error' in result) throw new MoveCompileError(name, result.error)
  return {
    modules: result.modules.map(text => Uint8Array.from(Buffer.from(text, 'base64'))),
    tests: tests.map(test => {
      const [named = ''] = test.module.split('::')
      return { ...test, address: fullAddress(addresses.get(named) ?? named) }
    }),
    constants,
  }
}
