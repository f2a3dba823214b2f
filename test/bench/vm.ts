/** The localnet's Move VM: instructions and calls per second, loading with verification, BCS, BLS. */
import { bytesToValue, createVm, refTo, type Value, type Vm } from '../../chain/localnet/vm/index.ts'
import { loadBls } from '../../codec/index.ts'
import { caller, compileProbe, contextWith, loadProbe } from '../chain/vm/support/probe.ts'
import type { BenchOptions } from './main.ts'

interface Result {
  case: string
  value: number
  unit: string
}

const steps = 1e10

/** Runs `work` until it took long enough, once unmeasured; answers its mean time in seconds. */
function secondsOf(work: () => void, atLeastMs: number): number {
  work()
  const started = performance.now()
  let runs = 0
  do {
    work()
    runs++
  } while (performance.now() - started < atLeastMs)
  return (performance.now() - started) / 1000 / runs
}

function report(result: Result, json: boolean): void {
  if (json) console.log(JSON.stringify({ bench: 'vm', ...result }))
  else console.log(`${result.case.padEnd(36)} ${result.value.toFixed(1).padStart(12)} ${result.unit}`)
}

/** Instructions per second of a call, in millions. */
function speed(call: (context: ReturnType<typeof contextWith>) => void, atLeastMs: number): number {
  let executed = 0
  const seconds = secondsOf(() => {
    const context = contextWith(steps)
    call(context)
    executed = steps - context.meter.remaining
  }, atLeastMs)
  return executed / seconds / 1e6
}

export async function run({ json, quick }: BenchOptions): Promise<void> {
  const atLeastMs = quick ? 20 : 1000
  const probe = await compileProbe()
  const bls = await loadBls()
  const vm: Vm = loadProbe(probe, createVm({ bls }))
  const call = caller(vm, probe.address)

  report(
    {
      case: 'a loop over u64',
      value: speed(context => call('arithmetic::sum', [100_000n], [], context), atLeastMs),
      unit: 'M instructions/s',
    },
    json,
  )
  report(
    {
      case: 'recursive calls',
      value: speed(context => call('arithmetic::recurse', [1000n], [], context), atLeastMs),
      unit: 'M instructions/s',
    },
    json,
  )
  const modules = probe.compiled.modules.length
  const load = secondsOf(() => loadProbe(probe), atLeastMs)
  report({ case: 'parse, link and verify', value: modules / load, unit: 'modules/s' }, json)

  const type = vm.types.fromTag(`vector<${probe.address}::shapes::Thing>`)
  const things: Value = Array.from({ length: 1000 }, (_, i) => [
    [[`0x${i.toString(16).padStart(64, '0')}`]],
    BigInt(i),
    [bytesToValue(new Uint8Array(50))],
  ])
  const bytes = vm.serialize(type, things)
  const megabytes = bytes.length / 1e6
  const writing = secondsOf(() => vm.serialize(type, things), atLeastMs)
  report({ case: 'BCS of objects, written', value: megabytes / writing, unit: 'MB/s' }, json)
  const reading = secondsOf(() => vm.deserialize(type, bytes), atLeastMs)
  report({ case: 'BCS of objects, read', value: megabytes / reading, unit: 'MB/s' }, json)

  const secret = bls.generateSecret()
  const message = new Uint8Array(100)
  const args = [bls.sign(secret, message), bls.publicKey(secret), message].map(part =>
    refTo(bytesToValue(part)),
  )
  const verify = vm.function(`0x${'2'.padStart(64, '0')}`, 'bls12381', 'bls12381_min_pk_verify')
  const verifying = secondsOf(() => vm.call(verify, [], args, contextWith(steps)), atLeastMs)
  report({ case: 'BLS signatures', value: 1 / verifying, unit: 'verified/s' }, json)
}
