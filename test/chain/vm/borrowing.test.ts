import assert from 'node:assert/strict'
import type { Token } from '../../../chain/localnet/vm/format/module.ts'
import { type Value, VmError } from '../../../chain/localnet/vm/index.ts'
import { run } from '../../../chain/localnet/vm/interpreter.ts'
import type { FunctionImpl } from '../../../chain/localnet/vm/loaded.ts'
import { Op } from '../../../chain/localnet/vm/loaded.ts'
import {
  bool,
  datatype,
  type FunctionParts,
  Handmade,
  handmadeAddress,
  ref,
  u64,
} from './support/handmade.ts'
import { load as loadModule, refuses as refusesModule } from './support/loading.ts'
import { contextWith } from './support/probe.ts'

const copy = 1
const drop = 2
const vector: Token = { kind: 'vector', element: u64 }
const inner = 0
const outer = 1
/** index of the field handle */
const outerA = 0
const outerB = 1
const innerN = 2

/** `Inner { n }`, `Outer { a: Inner, b: u64 }`, and functions that take and return references. */
function made(parts: FunctionParts): Handmade {
  const handmade = new Handmade()
  handmade.struct('Inner', copy | drop, [{ name: 'n', type: u64 }])
  handmade.struct('Outer', copy | drop, [
    { name: 'a', type: datatype(inner) },
    { name: 'b', type: u64 },
  ])
  handmade.module.fieldHandles.push(
    { owner: outer, member: 0 },
    { owner: outer, member: 1 },
    { owner: inner, member: 0 },
  )
  handmade.signature([u64]) // 1 of elements, after the empty one
  const mutable = ref(datatype(outer), true)
  const result = ref(u64, true)
  handmade.function('of', {
    parameters: [mutable],
    returns: [result],
    code: [['MoveLoc', 0], ['MutBorrowField', outerB], 'Ret'],
  })
  handmade.function('show', {
    parameters: [mutable],
    returns: [ref(u64)],
    code: [['MoveLoc', 0], ['ImmBorrowField', outerB], 'Ret'],
  })
  handmade.function('both', { parameters: [mutable, ref(u64)], code: ['Ret'] })
  handmade.function('f', parts)
  return handmade
}
const callOf = 0
const callShow = 1
const callBoth = 2
const elements = 1

const load = (parts: FunctionParts) => loadModule(made(parts))
const refuses = (reason: RegExp, parts: FunctionParts) => refusesModule(made(parts), reason)

const anOuter: Token[] = [datatype(outer)]
const given: Token[] = [ref(datatype(outer), true)]

describe('vm reference safety', () => {
  it('lets locals be moved, overwritten and copied only while nothing borrows them', () => {
    const borrowed: FunctionParts['code'] = [
      ['MutBorrowLoc', 0],
      ['StLoc', 1],
    ]
    const used: FunctionParts['code'] = [['MoveLoc', 1], 'ReadRef', 'Pop', 'Ret']
    const locals = [ref(u64, true)]
    const parameters = [u64]
    refuses(/local 0 is moved while it is borrowed/, {
      parameters,
      locals,
      code: [...borrowed, ['MoveLoc', 0], 'Pop', ...used],
    })
    refuses(/local 0 is overwritten while it is borrowed/, {
      parameters,
      locals,
      code: [...borrowed, ['LdU64', 1n], ['StLoc', 0], ...used],
    })
    refuses(/local 0 is copied while it is borrowed mutably/, {
      parameters,
      locals,
      code: [...borrowed, ['CopyLoc', 0], 'Pop', ...used],
    })
    refuses(/local 0 is borrowed while it is borrowed mutably/, {
      parameters,
      locals,
      code: [...borrowed, ['ImmBorrowLoc', 0], 'Pop', ...used],
    })
    // all is well once the reference is gone
    load({
      parameters,
      locals,
      code: [...borrowed, ['MoveLoc', 1], 'ReadRef', 'Pop', ['MoveLoc', 0], 'Pop', 'Ret'],
    })
    load({
      parameters,
      locals: [ref(u64)],
      code: [['ImmBorrowLoc', 0], ['StLoc', 1], ['CopyLoc', 0], 'Pop', ...used],
    })
  })

  it('keeps references from the frame that ends', () => {
    refuses(/a reference to a local is returned/, {
      parameters: [u64],
      returns: [ref(u64)],
      code: [['ImmBorrowLoc', 0], 'Ret'],
    })
    refuses(/a reference to a local is returned/, {
      parameters: anOuter,
      returns: [ref(u64)],
      code: [['MutBorrowLoc', 0], ['Call', callShow], 'Ret'],
    })
    load({ parameters: given, returns: [ref(u64)], code: [['MoveLoc', 0], ['Call', callShow], 'Ret'] })
    refuses(/a mutable reference is returned while it is borrowed/, {
      parameters: given,
      returns: [ref(u64, true), ref(u64, true)],
      code: [['CopyLoc', 0], ['MutBorrowField', outerB], ['MoveLoc', 0], ['MutBorrowField', outerB], 'Ret'],
    })
  })

  it('writes and reads through references that are alone', () => {
    const parts = { parameters: given, locals: [ref(u64, true)] }
    const field: FunctionParts['code'] = [
      ['CopyLoc', 0],
      ['MutBorrowField', outerB],
      ['StLoc', 1],
    ]
    refuses(/read while it is borrowed mutably/, {
      ...parts,
      code: [...field, ['MoveLoc', 0], 'ReadRef', 'Pop', ['MoveLoc', 1], 'ReadRef', 'Pop', 'Ret'],
    })
    refuses(/written through while it is borrowed/, {
      ...parts,
      code: [
        ...field,
        ['LdU64', 1n],
        ['Pack', inner],
        ['LdU64', 2n],
        ['Pack', outer],
        ['MoveLoc', 0],
        'WriteRef',
        ['LdU64', 3n],
        ['MoveLoc', 1],
        'WriteRef',
        'Ret',
      ],
    })
    refuses(/frozen while it is borrowed mutably/, {
      ...parts,
      code: [...field, ['MoveLoc', 0], 'FreezeRef', 'Pop', ['MoveLoc', 1], 'ReadRef', 'Pop', 'Ret'],
    })
    refuses(/read while it is borrowed mutably/, {
      ...parts,
      code: [...field, ['CopyLoc', 0], ['MoveLoc', 0], 'Eq', 'Pop', ['MoveLoc', 1], 'ReadRef', 'Pop', 'Ret'],
    })
    load({
      ...parts,
      code: [...field, ['MoveLoc', 1], 'ReadRef', 'Pop', ['MoveLoc', 0], 'ReadRef', 'Pop', 'Ret'],
    })
  })

  it('lets different fields be borrowed beside each other', () => {
    const parts = { parameters: given, locals: [ref(u64, true)] }
    const field: FunctionParts['code'] = [
      ['CopyLoc', 0],
      ['MutBorrowField', outerB],
      ['StLoc', 1],
    ]
    const used: FunctionParts['code'] = [['LdU64', 3n], ['MoveLoc', 1], 'WriteRef', 'Ret']
    load({
      ...parts,
      code: [
        ...field,
        ['MoveLoc', 0],
        ['ImmBorrowField', outerA],
        ['ImmBorrowField', innerN],
        'ReadRef',
        'Pop',
        ...used,
      ],
    })
    refuses(/a field is borrowed while it is borrowed mutably/, {
      ...parts,
      code: [...field, ['MoveLoc', 0], ['ImmBorrowField', outerB], 'ReadRef', 'Pop', ...used],
    })
    // a mutable borrow of the same field is parted from: what was borrowed before may not be used any more
    refuses(/written through while it is borrowed|read while/, {
      ...parts,
      locals: [ref(u64, true), ref(u64, true)],
      code: [
        ...field,
        ['MoveLoc', 0],
        ['MutBorrowField', outerB],
        ['StLoc', 2],
        ['LdU64', 3n],
        ['MoveLoc', 2],
        'WriteRef',
        ...used,
      ],
    })
  })

  it('passes mutable references on only when they are alone, and follows what calls return', () => {
    refuses(/passed on while it is borrowed/, {
      parameters: given,
      locals: [ref(u64)],
      code: [
        ['CopyLoc', 0],
        ['ImmBorrowField', outerB],
        ['StLoc', 1],
        ['MoveLoc', 0],
        ['MoveLoc', 1],
        ['Call', callBoth],
        'Ret',
      ],
    })
    refuses(/local 0 is moved while it is borrowed/, {
      parameters: anOuter,
      locals: [ref(u64, true)],
      code: [
        ['MutBorrowLoc', 0],
        ['Call', callOf],
        ['StLoc', 1],
        ['MoveLoc', 0],
        'Pop',
        ['LdU64', 1n],
        ['MoveLoc', 1],
        'WriteRef',
        'Ret',
      ],
    })
    load({
      parameters: anOuter,
      locals: [ref(u64, true)],
      code: [
        ['MutBorrowLoc', 0],
        ['Call', callOf],
        ['StLoc', 1],
        ['LdU64', 1n],
        ['MoveLoc', 1],
        'WriteRef',
        ['MoveLoc', 0],
        'Pop',
        'Ret',
      ],
    })
  })

  it('keeps elements and their vector apart', () => {
    const parts = { parameters: [ref(vector, true)], locals: [ref(u64, true)] }
    const element: FunctionParts['code'] = [
      ['CopyLoc', 0],
      ['LdU64', 0n],
      ['VecMutBorrow', elements],
      ['StLoc', 1],
    ]
    const used: FunctionParts['code'] = [['MoveLoc', 1], 'ReadRef', 'Pop', 'Ret']
    refuses(/a vector is changed while it is borrowed/, {
      ...parts,
      code: [...element, ['MoveLoc', 0], ['VecPopBack', elements], 'Pop', ...used],
    })
    refuses(/a vector is changed while it is borrowed/, {
      ...parts,
      code: [...element, ['MoveLoc', 0], ['LdU64', 1n], ['VecPushBack', elements], ...used],
    })
    refuses(/a vector is changed while it is borrowed/, {
      ...parts,
      code: [...element, ['MoveLoc', 0], ['LdU64', 0n], ['LdU64', 0n], ['VecSwap', elements], ...used],
    })
    refuses(/an element is borrowed mutably while/, {
      ...parts,
      code: [...element, ['MoveLoc', 0], ['LdU64', 0n], ['VecMutBorrow', elements], 'Pop', ...used],
    })
    load({
      ...parts,
      code: [
        ...element,
        ['MoveLoc', 1],
        'ReadRef',
        'Pop',
        ['MoveLoc', 0],
        ['VecPopBack', elements],
        'Pop',
        'Ret',
      ],
    })
  })

  it('follows borrows over branches and around loops', () => {
    // borrowed on one path only
    refuses(/local 0 is moved while it is borrowed/, {
      parameters: [u64, u64, bool],
      locals: [ref(u64)],
      code: [
        ['MoveLoc', 2],
        ['BrTrue', 5],
        ['ImmBorrowLoc', 0],
        ['StLoc', 3],
        ['Branch', 7],
        ['ImmBorrowLoc', 1],
        ['StLoc', 3],
        ['MoveLoc', 0],
        'Pop',
        ['MoveLoc', 3],
        'ReadRef',
        'Pop',
        'Ret',
      ],
    })
    // the reference of one round lives when the next one writes
    refuses(/overwritten while it is borrowed/, {
      parameters: [u64, u64],
      locals: [ref(u64)],
      code: [
        ['ImmBorrowLoc', 1],
        ['StLoc', 2],
        ['LdU64', 1n],
        ['StLoc', 0],
        ['CopyLoc', 2],
        'ReadRef',
        'Pop',
        ['ImmBorrowLoc', 0],
        ['StLoc', 2],
        ['Branch', 2],
      ],
    })
    load({
      parameters: [u64, u64],
      locals: [ref(u64)],
      code: [
        ['LdU64', 1n],
        ['StLoc', 0],
        ['ImmBorrowLoc', 0],
        ['StLoc', 2],
        ['MoveLoc', 2],
        'ReadRef',
        'Pop',
        ['Branch', 0],
      ],
    })
  })

  it('keeps variants and what is in them apart', () => {
    const handmade = new Handmade()
    handmade.module.version = 7
    const handle =
      handmade.module.datatypeHandles.push({
        module: 0,
        name: 'Choice',
        abilities: copy | drop,
        typeParameters: [],
      }) - 1
    handmade.module.enums.push({
      handle,
      variants: [
        {
          name: 'A',
          fields: [
            { name: 'x', type: u64 },
            { name: 'y', type: u64 },
          ],
        },
      ],
    })
    handmade.module.variantHandles.push({ target: 0, variant: 0 })
    handmade.function('f', {
      parameters: [ref(datatype(handle), true)],
      locals: [ref(u64, true)],
      code: [
        ['CopyLoc', 0],
        ['UnpackVariantMutRef', 0],
        'Pop',
        ['StLoc', 1],
        ['LdU64', 1n],
        ['LdU64', 2n],
        ['PackVariant', 0],
        ['MoveLoc', 0],
        'WriteRef',
        ['LdU64', 1n],
        ['MoveLoc', 1],
        'WriteRef',
        'Ret',
      ],
    })
    refusesModule(handmade, /written through while it is borrowed/)
  })

  it('refuses what keeps a borrowed item and takes it apart', () => {
    refuses(/local 0 is moved while it is borrowed/, {
      returns: [u64],
      parameters: anOuter,
      locals: [ref(datatype(inner), true)],
      code: [
        ['MutBorrowLoc', 0],
        ['MutBorrowField', outerA],
        ['StLoc', 1],
        ['MoveLoc', 0],
        ['Unpack', outer],
        'Pop',
        ['Unpack', inner],
        'Pop',
        ['MoveLoc', 1],
        ['ImmBorrowField', innerN],
        'ReadRef',
        'Ret',
      ],
    })
  })

  it('stops besides when a value is read that was moved away, of any type', () => {
    const vm = load({ parameters: [u64], code: ['Ret'] })
    const fn = vm.function(handmadeAddress, 'handmade', 'f') as FunctionImpl
    const stops = (ops: Op[], value: Value): void => {
      fn.body = { ops, locals: 1, steps: 0 }
      const runtime = {
        vm,
        body: () => assert.fail('it is verified'),
        native: () => assert.fail('no native'),
        instantiate: () => assert.fail('no types'),
      }
      assert.throws(
        () => run(runtime, fn, [], [value], contextWith()),
        error => error instanceof VmError && error.kind === 'VMInvariantViolation',
      )
    }
    const move = new Op(0x0b)
    for (const value of [1, 1n, true, '0x1', [], [1]]) {
      for (const again of [0x0a, 0x80, 0x0b]) stops([move, new Op(again), new Op(0x02)], value)
      for (const read of [0x14, 0x81]) stops([move, new Op(0x0e), new Op(read), new Op(0x02)], value)
    }
  })
})
