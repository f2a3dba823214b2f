import assert from 'node:assert/strict'
import { type Value, VmError } from '../../../chain/localnet/vm/index.ts'
import { compileTests } from '../../../chain/localnet/vm/testing/index.ts'
import { testPackage } from '../../../chain/move/compiler.ts'
import { expression, type IntegerType, integerTypes, operand, random } from './support/expressions.ts'
import { caller, contextWith, loadPackages, probePackage } from './support/probe.ts'
import { prelude, program } from './support/programs.ts'

const functions = 60
const programs = 30
const callsOfEach = 4
const seed = Number(process.env.VM_SEED ?? 1)

/** How a test has to end, in the words of Move's attribute. */
function expectation(error: unknown): string {
  assert.ok(error instanceof VmError, String(error))
  const { failure } = error
  assert.ok('location' in failure && failure.location)
  const address = failure.location.address === `0x${'1'.padStart(64, '0')}` ? 'std' : 'probe'
  const location = `location = ${address}::${failure.location.module}`
  if (failure.kind === 'MoveAbort') return `abort_code = ${failure.code}, ${location}`
  assert.equal(failure.kind, 'MovePrimitiveRuntimeError')
  if (failure.reason === 'ARITHMETIC_ERROR') return `arithmetic_error, ${location}`
  assert.equal(failure.reason, 'VECTOR_ERROR')
  return `vector_error, minor_status = ${failure.subStatus}, ${location}`
}

const parameters = ['a', 'b'].flatMap(name => integerTypes.map(type => ({ name: `${name}_${type}`, type })))
const toValue = (type: IntegerType, value: bigint): Value =>
  Number(type.slice(1)) <= 32 ? Number(value) : value

describe('vm differential', function () {
  this.timeout(60_000)

  it(`computes random expressions as the Move VM does (VM_SEED=${seed})`, async () => {
    const next = random(seed)
    const bodies = Array.from({ length: functions }, (_, i) => {
      const type = integerTypes[i % integerTypes.length]!
      return { name: `f${i}`, type, text: expression(next, type, 4) }
    })
    const signature = parameters.map(({ name, type }) => `${name}: ${type}`).join(', ')
    const module = [
      '#[allow(unused_variable)]',
      'module probe::expressions;',
      ...bodies.map(({ name, type, text }) => `public fun ${name}(${signature}): ${type} { ${text} }`),
    ].join('\n')
    const files = { 'Move.toml': probePackage().files['Move.toml']!, 'sources/expressions.move': module }

    // what our VM says becomes what the other one is asked to confirm
    const { vm, address } = loadPackages((await compileTests({ name: 'probe', files })).modules)
    const call = caller(vm, address)
    const tests: string[] = []
    let failures = 0
    for (const { name, type } of bodies)
      for (let i = 0; i < callsOfEach; i++) {
        const operands = parameters.map(parameter => ({ ...parameter, value: operand(next, parameter.type) }))
        const text = `expressions::${name}(${operands.map(({ value, type }) => `${value}${type}`).join(', ')})`
        try {
          const [result] = call(
            `expressions::${name}`,
            operands.map(({ type, value }) => toValue(type, value)),
            [],
            contextWith(),
          )
          tests.push(`#[test] fun t${tests.length}() { assert!(${text} == ${result}${type}) }`)
        } catch (error) {
          failures++
          tests.push(`#[test, expected_failure(${expectation(error)})] fun t${tests.length}() { ${text}; }`)
        }
      }
    assert.ok(failures > 10 && failures < tests.length - 25, `${failures} failures are a poor mix`)
    const suite = ['#[test_only]', 'module probe::confirmations;', 'use probe::expressions;', ...tests].join(
      '\n',
    )
    const { passed, output } = await testPackage({
      name: 'probe',
      files: { ...files, 'tests/confirmations.move': suite },
    })
    assert.ok(passed, output.slice(-3000))
  })

  it(`runs random programs as the Move VM does (VM_SEED=${seed})`, async () => {
    const next = random(seed)
    const names = Array.from({ length: programs }, (_, i) => `p${i}`)
    const module = prelude + names.map(name => program(next, name)).join('\n')
    const files = { 'Move.toml': probePackage().files['Move.toml']!, 'sources/programs.move': module }
    const { vm, address } = loadPackages((await compileTests({ name: 'probe', files })).modules)
    const call = caller(vm, address)
    const tests: string[] = []
    let failures = 0
    for (const name of names)
      for (let i = 0; i < callsOfEach; i++) {
        const args = [operand(next, 'u64'), operand(next, 'u16')]
        const text = `programs::${name}(${args.join(', ')})`
        try {
          const [result] = call(`programs::${name}`, args)
          tests.push(`#[test] fun t${tests.length}() { assert!(${text} == ${result}) }`)
        } catch (error) {
          failures++
          tests.push(`#[test, expected_failure(${expectation(error)})] fun t${tests.length}() { ${text}; }`)
        }
      }
    assert.ok(
      failures > tests.length / 20 && failures < tests.length * 0.8,
      `${failures} of ${tests.length} fail`,
    )
    const suite = ['#[test_only]', 'module probe::confirmations;', 'use probe::programs;', ...tests].join(
      '\n',
    )
    const { passed, output } = await testPackage({
      name: 'probe',
      files: { ...files, 'tests/confirmations.move': suite },
    })
    assert.ok(passed, output.slice(-3000))
  })
})
