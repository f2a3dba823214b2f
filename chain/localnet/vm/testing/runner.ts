import { VmError, type VmFailure } from '../errors.ts'
import { parseModule } from '../format/parse.ts'
import { Meter } from '../meter.ts'
import type { BlsVerifier, LoadedFunction, NativeTable, Vm } from '../types.ts'
import type { Value } from '../values.ts'
import { createVm } from '../vm.ts'
import type { ExpectedFailure } from './attributes.ts'
import type { CompiledTest, CompiledTests } from './compile.ts'
import { testNatives } from './natives.ts'
import { printed, randomOf, randomValue } from './random.ts'
import { Scenario } from './scenario.ts'

export interface TestResult {
  /** `address::module::function` by named address */
  name: string
  passed: boolean
  /** why it did not pass */
  reason?: string
}

export interface TestOptions {
  /** runs the tests whose name holds this text */
  filter?: string
  bls?: BlsVerifier
  /** steps that one test may take */
  steps?: number
  /** what the arguments of random tests are drawn from */
  seed?: number
  /** how often random tests run */
  runs?: number
}

const DEFAULT_STEPS = 200_000_000 // some ten seconds
const DEFAULT_RUNS = 10 // as the Move command line does

/** Runs the tests of a package on this VM, each with objects of its own. */
export function runMoveTests(compiled: CompiledTests, options: TestOptions = {}): TestResult[] {
  const { filter = '', bls, steps = DEFAULT_STEPS, seed = 0, runs = DEFAULT_RUNS } = options
  // natives belong to a VM, objects to a test: the table forwards to the test that is running
  let natives: NativeTable = {}
  const forward: NativeTable = Object.fromEntries(
    Object.keys(testNatives(new Scenario(new Meter({ steps: 0 })))).map(name => [
      name,
      (call, types, args) => natives[name]!(call, types, args),
    ]),
  )
  const vm = loadModules(compiled.modules, createVm({ natives: forward, bls }))
  return compiled.tests
    .map(test => ({ test, name: `${test.module}::${test.name}` }))
    .filter(({ name }) => name.includes(filter))
    .map(({ test, name }) => {
      const fn = vm.function(test.address, test.module.split('::')[1]!, test.name)
      const isRandom = fn.parameters.length > 0
      const random = randomOf(`${name} ${seed}`)
      for (let round = 0; round < (isRandom ? runs : 1); round++) {
        const scenario = new Scenario(new Meter({ steps }))
        natives = testNatives(scenario)
        const args = fn.parameters.map(type => randomValue(random, type))
        const shown = isRandom ? ` (seed ${seed}, arguments ${printed(args)})` : ''
        const reason = judge(vm, test, run(vm, fn, args, scenario), compiled.constants)
        if (reason !== undefined) return { name, passed: false, reason: `${reason}${shown}` }
      }
      return { name, passed: true }
    })
}

/** Loads modules grouped by their address, each after those that it names. */
export function loadModules(modules: readonly Uint8Array[], vm: Vm): Vm {
  const groups = new Map<string, { bytes: Uint8Array[]; names: Set<string> }>()
  for (const bytes of modules) {
    const { moduleHandles, self } = parseModule(bytes)
    const { address } = moduleHandles[self]!
    const group = groups.get(address) ?? { bytes: [], names: new Set() }
    groups.set(address, group)
    group.bytes.push(bytes)
    for (const handle of moduleHandles) group.names.add(handle.address)
  }
  const load = (id: string): void => {
    const group = groups.get(id)
    if (group === undefined) return
    groups.delete(id)
    for (const name of group.names) load(name)
    vm.loadPackage({ id, modules: group.bytes })
  }
  for (const id of [...groups.keys()]) load(id)
  return vm
}

function run(vm: Vm, fn: LoadedFunction, args: readonly Value[], scenario: Scenario): VmFailure | undefined {
  try {
    vm.call(fn, [], [...args], scenario.context)
    return undefined
  } catch (error) {
    if (error instanceof VmError) return error.failure
    throw error
  }
}

/** What is wrong with how a test ended; undefined when it ended as it should. */
function judge(
  vm: Vm,
  test: CompiledTest,
  failure: VmFailure | undefined,
  constants: ReadonlyMap<string, bigint>,
): string | undefined {
  const { expectedFailure: expected } = test
  if (expected === undefined)
    return failure !== undefined ? `it failed: ${new VmError(failure).message}` : undefined
  if (failure === undefined) return 'it should have failed'
  const problem = mismatch(vm, test, expected, failure, constants)
  return problem === undefined ? undefined : `${problem}, but: ${new VmError(failure).message}`
}

function mismatch(
  vm: Vm,
  test: CompiledTest,
  expected: ExpectedFailure,
  failure: VmFailure,
  constants: ReadonlyMap<string, bigint>,
): string | undefined {
  if (expected.location !== undefined && 'location' in failure) {
    const module = expected.location.split('::').at(-1)
    if (failure.location?.module !== (module === 'Self' ? test.module.split('::')[1] : module))
      return `it should have failed in ${expected.location}`
  }
  const isPrimitive = failure.kind === 'MovePrimitiveRuntimeError'
  if (expected.arithmeticError)
    return isPrimitive && failure.reason === 'ARITHMETIC_ERROR'
      ? undefined
      : 'an arithmetic error was expected'
  if (expected.vectorError) {
    const isVector = isPrimitive && failure.reason === 'VECTOR_ERROR'
    if (!isVector) return 'a vector error was expected'
    const wanted = expected.minorStatus
    return wanted === undefined || Number(wanted) === failure.subStatus
      ? undefined
      : 'another vector error was expected'
  }
  if (expected.outOfGas)
    return failure.kind === 'InsufficientGas' ? undefined : 'running out of gas was expected'
  if (expected.abortCode === undefined) return undefined
  if (failure.kind !== 'MoveAbort') return `abort ${expected.abortCode} was expected`
  return isExpectedCode(vm, test, expected.abortCode, failure, constants)
    ? undefined
    : `abort ${expected.abortCode} was expected`
}

function isExpectedCode(
  vm: Vm,
  test: CompiledTest,
  wanted: string,
  failure: Extract<VmFailure, { kind: 'MoveAbort' }>,
  constants: ReadonlyMap<string, bigint>,
): boolean {
  if (/^(\d|0x)/.test(wanted)) return failure.code === BigInt(wanted.replaceAll('_', ''))
  const path = wanted.split('::')
  const constant = path.at(-1)!
  const module = path.at(-2) ?? test.module.split('::')[1]!
  const value = constants.get(`${module}::${constant}`)
  if (value !== undefined) return failure.code === value && failure.location.module === module
  // constants marked #[error] abort with a code that names them
  const { address } = failure.location
  return (
    failure.location.module === module &&
    vm.cleverError(address, module, failure.code)?.constantName === constant
  )
}
