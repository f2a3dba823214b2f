import assert from 'node:assert/strict'
import { parseModule } from '../../../chain/localnet/vm/format/parse.ts'
import { createVm, Meter, VmError } from '../../../chain/localnet/vm/index.ts'
import { assemble } from './support/assemble.ts'
import { entangled } from './support/entangled.ts'
import {
  bool,
  datatype,
  type FunctionParts,
  Handmade,
  handmadeAddress,
  ref,
  u64,
} from './support/handmade.ts'
import { load, refuses, single } from './support/loading.ts'
import { compileProbe, loadProbe } from './support/probe.ts'

const copy = 1
const drop = 2
const framework = `0x${'2'.padStart(64, '0')}`

/** `count` loops in each other, each around its own condition. */
function nestedLoops(count: number): FunctionParts['code'] {
  const code: FunctionParts['code'] = []
  for (let i = 0; i < count; i++) code.push('Nop')
  for (let i = count - 1; i >= 0; i--) code.push(['CopyLoc', 0], ['BrTrue', i])
  return [...code, 'Ret']
}

describe('vm rules about modules', () => {
  it('refuses entries that nothing uses but that lead nowhere', () => {
    const broken: ((handmade: Handmade) => void)[] = [
      ({ module }) => module.fieldHandles.push({ owner: 3, member: 0 }),
      ({ module }) => module.structInstantiations.push({ target: 3, signature: 0 }),
      ({ module }) => module.functionInstantiations.push({ target: 9, signature: 0 }),
      ({ module }) => module.functionInstantiations.push({ target: 0, signature: 99 }),
      ({ module }) => module.signatures.push([datatype(7)]),
      ({ module }) =>
        module.functionHandles.push({ module: 4, name: 'g', parameters: 0, returns: 0, typeParameters: [] }),
      ({ module }) => module.datatypeHandles.push({ module: 4, name: 'G', abilities: 0, typeParameters: [] }),
    ]
    for (const breaks of broken) {
      const handmade = single({ code: ['Ret'] })
      breaks(handmade)
      refuses(handmade, /does not exist/)
    }
  })

  it('refuses what is in a table twice', () => {
    const doubled: ((handmade: Handmade) => void)[] = [
      ({ module }) => module.signatures.push([u64], [u64]),
      ({ module }) => module.moduleHandles.push({ ...module.moduleHandles[0]! }),
      ({ module }) => module.functionHandles.push({ ...module.functionHandles[0]! }),
      ({ module }) => module.functions.push({ ...module.functions[0]! }),
      ({ module }) => module.constants.push(...Array(2).fill({ type: bool, data: Uint8Array.of(1) })),
      handmade =>
        handmade.struct('S', drop, [
          { name: 'x', type: u64 },
          { name: 'x', type: u64 },
        ]),
    ]
    for (const doubles of doubled) {
      const handmade = single({ code: ['Ret'] })
      doubles(handmade)
      refuses(handmade, /occurs twice/)
    }
  })

  it('refuses empty structs, handles without a definition and strange friends', () => {
    const empty = single({ code: ['Ret'] })
    empty.struct('S', drop, [])
    refuses(empty, /has no fields/)
    const undefinedType = single({ code: ['Ret'] })
    undefinedType.module.datatypeHandles.push({ module: 0, name: 'T', abilities: 0, typeParameters: [] })
    refuses(undefinedType, /is not defined/)
    const undefinedFunction = single({ code: ['Ret'] })
    undefinedFunction.functionHandle(0, 'g', {})
    refuses(undefinedFunction, /is not defined/)
    for (const friend of [
      { address: framework, name: 'x' },
      { address: handmadeAddress, name: 'handmade' },
    ]) {
      const handmade = single({ code: ['Ret'] })
      handmade.module.friends.push({ addressIndex: 0, ...friend })
      refuses(handmade, /cannot be a friend/)
    }
  })

  it('refuses constants that are no values, used or not', () => {
    for (const [type, data] of [
      [bool, Uint8Array.of(2)],
      [u64, new Uint8Array(7)],
      [ref(u64), new Uint8Array(8)],
    ] as const) {
      const handmade = single({ code: ['Ret'] })
      handmade.module.constants.push({ type, data })
      refuses(handmade, /constant|not a/)
    }
  })

  it("keeps Sui's limits", () => {
    const wide = single({ code: ['Ret'] })
    wide.struct(
      'S',
      drop,
      Array.from({ length: 33 }, (_, i) => ({ name: `x${i}`, type: u64 })),
    )
    refuses(wide, /33 fields/)
    refuses(single({ typeParameters: Array(33).fill(0), code: ['Ret'] }), /33 type parameters/)
    refuses(single({ parameters: Array(129).fill(u64), code: ['Ret'] }), /129 parameters/)
    const many = new Handmade()
    for (let i = 0; i < 1001; i++) many.function(`f${i}`, { code: ['Ret'] })
    refuses(many, /1001 functions/)
    const types = new Handmade()
    for (let i = 0; i < 201; i++) types.struct(`S${i}`, drop, [{ name: 'x', type: u64 }])
    refuses(types, /201 types/)
    let deep: Parameters<typeof ref>[0] = u64
    for (let i = 0; i < 250; i++) deep = { kind: 'vector', element: deep }
    refuses(single({ parameters: [deep], code: ['Ret'] }), /TYPE_TOO_LARGE|parts of a type/)
    refuses(
      single({
        code: [
          ...Array(5001).fill(['LdTrue', 'Pop']).flat(),
          ...Array(5000).fill(['LdTrue', 'Pop']).flat(),
          'Ret',
        ],
      }),
      /too many values are pushed/,
    )
    refuses(
      single({
        code: [...Array.from({ length: 1024 }, (_, i) => ['Branch', i + 1] as [string, number]), 'Ret'],
      }),
      /too many basic blocks/,
    )
  })

  it('lets loops nest five deep, each with one entry', () => {
    load(single({ parameters: [bool], code: nestedLoops(5) }))
    refuses(single({ parameters: [bool], code: nestedLoops(6) }), /loops nest too deep/)
    refuses(
      single({
        parameters: [bool],
        // a jump into the middle of a loop
        code: [['CopyLoc', 0], ['BrTrue', 4], 'Nop', ['Branch', 4], ['CopyLoc', 0], ['BrTrue', 2], 'Ret'],
      }),
      /more than one entry/,
    )
  })

  it('refuses generic functions that call each other with larger types', () => {
    const calling = (argument: Parameters<typeof ref>[0]): Handmade => {
      const handmade = new Handmade()
      handmade.struct('Box', copy | drop, [{ name: 't', type: { kind: 'parameter', index: 0 } }], [0])
      const f = handmade.function('f', { typeParameters: [0], code: [['CallGeneric', 1], 'Ret'] })
      const g = handmade.function('g', { typeParameters: [0], code: [['CallGeneric', 0], 'Ret'] })
      handmade.module.functionInstantiations.push(
        { target: f, signature: handmade.signature([argument]) },
        { target: g, signature: handmade.signature([{ kind: 'parameter', index: 0 }]) },
      )
      return handmade
    }
    load(calling({ kind: 'parameter', index: 0 }))
    load(calling(datatype(0, u64))) // larger, but always the same
    refuses(calling(datatype(0, { kind: 'parameter', index: 0 })), /ever larger types/)
    refuses(calling({ kind: 'vector', element: { kind: 'parameter', index: 0 } }), /ever larger types/)
  })

  it('refuses natives and native structs, which only the framework has', () => {
    const native = single({ code: ['Ret'] })
    delete native.module.functions[0]!.code
    refuses(native, /is native/)
    const struct = single({ code: ['Ret'] })
    struct.struct('S', drop, [{ name: 'x', type: u64 }])
    delete struct.module.structs[0]!.fields
    refuses(struct, /native struct/)
  })

  it("keeps Sui's rules of one-time witnesses", () => {
    const almost = new Handmade()
    almost.struct('HANDMADE', drop | copy, [{ name: 'x', type: bool }])
    refuses(almost, /named like a one-time witness/)
    const another = new Handmade()
    another.struct('HANDMADE', drop | copy, [{ name: 'x', type: u64 }])
    load(another)
  })

  describe('beside the framework', () => {
    let probe: Awaited<ReturnType<typeof compileProbe>>
    before(async () => {
      probe = await compileProbe()
    })

    /** A module with handles of types of the framework. */
    const using = (module: string, name: string, abilities: number): Handmade => {
      const handmade = new Handmade()
      handmade.module.datatypeHandles.push({
        module: handmade.import(framework, module),
        name,
        abilities,
        typeParameters: [],
      })
      return handmade
    }

    it('refuses imports that are not what they are taken for, used or not', () => {
      const vm = loadProbe(probe)
      refuses(using('tx_context', 'Nothing', 0), /does not exist/, { vm })
      refuses(using('nowhere', 'Nothing', 0), /does not exist/, { vm })
      refuses(using('object', 'UID', copy), /takes it for/, { vm })
      load(using('object', 'UID', 0), { vm })
      vm.unloadPackage(handmadeAddress)
      const fn = new Handmade()
      fn.functionHandle(fn.import(framework, 'object'), 'new', { parameters: [u64] })
      refuses(fn, /takes it for/, { vm })
    })

    it('refuses initializers that are called, or forget the witness', () => {
      const initializing = (
        parts: (context: number) => Partial<FunctionParts>,
        witness = false,
      ): Handmade => {
        const handmade = using('tx_context', 'TxContext', drop)
        if (witness) handmade.struct('HANDMADE', drop, [{ name: 'x', type: bool }])
        handmade.function('init', {
          parameters: [ref(datatype(0), true)],
          visibility: 'private',
          code: ['Ret'],
          ...parts(0),
        })
        return handmade
      }
      const vm = loadProbe(probe)
      load(
        initializing(() => ({})),
        { vm },
      )
      vm.unloadPackage(handmadeAddress)
      refuses(
        initializing(() => ({}), true),
        /no initializer/,
        { vm },
      )
      refuses(
        initializing(() => ({ parameters: [u64, ref(datatype(0), true)] })),
        /no initializer/,
        { vm },
      )
      const calling = initializing(() => ({}))
      calling.function('f', {
        parameters: [ref(datatype(0), true)],
        code: [['MoveLoc', 0], ['Call', 0], 'Ret'],
      })
      refuses(calling, /an initializer is called/, { vm })
    })

    it('refuses entry functions that would change the clock', () => {
      const vm = loadProbe(probe)
      for (const mutable of [true, false]) {
        const handmade = using('clock', 'Clock', 8)
        handmade.function('f', { parameters: [ref(datatype(0), mutable)], code: ['Ret'] })
        handmade.module.functions[0]!.isEntry = true
        if (mutable) refuses(handmade, /only the chain changes/, { vm })
        else load(handmade, { vm })
      }
    })

    it('takes the work of verifying from the meter', () => {
      const vm = createVm()
      const [id, modules] = probe.packages[0]!
      assert.throws(
        () => vm.loadPackage({ id, modules, meter: new Meter({ steps: 20_000 }) }),
        error => error instanceof VmError && error.kind === 'SuiMoveVerificationTimedout',
      )
      assert.equal(vm.package(id), undefined)
      vm.loadPackage({ id, modules, meter: new Meter({ steps: 20_000_000 }) })
    })
  })

  it('stops to verify what would take minutes', () => {
    const handmade = entangled()
    refuses(handmade, /too long/, {
      kind: 'SuiMoveVerificationTimedout',
      meter: new Meter({ steps: 20_000_000 }),
    })
  })

  it('reads no name twice', () => {
    const handmade = new Handmade()
    handmade.function('aa', { code: ['Ret'] })
    handmade.function('ab', { code: ['Ret'] })
    const bytes = Buffer.from(assemble(handmade.module))
    bytes[bytes.indexOf('ab') + 1] = 'a'.charCodeAt(0)
    assert.throws(() => parseModule(bytes), /occurs twice/)
  })
})
