import { abortName } from '../../../../chain/abort-names.ts'
import { createVm, type NativeTable, type Value, VmError } from '../../../../chain/localnet/vm/index.ts'
import { Meter } from '../../../../chain/localnet/vm/meter.ts'
import { compileTests } from '../../../../chain/localnet/vm/testing/index.ts'
import { testNatives } from '../../../../chain/localnet/vm/testing/natives.ts'
import { loadModules } from '../../../../chain/localnet/vm/testing/runner.ts'
import { Scenario } from '../../../../chain/localnet/vm/testing/scenario.ts'
import { walrusPackage } from '../../../../chain/move/contract.ts'

const STEPS = 2_000_000_000
/** Keys are of no interest here, and sums of them slow: every point is this one. */
const POINT = Array.from({ length: 96 }, () => 0)

/** The contract, as `walrus::differential` drives it, on the localnet's VM. Every signature is valid. */
export class Machine {
  readonly #call: (name: string, args: Value[]) => Value[]
  readonly #events: () => string[]
  readonly #ids = new Map<number, string[]>()

  private constructor(call: (name: string, args: Value[]) => Value[], events: () => string[]) {
    this.#call = call
    this.#events = events
  }

  static async create(): Promise<Machine> {
    const { modules, tests } = await compileTests(walrusPackage({ tests: true }))
    const { address } = tests.find(({ module }) => module.startsWith('walrus::'))!
    let natives: NativeTable = {}
    const names = Object.keys(testNatives(new Scenario(new Meter({ steps: 0 }))))
    const forward: NativeTable = Object.fromEntries(
      names.map(name => [name, (call, types, args) => natives[name]!(call, types, args)]),
    )
    const bls: NativeTable = {
      '0x2::bls12381::bls12381_min_pk_verify': () => [true],
      '0x2::group_ops::internal_validate': () => [true],
      '0x2::group_ops::internal_convert': () => [POINT],
      '0x2::group_ops::internal_sum': () => [POINT],
      '0x2::group_ops::internal_sub': () => [POINT],
    }
    const vm = loadModules(modules, createVm({ natives: { ...forward, ...bls } }))
    let scenario = new Scenario(new Meter({ steps: 0 }))
    const call = (name: string, args: Value[]): Value[] => {
      scenario = new Scenario(new Meter({ steps: STEPS }))
      natives = testNatives(scenario)
      return vm.call(vm.function(address, 'differential', name), [], args, scenario.context)
    }
    return new Machine(call, () => epochEventsOf(scenario))
  }

  /** The events of the last history that are about epochs, each as its name and its numbers. */
  epochEvents(): string[] {
    return this.#events()
  }

  /** IDs of the nodes of a world with so many. */
  nodeIds(count: number): string[] {
    const known = this.#ids.get(count)
    if (known) return known
    const [ids] = this.#call('node_ids', [BigInt(count)])
    this.#ids.set(count, ids as string[])
    return ids as string[]
  }

  /** What each step tells, and the state in the end; or `module::ECode` of the abort. */
  history(nShards: number, nodes: readonly bigint[][], steps: readonly bigint[][]): bigint[][] | string {
    try {
      // what a call is given is its own: it may change it
      return this.#call('history', [nShards, copyOf(nodes), copyOf(steps)])[0] as bigint[][]
    } catch (error) {
      return abortOf(error)
    }
  }

  apportion(nShards: number, stakes: readonly bigint[]): number[] {
    return this.#call('apportion', [nShards, [...stakes]])[0] as number[]
  }

  activate(size: number, updates: readonly (readonly bigint[])[]): bigint[][] {
    return this.#call('activate', [size, copyOf(updates)])[0] as bigint[][]
  }

  assign(numbers: readonly (readonly (readonly bigint[])[])[]): bigint[][] {
    return this.#call('assign', [numbers.map(copyOf)])[0] as bigint[][]
  }
}

const EPOCH_EVENTS = /::events::(EpochParametersSelected|EpochChangeStart|EpochChangeDone|ShardsReceived)$/

function epochEventsOf({ context }: Scenario): string[] {
  return context.events.flatMap(({ type, value }) => {
    const name = EPOCH_EVENTS.exec(type.text)?.[1]
    return name === undefined ? [] : [`${name} ${JSON.stringify(value)}`]
  })
}

const copyOf = (rows: readonly (readonly bigint[])[]): bigint[][] => rows.map(row => [...row])

function abortOf(error: unknown): string {
  if (!(error instanceof VmError) || !('location' in error.failure)) throw error
  const { failure } = error
  const module = failure.location?.module ?? ''
  if (failure.kind === 'MoveAbort') return `${module}::${abortName(module, failure.code) ?? failure.code}`
  return failure.kind === 'MovePrimitiveRuntimeError' ? `${module}::${failure.reason}` : failure.kind
}
