import assert from 'node:assert/strict'
import { parseModule } from '../../../chain/localnet/vm/format/parse.ts'
import { type Value, VmError } from '../../../chain/localnet/vm/index.ts'
import { assemble } from './support/assemble.ts'
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
import { compileProbe, contextWith, loadProbe } from './support/probe.ts'

const copy = 1
const drop = 2
const store = 4
const key = 8

/** A resource type: neither copied nor dropped. */
const withPotato = (parts: (potato: number) => FunctionParts): Handmade => {
  const handmade = new Handmade()
  handmade.function('f', parts(handmade.struct('Potato', 0, [{ name: 'n', type: u64 }])))
  return handmade
}

describe('vm verifier', () => {
  it('accepts and runs a handmade module', () => {
    const vm = load(
      single({ parameters: [u64], returns: [u64], code: [['CopyLoc', 0], ['LdU64', 2n], 'Mul', 'Ret'] }),
    )
    assert.deepEqual(vm.call(vm.function(handmadeAddress, 'handmade', 'f'), [], [21n], contextWith()), [42n])
  })

  it('refuses code that breaks the stack', () => {
    refuses(single({ code: ['Pop', 'Ret'] }), /the stack is empty/)
    refuses(single({ code: [['LdU64', 1n], 'Ret'] }), /left on the stack/)
    refuses(single({ returns: [u64], code: ['Ret'] }), /the stack is empty/)
    refuses(single({ code: [['LdU64', 1n], ['Branch', 2], 'Pop', 'Ret'] }), /left on the stack/)
    refuses(single({ code: [...Array<'LdTrue'>(1025).fill('LdTrue'), 'Ret'] }), /too many values/)
  })

  it('refuses jumps out of the code and code without an end', () => {
    refuses(single({ code: [['Branch', 5]] }), /jump out/)
    refuses(single({ code: ['LdTrue', ['BrTrue', 9], 'Ret'] }), /jump out/)
    refuses(single({ code: ['Nop'] }), /does not end/)
    refuses(single({ code: [] }), /does not end/)
  })

  it('refuses operands of the wrong type', () => {
    refuses(single({ code: [['LdU64', 1n], 'LdTrue', 'Add', 'Pop', 'Ret'] }), /expected/)
    refuses(single({ code: ['LdTrue', 'LdTrue', 'Add', 'Pop', 'Ret'] }), /an integer expected/)
    refuses(single({ code: [['LdU64', 1n], ['BrTrue', 0], 'Ret'] }), /bool expected/)
    refuses(single({ code: [['LdU8', 1], 'Abort'] }), /u64 expected/)
    refuses(single({ parameters: [u64], code: ['LdTrue', ['StLoc', 0], 'Ret'] }), /u64 expected/)
    refuses(single({ returns: [u64], code: ['LdTrue', 'Ret'] }), /u64 expected/)
    refuses(
      single({ parameters: [u64], code: [['CopyLoc', 0], 'ReadRef', 'Pop', 'Ret'] }),
      /a reference expected/,
    )
    refuses(
      single({ parameters: [u64], code: [['LdU64', 1n], ['ImmBorrowLoc', 0], 'WriteRef', 'Ret'] }),
      /mutable reference/,
    )
    refuses(single({ code: [['LdU64', 1n], ['LdU64', 70n], 'Shl', 'Pop', 'Ret'] }), /u8 expected/)
  })

  it('refuses locals that may hold nothing', () => {
    refuses(single({ code: [['CopyLoc', 0], 'Pop', 'Ret'] }), /no local/)
    refuses(single({ locals: [u64], code: [['CopyLoc', 0], 'Pop', 'Ret'] }), /may hold no value/)
    refuses(
      single({ parameters: [u64], code: [['MoveLoc', 0], 'Pop', ['MoveLoc', 0], 'Pop', 'Ret'] }),
      /may hold no value/,
    )
    // set on one of two paths only
    refuses(
      single({
        parameters: [bool],
        locals: [u64],
        code: [['CopyLoc', 0], ['BrFalse', 4], ['LdU64', 1n], ['StLoc', 1], ['CopyLoc', 1], 'Pop', 'Ret'],
      }),
      /may hold no value/,
    )
    // moved away in a loop's first round
    refuses(single({ parameters: [u64], code: [['MoveLoc', 0], 'Pop', ['Branch', 0]] }), /may hold no value/)
  })

  it('keeps what cannot be copied or dropped whole', () => {
    const made: FunctionParts['code'] = [
      ['LdU64', 1n],
      ['Pack', 0],
    ]
    refuses(
      withPotato(() => ({ code: [...made, 'Pop', 'Ret'] })),
      /lacks an ability/,
    )
    refuses(
      withPotato(p => ({ locals: [datatype(p)], code: [...made, ['StLoc', 0], 'Ret'] })),
      /is left/,
    )
    refuses(
      withPotato(p => ({
        locals: [datatype(p)],
        code: [...made, ['StLoc', 0], ...made, ['StLoc', 0], 'Ret'],
      })),
      /overwritten/,
    )
    refuses(
      withPotato(p => ({ parameters: [datatype(p)], code: [['CopyLoc', 0], ['Unpack', 0], 'Pop', 'Ret'] })),
      /lacks an ability/,
    )
    refuses(
      withPotato(p => ({
        parameters: [ref(datatype(p))],
        code: [['CopyLoc', 0], 'ReadRef', ['Unpack', 0], 'Pop', 'Ret'],
      })),
      /lacks an ability/,
    )
    refuses(
      withPotato(p => ({
        parameters: [ref(datatype(p), true)],
        code: [...made, ['CopyLoc', 0], 'WriteRef', 'Ret'],
      })),
      /lacks an ability/,
    )
    refuses(
      withPotato(p => ({
        parameters: [datatype(p), datatype(p)],
        code: [['MoveLoc', 0], ['MoveLoc', 1], 'Eq', 'Pop', 'Ret'],
      })),
      /lacks an ability/,
    )
    load(
      withPotato(p => ({ parameters: [datatype(p)], code: [['MoveLoc', 0], ['Unpack', 0], 'Pop', 'Ret'] })),
    )
  })

  it('stops when a value holds itself', () => {
    const handmade = new Handmade()
    const vectors = { kind: 'vector', element: { kind: 'vector', element: u64 } } as const
    handmade.function('f', { parameters: [vectors], code: [['CopyLoc', 0], 'Pop', 'Ret'] })
    const vm = load(handmade)
    const cyclic: Value[] = []
    cyclic.push(cyclic)
    assert.throws(
      () => vm.call(vm.function(handmadeAddress, 'handmade', 'f'), [], [cyclic], contextWith(1e9)),
      error => error instanceof VmError && error.kind === 'VMInvariantViolation',
    )
  })

  it('refuses indexes that lead nowhere', () => {
    for (const name of [
      'LdConst',
      'Call',
      'CallGeneric',
      'Pack',
      'PackGeneric',
      'ImmBorrowField',
      'VecLen',
    ] as const)
      refuses(
        single({ parameters: [ref(u64)], code: [['MoveLoc', 0], [name, 77], 'Pop', 'Ret'] }),
        /does not exist/,
      )
    refuses(single({ parameters: [datatype(3)], code: ['Ret'] }), /does not exist/)
    refuses(single({ parameters: [{ kind: 'parameter', index: 0 }], code: ['Ret'] }), /bad type/)
    const handmade = single({ code: ['Ret'] })
    handmade.module.self = 4
    refuses(handmade, /does not exist/)
  })

  it('refuses types that hold themselves', () => {
    const handmade = new Handmade()
    handmade.struct('A', drop, [{ name: 'b', type: datatype(1) }])
    handmade.struct('B', drop, [{ name: 'a', type: { kind: 'vector', element: datatype(0) } }])
    refuses(handmade, /holds itself/)
  })

  it('refuses types that nest too deep', () => {
    const handmade = new Handmade()
    handmade.struct('S0', drop, [{ name: 'x', type: u64 }])
    for (let i = 1; i < 200; i++) handmade.struct(`S${i}`, drop, [{ name: 'x', type: datatype(i - 1) }])
    refuses(handmade, /nests too deep/)
  })

  it('refuses fields that lack what their struct claims', () => {
    const handmade = new Handmade()
    handmade.struct('Potato', 0, [{ name: 'n', type: u64 }])
    handmade.struct('Bag', copy | drop, [{ name: 'p', type: datatype(0) }])
    refuses(handmade, /lacks an ability/)
    const generic = new Handmade()
    generic.struct('Box', copy | drop, [{ name: 't', type: { kind: 'parameter', index: 0 } }], [0])
    load(generic) // copied only when its parameter can be
    const object = new Handmade()
    object.struct('Thing', key | store, [{ name: 'n', type: u64 }])
    refuses(object, /start with its UID/)
  })

  it('refuses fields that hold a phantom parameter', () => {
    const handmade = new Handmade()
    handmade.struct('Box', copy | drop, [{ name: 't', type: { kind: 'parameter', index: 0 } }], [0])
    handmade.module.datatypeHandles[0]!.typeParameters[0]!.isPhantom = true
    refuses(handmade, /holds a phantom/)
    const tag = new Handmade()
    tag.struct('Tag', copy | drop, [{ name: 'n', type: u64 }], [0])
    tag.module.datatypeHandles[0]!.typeParameters[0]!.isPhantom = true
    load(tag)
  })

  it('refuses to make a one-time witness', () => {
    const handmade = new Handmade()
    handmade.struct('HANDMADE', drop, [{ name: 'dummy_field', type: bool }])
    handmade.function('f', { code: ['LdTrue', ['Pack', 0], 'Pop', 'Ret'] })
    refuses(handmade, /one-time witness/)
  })

  it('refuses initializers of another shape', () => {
    for (const parts of [{}, { parameters: [u64] }, { visibility: 'public' as const }]) {
      const handmade = new Handmade()
      handmade.function('init', { visibility: 'private', ...parts, code: ['Ret'] })
      refuses(handmade, /no initializer/)
    }
  })

  it('refuses names that occur twice, and references in fields', () => {
    const twice = new Handmade()
    twice.function('f', { code: ['Ret'] })
    twice.function('f', { code: ['Ret'] })
    refuses(twice, /occurs twice/)
    const types = new Handmade()
    types.struct('A', drop, [{ name: 'x', type: u64 }])
    types.struct('A', drop, [{ name: 'x', type: u64 }])
    refuses(types, /occurs twice/)
    const field = new Handmade()
    field.struct('A', drop, [{ name: 'x', type: ref(u64) }])
    refuses(field, /bad type/)
  })

  describe('beside a real package', () => {
    let probe: Awaited<ReturnType<typeof compileProbe>>
    before(async () => {
      probe = await compileProbe()
    })

    it('reads and writes every module alike', () => {
      for (const bytes of probe.compiled.modules) {
        const module = parseModule(bytes)
        const again = parseModule(assemble(module))
        const plain = (value: typeof module) =>
          JSON.parse(
            JSON.stringify({ ...value, addressIndex: 0 }, (name, part) => {
              if (name === 'addressIndex') return 0
              return typeof part === 'bigint' ? `${part}n` : part
            }),
          )
        assert.deepEqual(plain(again), plain(module))
      }
    })

    const calling = (name: string, parts: Omit<FunctionParts, 'code'> = {}): Handmade => {
      const handmade = new Handmade()
      handmade.functionHandle(handmade.import(probe.address, 'shapes'), name, parts)
      handmade.function('f', {
        returns: parts.returns,
        code: [['Call', 0], 'Ret'],
      })
      return handmade
    }

    it('refuses calls of what is private, elsewhere or otherwise declared', () => {
      const vm = loadProbe(probe)
      refuses(calling('hidden', { returns: [u64] }), /not visible/, { vm })
      refuses(calling('shown', { returns: [u64] }), /not visible/, { vm })
      refuses(calling('missing', { returns: [u64] }), /no function/, { vm })
      refuses(calling('copies', { returns: [u64] }), /takes it for/, { vm })
      load(calling('copies', { returns: [bool] }), { vm })
    })

    it('refuses to transfer or emit types of other modules', () => {
      const vm = loadProbe(probe)
      const framework = `0x${'2'.padStart(64, '0')}`
      const handmade = new Handmade()
      const shapes = handmade.import(probe.address, 'shapes')
      handmade.module.datatypeHandles.push({
        module: shapes,
        name: 'Seen',
        abilities: copy | drop,
        typeParameters: [],
      })
      const emit = handmade.functionHandle(handmade.import(framework, 'event'), 'emit', {
        parameters: [{ kind: 'parameter', index: 0 }],
        typeParameters: [copy | drop],
      })
      handmade.module.functionInstantiations.push({
        target: emit,
        signature: handmade.signature([datatype(0)]),
      })
      handmade.function('f', {
        parameters: [datatype(0)],
        code: [['MoveLoc', 0], ['CallGeneric', 0], 'Ret'],
      })
      refuses(handmade, /only for types of the calling module/, { vm })
    })

    it('refuses permits for types of other modules', () => {
      const system = (digit: string) => `0x${digit.padStart(64, '0')}`
      const making = (isOwn: boolean): Handmade => {
        const handmade = new Handmade()
        const mine = handmade.struct('Mine', drop, [{ name: 'x', type: u64 }])
        const internal = handmade.import(system('1'), 'internal')
        const handle = (module: number, name: string, abilities: number, parameters: number): number =>
          handmade.module.datatypeHandles.push({
            module,
            name,
            abilities,
            typeParameters: Array.from({ length: parameters }, () => ({ constraints: 0, isPhantom: true })),
          }) - 1
        const sui = handle(handmade.import(system('2'), 'sui'), 'SUI', drop, 0)
        const permit = handle(internal, 'Permit', drop, 1)
        const target = handmade.functionHandle(internal, 'permit', {
          returns: [datatype(permit, { kind: 'parameter', index: 0 })],
          typeParameters: [0],
        })
        const type = datatype(isOwn ? mine : sui)
        handmade.module.functionInstantiations.push({ target, signature: handmade.signature([type]) })
        handmade.function('f', { returns: [datatype(permit, type)], code: [['CallGeneric', 0], 'Ret'] })
        return handmade
      }
      load(making(true), { vm: loadProbe(probe) })
      refuses(making(false), /only for types of the calling module/, { vm: loadProbe(probe) })
    })

    it('refuses to make an object around the ID of another', () => {
      const framework = `0x${'2'.padStart(64, '0')}`
      /** `f(uid, choice, ctx)` that packs a Thing; `code` leaves the UID on the stack. */
      const making = (code: (fresh: number) => FunctionParts['code']): Handmade => {
        const handmade = new Handmade()
        const foreign = (module: string, name: string, abilities: number): number =>
          handmade.module.datatypeHandles.push({
            module: handmade.import(framework, module),
            name,
            abilities,
            typeParameters: [],
          }) - 1
        const uid = foreign('object', 'UID', store)
        const context = foreign('tx_context', 'TxContext', drop)
        const thing = handmade.struct('Thing', key, [{ name: 'id', type: datatype(uid) }])
        const fresh = handmade.functionHandle(1, 'new', {
          parameters: [ref(datatype(context), true)],
          returns: [datatype(uid)],
        })
        handmade.function('f', {
          parameters: [datatype(uid), bool, ref(datatype(context), true)],
          returns: [datatype(thing), datatype(uid)],
          locals: [datatype(uid)],
          code: code(fresh),
        })
        return handmade
      }
      const made: FunctionParts['code'] = [['Pack', 0], ['MoveLoc', 0], 'Ret']
      load(
        making(fresh => [['MoveLoc', 2], ['Call', fresh], ...made]),
        { vm: loadProbe(probe) },
      )
      load(
        making(fresh => [
          ['MoveLoc', 2],
          ['Call', fresh],
          ['StLoc', 3],
          ['Branch', 4],
          ['MoveLoc', 3],
          ...made,
        ]),
        { vm: loadProbe(probe) },
      )
      const around = /UID that is not new/
      refuses(
        making(fresh => [['MoveLoc', 0], ['Pack', 0], ['MoveLoc', 2], ['Call', fresh], 'Ret']),
        around,
        { vm: loadProbe(probe) },
      )
      // new on one of two paths only
      const either = (fresh: number): FunctionParts['code'] => [
        ['MoveLoc', 2],
        ['Call', fresh],
        ['StLoc', 3],
        ['MoveLoc', 1],
        ['BrTrue', 9],
        ['MoveLoc', 0],
        ['MoveLoc', 3],
        ['StLoc', 0],
        ['StLoc', 3],
        ['MoveLoc', 3],
        ...made,
      ]
      refuses(making(either), around, { vm: loadProbe(probe) })
    })

    it('refuses packages whose dependencies are missing', () => {
      refuses(calling('copies', { returns: [bool] }), /not loaded/)
    })
  })
})
