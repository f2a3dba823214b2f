import assert from 'node:assert/strict'
import { parseModule } from '../../../chain/localnet/vm/format/parse.ts'
import { publishable } from '../../../chain/localnet/vm/format/publishable.ts'
import { createVm, type Vm, VmError } from '../../../chain/localnet/vm/index.ts'
import { assemble } from './support/assemble.ts'
import { type Random, random } from './support/expressions.ts'
import { compileProbe, contextWith } from './support/probe.ts'
import { anyValue } from './support/values.ts'

const seed = Number(process.env.VM_SEED ?? 1)
const rounds = Number(process.env.VM_ROUNDS ?? 400)

/** Any error but a VmError would be a crash, and a broken invariant a hole in the verifier. */
function survives(run: () => void, what: string): boolean {
  try {
    run()
    return true
  } catch (error) {
    const trace = `${what}: ${error instanceof Error ? error.stack : error}`
    assert.ok(error instanceof VmError, trace)
    // natives that only tests have are not here
    assert.ok(error.kind !== 'VMInvariantViolation' || /native .* is missing/.test(error.message), trace)
    return false
  }
}

/** Another instruction, operand or type somewhere in the code; the rest stays a well-formed module. */
function rewritten(bytes: Uint8Array, next: Random): Uint8Array {
  const module = parseModule(bytes)
  const bodies = module.functions.flatMap(({ code }) => (code ? [code] : []))
  for (let n = 1 + next(3); n > 0; n--) {
    const { instructions } = bodies[next(bodies.length)]!
    const at = next(instructions.length)
    const victim = instructions[at]!
    const other = instructions[next(instructions.length)]!
    if (next(3) === 0) instructions.splice(at, next(2), { ...other })
    else if (next(2) === 0) instructions[at] = { ...other }
    else if (typeof victim.operand === 'number') victim.operand = next(Math.max(2, victim.operand * 2))
  }
  return assemble(module)
}

function damaged(bytes: Uint8Array, next: Random): Uint8Array {
  if (next(2) === 0) return rewritten(bytes, next)
  const out = bytes.slice()
  for (let n = 1 + next(3); n > 0; n--) {
    // the header is small; most damage should be in the tables
    const at = next(out.length)
    out[at] = next(3) === 0 ? next(256) : (out[at]! + 1 + next(8)) & 0xff
  }
  return next(10) === 0 ? out.subarray(0, next(out.length)) : out
}

/** Calls every function that a module has with any arguments. */
function callAll(vm: Vm, address: string, next: Random, what: string): void {
  for (const module of vm.package(address)!.modules.values())
    for (const fn of module.functions.values()) {
      if (fn.isNative) continue
      survives(() => {
        const typeArguments = fn.typeParameters.map(() => vm.types.primitive('u64'))
        const args = fn.parameters.map(type => anyValue(vm, vm.types.instantiate(type, typeArguments), next))
        vm.call(fn, typeArguments, args, contextWith(20_000))
      }, `${what} ${module.name}::${fn.name}`)
    }
}

describe('vm against hostile bytes', function () {
  this.timeout(60_000)
  let probe: Awaited<ReturnType<typeof compileProbe>>
  before(async () => {
    probe = await compileProbe()
  })

  it('refuses a module cut off anywhere', () => {
    const bytes = probe.packages.at(-1)![1][0]!
    for (let length = 0; length < bytes.length; length++)
      assert.equal(
        survives(() => parseModule(bytes.subarray(0, length)), `${length} bytes`),
        false,
      )
    assert.equal(
      survives(() => parseModule(Uint8Array.of(...bytes, 0)), 'a byte more'),
      false,
    )
  })

  it(`survives damaged modules, loading and running them (VM_SEED=${seed})`, () => {
    const next = random(seed)
    const vm = createVm()
    const own = probe.packages.at(-1)![1]
    for (const [id, modules] of probe.packages.slice(0, -1)) vm.loadPackage({ id, modules })
    let loaded = 0
    for (let round = 0; round < rounds; round++) {
      const victim = next(own.length)
      const modules = own.map((bytes, i) => (i === victim ? damaged(bytes, next) : bytes))
      const what = `round ${round}`
      if (survives(() => vm.loadPackage({ id: probe.address, modules }), what)) {
        loaded++
        callAll(vm, probe.address, next, what)
        vm.unloadPackage(probe.address)
      }
    }
    assert.ok(loaded > rounds / 50, `only ${loaded} of ${rounds} damaged packages loaded`)
  })

  it('runs every function of the framework with any arguments', () => {
    const vm = createVm()
    for (const [id, modules] of probe.packages) vm.loadPackage({ id, modules })
    for (const [id] of probe.packages) callAll(vm, id, random(seed), 'framework')
  })

  it('leaves nothing behind when a package is refused', () => {
    const vm = createVm()
    const own = probe.packages.at(-1)![1]
    for (const [id, modules] of probe.packages.slice(0, -1)) vm.loadPackage({ id, modules })
    const bad = [...own, own[0]!]
    assert.equal(
      survives(() => vm.loadPackage({ id: probe.address, modules: bad }), 'twice'),
      false,
    )
    assert.equal(vm.package(probe.address), undefined)
    assert.equal(vm.definition(vm.types.datatype(probe.address, 'shapes', 'Thing')), undefined)
    vm.loadPackage({ id: probe.address, modules: own })
    assert.throws(() => vm.loadPackage({ id: probe.address, modules: own }), /loaded already/)
  })

  it('sets the address of a module that is to be published, once', () => {
    const bytes = probe.packages.at(-1)![1][0]!
    assert.throws(
      () => publishable(bytes, `0x${'ab'.repeat(32)}`),
      error => error instanceof VmError && error.kind === 'PublishErrorNonZeroAddress',
    )
    const unpublished = Uint8Array.from(
      Buffer.from(
        Buffer.from(bytes).toString('hex').replaceAll(probe.address.slice(2), '0'.repeat(64)),
        'hex',
      ),
    )
    const id = `0x${'ab'.repeat(32)}`
    const { moduleHandles, self } = parseModule(publishable(unpublished, id))
    assert.equal(moduleHandles[self]!.address, id)
  })
})
