/** The localnet's Move VM: instructions and calls per second, loading with verification, BCS, BLS. */
import { bytesToValue, createVm, refTo, type Value, type Vm } from '../../chain/localnet/vm/index.ts'
import { loadBls } from '../../codec/node.ts'
import { caller, compileProbe, contextWith, loadProbe } from '../chain/vm/support/probe.ts'
import type { BenchOptions } from './main.ts'

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

export async function run({ quick, report }: BenchOptions): Promise<void> {
  const atLeastMs = quick ? 20 : 1000
  const probe = await compileProbe()
  const bls = await loadBls()
  const vm: Vm = loadProbe(probe, createVm({ bls }))
  const call = caller(vm, probe.address)

  const tell = (name: string, figure: string, value: number) =>
    report({ of: { case: name }, took: { [figure]: value } })

  const loop = speed(context => call('arithmetic::sum', [100_000n], [], context), atLeastMs)
  tell('a loop over u64', 'millionInstructionsPerSecond', loop)
  const recursion = speed(context => call('arithmetic::recurse', [1000n], [], context), atLeastMs)
  tell('recursive calls', 'millionInstructionsPerSecond', recursion)
  const modules = probe.compiled.modules.length
  const load = secondsOf(() => loadProbe(probe), atLeastMs)
  tell('parse, link and verify', 'modulesPerSecond', modules / load)

  const type = vm.types.fromTag(`vector<${probe.address}::shapes::Thing>`)
  const things: Value = Array.from({ length: 1000 }, (_, i) => [
    [[`0x${i.toString(16).padStart(64, '0')}`]],
    BigInt(i),
    [bytesToValue(new Uint8Array(50))],
  ])
  const bytes = vm.serialize(type, things)
  const megabytes = bytes.length / 1e6
  const writing = secondsOf(() => vm.serialize(type, things), atLeastMs)
  tell('BCS of objects, written', 'megabytesPerSecond', megabytes / writing)
  const reading = secondsOf(() => vm.deserialize(type, bytes), atLeastMs)
  tell('BCS of objects, read', 'megabytesPerSecond', megabytes / reading)

  const secret = bls.generateSecret()
  const message = new Uint8Array(100)
  const args = [bls.sign(secret, message), bls.publicKey(secret), message].map(part =>
    refTo(bytesToValue(part)),
  )
  const verify = vm.function(`0x${'2'.padStart(64, '0')}`, 'bls12381', 'bls12381_min_pk_verify')
  const verifying = secondsOf(() => vm.call(verify, [], args, contextWith(steps)), atLeastMs)
  tell('BLS signatures', 'verifiedPerSecond', 1 / verifying)
}
