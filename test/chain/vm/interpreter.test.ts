import assert from 'node:assert/strict'
import {
  EnumValue,
  refTo,
  type Value,
  type Vm,
  VmError,
  type VmFailure,
} from '../../../chain/localnet/vm/index.ts'
import { caller, compileProbe, contextWith, loadProbe } from './support/probe.ts'

const failureOf = (run: () => unknown): VmFailure => {
  try {
    run()
  } catch (error) {
    if (error instanceof VmError) return error.failure
    throw error
  }
  throw new Error('it should have failed')
}

const primitive = (failure: VmFailure) => {
  assert.equal(failure.kind, 'MovePrimitiveRuntimeError')
  const { reason, subStatus } = failure as Extract<VmFailure, { kind: 'MovePrimitiveRuntimeError' }>
  return [reason, subStatus]
}

describe('vm interpreter', () => {
  let vm: Vm
  let call: ReturnType<typeof caller>
  let address: string

  before(async () => {
    const probe = await compileProbe()
    vm = loadProbe(probe)
    address = probe.address
    call = caller(vm, address)
  })

  const max = { u64: 2n ** 64n - 1n, u128: 2n ** 128n - 1n, u256: 2n ** 256n - 1n, u32: 2 ** 32 - 1 }

  it('computes exactly at the edges of every width', () => {
    const results: [string, Value[], Value][] = [
      ['add8', [200, 55], 255],
      ['add64', [max.u64 - 1n, 1n], max.u64],
      ['add256', [max.u256 - 5n, 5n], max.u256],
      ['sub32', [max.u32, max.u32], 0],
      ['mul32', [65537, 65535], max.u32],
      ['mul128', [2n ** 64n, 2n ** 63n], 2n ** 127n],
      ['div32', [max.u32, 2], 2 ** 31 - 1],
      ['div64', [max.u64, 10n], max.u64 / 10n],
      ['mod16', [65535, 256], 255],
      ['mod256', [max.u256, 7n], max.u256 % 7n],
      ['shl32', [max.u32, 31], 2 ** 31],
      ['shl32', [1, 31], 2 ** 31],
      ['shl64', [max.u64, 63], 2n ** 63n],
      ['shr32', [max.u32, 31], 1],
      ['shr256', [max.u256, 255], 1n],
      ['bits32', [0xffff0000, 0x0ff0f00f], (0xffff0000 ^ 0x0ff0f00f) >>> 0],
      ['bits64', [max.u64, 1n], max.u64 - 1n],
      ['to8', [255n], 255],
      ['to16', [65535], 65535],
      ['to64', [max.u32], 2n ** 32n - 1n],
      ['to128', [max.u128], max.u128],
      ['sum', [1000n], Array.from({ length: 1000 }, (_, i) => (i * 3) % 7).reduce((a, b) => a + b) as never],
    ]
    for (const [name, args, result] of results)
      assert.equal(String(call(`arithmetic::${name}`, args)[0]), String(result), name)
  })

  it('stops with an arithmetic error one step beyond', () => {
    const failures: [string, Value[]][] = [
      ['add8', [200, 56]],
      ['add64', [max.u64, 1n]],
      ['add256', [max.u256, 1n]],
      ['sub32', [0, 1]],
      ['sub64', [0n, 1n]],
      ['mul32', [65536, 65536]],
      ['mul128', [2n ** 64n, 2n ** 64n]],
      ['div32', [1, 0]],
      ['div64', [1n, 0n]],
      ['mod16', [1, 0]],
      ['mod256', [1n, 0n]],
      ['shl32', [1, 32]],
      ['shl64', [1n, 64]],
      ['shr32', [1, 32]],
      ['to8', [256n]],
      ['to16', [65536]],
      ['to128', [2n ** 128n]],
    ]
    for (const [name, args] of failures)
      assert.deepEqual(
        primitive(failureOf(() => call(`arithmetic::${name}`, args))),
        ['ARITHMETIC_ERROR', undefined],
        name,
      )
  })

  it('says where it stopped', () => {
    const failure = failureOf(() => call('shapes::stretch', [refTo(new EnumValue(0, [])), 2n]))
    assert.equal(failure.kind, 'MoveAbort')
    const { code, location } = failure as Extract<VmFailure, { kind: 'MoveAbort' }>
    assert.equal(code, 7n)
    assert.deepEqual(
      { ...location, instruction: 0 },
      {
        address,
        module: 'shapes',
        function: vm.function(address, 'shapes', 'stretch').index,
        functionName: 'stretch',
        instruction: 0,
      },
    )
    assert.ok(location.instruction > 0)
  })

  it('reports vector errors with Sui’s sub-statuses', () => {
    const vector = (): Value[] => [1n, 2n, 3n]
    assert.deepEqual(call('shapes::at', [refTo(vector()), 2n]), [3n])
    assert.deepEqual(primitive(failureOf(() => call('shapes::at', [refTo(vector()), 3n]))), [
      'VECTOR_ERROR',
      1,
    ])
    assert.deepEqual(primitive(failureOf(() => call('shapes::at', [refTo(vector()), 2n ** 64n - 1n]))), [
      'VECTOR_ERROR',
      1,
    ])
    assert.deepEqual(primitive(failureOf(() => call('shapes::last', [refTo([])]))), ['VECTOR_ERROR', 2])
    assert.deepEqual(primitive(failureOf(() => call('shapes::swapped', [vector(), 0n, 3n]))), [
      'VECTOR_ERROR',
      1,
    ])
    assert.deepEqual(call('shapes::swapped', [vector(), 0n, 2n]), [[3n, 2n, 1n]])
  })

  it('writes through references', () => {
    const pair = refTo([1n, [7]])
    call('shapes::grow', [pair, 5n])
    assert.deepEqual(pair.value, [6n, [7, 5]])
    const vector = refTo([1n, 2n])
    call('shapes::set', [vector, 1n, 9n])
    assert.deepEqual(vector.value, [1n, 9n])
  })

  it('handles enums', () => {
    const [circle] = call('shapes::circle', [2n])
    assert.deepEqual(circle, new EnumValue(1, [2n]))
    const place = refTo(circle!)
    assert.deepEqual(call('shapes::area', [place]), [12n])
    call('shapes::stretch', [place, 5n])
    assert.deepEqual(call('shapes::area', [place]), [300n])
    assert.deepEqual(call('shapes::unwrap', [place.value]), [10n])
    assert.deepEqual(call('shapes::area', [refTo(call('shapes::rectangle', [3n, 4n])[0]!)]), [12n])
  })

  it('fills in type arguments', () => {
    const [pair] = call('shapes::pair', [[1, 2], true], ['vector<u8>', 'bool'])
    assert.deepEqual(pair, [[1, 2], true])
    assert.deepEqual(call('shapes::swap', [refTo(pair!)], ['vector<u8>', 'bool']), [[true, [1, 2]]])
    const type = 'probe::shapes::Pair<u64, vector<u8>>'
    assert.deepEqual(
      call(
        'shapes::compare',
        [
          [1n, [2]],
          [1n, [2]],
        ],
        [type],
      ),
      [true],
    )
    assert.deepEqual(
      call(
        'shapes::compare',
        [
          [1n, [2]],
          [1n, [3]],
        ],
        [type],
      ),
      [false],
    )
    assert.deepEqual(
      call(
        'shapes::compare',
        [new EnumValue(1, [1n]), new EnumValue(1, [1n])],
        ['probe::shapes::Shape<u64>'],
      ),
      [true],
    )
  })

  it('refuses type arguments that do not fit', () => {
    assert.deepEqual(
      failureOf(() => call('shapes::compare', [1, 1])),
      {
        kind: 'TypeArityMismatch',
        expected: 1,
        actual: 0,
      },
    )
    assert.deepEqual(
      failureOf(() => call('shapes::compare', [[1n], [1n]], ['probe::shapes::Potato'])),
      {
        kind: 'TypeArgumentError',
        argument: 0,
        reason: 'ConstraintNotSatisfied',
      },
    )
    assert.deepEqual(
      failureOf(() => call('shapes::compare', [1n, 1n], ['0x2::nowhere::Nothing'])),
      {
        kind: 'TypeArgumentError',
        argument: 0,
        reason: 'TypeNotFound',
      },
    )
    assert.equal(failureOf(() => call('shapes::nothing')).kind, 'FunctionNotFound')
  })

  it('copies share nothing', () => {
    assert.deepEqual(call('shapes::copies'), [true])
    const first = call('shapes::nested')[0] as Value[]
    ;(first[0] as Value[]).push(1)
    assert.deepEqual(call('shapes::nested'), [[[97], [98, 99], []]], 'a constant was changed')
  })

  it('ends a loop at the step limit', () => {
    const context = contextWith(100_000)
    const failure = failureOf(() => call('arithmetic::forever', [], [], context))
    assert.equal(failure.kind, 'InsufficientGas')
    assert.ok(context.meter.remaining <= 0)
  })

  it('counts the steps of all calls of a transaction together', () => {
    const context = contextWith(1_000_000)
    call('arithmetic::sum', [1000n], [], context)
    const used = 1_000_000 - context.meter.remaining
    assert.ok(used > 10_000 && used < 40_000, `${used} steps`)
    call('arithmetic::sum', [1000n], [], context)
    assert.equal(1_000_000 - context.meter.remaining, 2 * used)
  })

  it('charges for copied elements, so that doubling ends', () => {
    assert.deepEqual(call('shapes::double', [10n]), [1024n])
    assert.equal(failureOf(() => call('shapes::double', [60n])).kind, 'InsufficientGas')
  })

  it('bounds recursion', () => {
    assert.deepEqual(call('arithmetic::recurse', [1000n]), [1000n])
    assert.deepEqual(
      primitive(failureOf(() => call('arithmetic::recurse', [1100n])))[0],
      'CALL_STACK_OVERFLOW',
    )
  })

  it('reads what the compiler puts into abort codes', () => {
    const code = (run: () => unknown): bigint => {
      const failure = failureOf(run)
      assert.ok(failure.kind === 'MoveAbort')
      return failure.code
    }
    const explain = (value: bigint) => vm.cleverError(address, 'shapes', value)
    const full = explain(code(() => call('shapes::refuse', [0n])))!
    assert.equal(full.constantName, 'ENoNumber')
    assert.equal(full.constantType, 'vector<u8>')
    assert.equal(full.rendered, 'zero is no number')
    assert.deepEqual(full.raw, Uint8Array.of(17, ...Buffer.from('zero is no number')))
    assert.equal(full.errorCode, undefined)
    const coded = explain(code(() => call('shapes::refuse', [1n])))!
    assert.deepEqual([coded.constantName, coded.errorCode, coded.rendered], ['ECoded', 5, '77'])
    assert.equal(coded.line, full.line + 1)
    const bare = explain(code(() => call('shapes::refuse', [2n])))!
    assert.deepEqual(bare, { line: full.line + 2 })
    assert.equal(explain(7n), undefined)
  })

  it('hands objects and events to the ledger', () => {
    const context = contextWith()
    const [thing] = call('shapes::make', [5n, [[104, 105]], refTo([])], [], context)
    const id = (((thing as Value[])[0] as Value[])[0] as Value[])[0] as string
    assert.match(id, /^0x[0-9a-f]{64}$/)
    assert.deepEqual([...context.created], [id])
    call('shapes::keep', [thing!, `0x${'ab'.repeat(32)}`], [], context)
    const written = context.writes.get(id)!
    assert.equal(written.type.text, `${address}::shapes::Thing`)
    assert.deepEqual(written.owner, { kind: 'address', address: `0x${'ab'.repeat(32)}` })
    call('shapes::unmake', [thing!], [], context)
    assert.equal(context.created.has(id), false)
    call('shapes::emit', [[1, 2]], [], context)
    assert.deepEqual(
      context.events.map(event => [event.type.text, event.value]),
      [[`${address}::shapes::Seen`, [[1, 2]]]],
    )
  })
})
