import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import fc from 'fast-check'
import { createVm, EnumValue, type Value, type Vm, VmError } from '../../../chain/localnet/vm/index.ts'
import { random } from './support/expressions.ts'
import { compileProbe, loadProbe } from './support/probe.ts'
import { anyValue } from './support/values.ts'

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'))

describe('vm bcs', () => {
  let vm: Vm
  let type: (text: string) => ReturnType<Vm['types']['fromTag']>
  before(async () => {
    const probe = await compileProbe()
    vm = loadProbe(probe)
    type = text => vm.types.fromTag(text.replaceAll('probe::', `${probe.address}::`))
  })

  const refuses = (typeText: string, bytes: string, reason: RegExp, pure = false): void => {
    assert.throws(
      () => vm.deserialize(type(typeText), hex(bytes), { pure }),
      error =>
        error instanceof VmError && error.kind === 'DeserializationError' && reason.test(error.message),
      `${typeText} ${bytes}`,
    )
  }

  it('writes what Sui’s own library writes', () => {
    const cases: [string, Value, Uint8Array][] = [
      ['u8', 255, bcs.u8().serialize(255).toBytes()],
      ['u16', 513, bcs.u16().serialize(513).toBytes()],
      [
        'u32',
        2 ** 32 - 2,
        bcs
          .u32()
          .serialize(2 ** 32 - 2)
          .toBytes(),
      ],
      [
        'u64',
        2n ** 64n - 2n,
        bcs
          .u64()
          .serialize(2n ** 64n - 2n)
          .toBytes(),
      ],
      [
        'u128',
        2n ** 127n + 3n,
        bcs
          .u128()
          .serialize(2n ** 127n + 3n)
          .toBytes(),
      ],
      [
        'u256',
        2n ** 255n + 7n,
        bcs
          .u256()
          .serialize(2n ** 255n + 7n)
          .toBytes(),
      ],
      ['bool', true, bcs.bool().serialize(true).toBytes()],
      ['address', `0x${'c3'.repeat(32)}`, bcs.Address.serialize(`0x${'c3'.repeat(32)}`).toBytes()],
      ['vector<u16>', [1, 2, 300], bcs.vector(bcs.u16()).serialize([1, 2, 300]).toBytes()],
      [
        'vector<vector<u8>>',
        [[1], []],
        bcs
          .vector(bcs.byteVector())
          .serialize([Uint8Array.of(1), new Uint8Array()])
          .toBytes(),
      ],
      ['0x1::option::Option<u64>', [[5n]], bcs.option(bcs.u64()).serialize(5n).toBytes()],
      ['0x1::string::String', [[...Buffer.from('hé')]], bcs.string().serialize('hé').toBytes()],
      ['probe::shapes::Shape<u8>', new EnumValue(2, [3, 4]), Uint8Array.of(2, 3, 4)],
    ]
    for (const [text, value, bytes] of cases) {
      assert.deepEqual(vm.serialize(type(text), value), bytes, text)
      assert.deepEqual(vm.deserialize(type(text), bytes), value, text)
    }
    const long = Array.from({ length: 200 }, (_, i) => i)
    assert.deepEqual(
      vm.serialize(type('vector<u8>'), long),
      bcs.byteVector().serialize(Uint8Array.from(long)).toBytes(),
    )
  })

  it('reads back whatever it writes', () => {
    const types = [
      'probe::shapes::Pair<vector<u128>, probe::shapes::Shape<probe::shapes::Pair<u8, address>>>',
      'vector<probe::shapes::Thing>',
      'vector<vector<vector<bool>>>',
      '0x2::vec_map::VecMap<u16, vector<u256>>',
    ].map(text => type(text))
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(...types), (seed, type) => {
        const value = anyValue(vm, type, random(seed))
        assert.deepEqual(vm.deserialize(type, vm.serialize(type, value)), value)
      }),
      { numRuns: 200 },
    )
  })

  it('reads at most one encoding of each value', () => {
    const types = ['vector<bool>', 'vector<vector<u8>>', 'probe::shapes::Shape<u16>', 'vector<u64>'].map(
      text => type(text),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), fc.constantFrom(...types), (bytes, type) => {
        let value: Value
        try {
          value = vm.deserialize(type, bytes)
        } catch (error) {
          assert.ok(error instanceof VmError && error.kind === 'DeserializationError', String(error))
          return
        }
        assert.deepEqual(vm.serialize(type, value), bytes)
      }),
      { numRuns: 1000 },
    )
  })

  it('refuses everything else', () => {
    refuses('bool', '02', /neither/)
    refuses('u64', '01', /too few/)
    refuses('u8', '0102', /trailing/)
    refuses('u8', '', /too few/)
    refuses('vector<u8>', '8000', /shortest/)
    refuses('vector<u8>', '8100 00', /shortest/)
    refuses('vector<u8>', 'ffffffff0f', /too large|too few/)
    refuses('vector<u8>', 'ffffffffff01', /too large/)
    refuses('vector<u64>', 'ffff03 00', /too few/)
    refuses('probe::shapes::Shape<u8>', '03', /unknown variant/)
    refuses('address', '00'.repeat(31), /too few/)
  })

  it('takes as pure arguments what Sui takes', () => {
    const take = (text: string, bytes: string) => vm.deserialize(type(text), hex(bytes), { pure: true })
    assert.deepEqual(take('0x1::string::String', '026869'), [[104, 105]])
    assert.deepEqual(take('vector<0x1::option::Option<u8>>', '02 00 0107'), [[[]], [[7]]])
    assert.deepEqual(take('0x2::object::ID', '0a'.repeat(32)), [`0x${'0a'.repeat(32)}`])
    refuses('0x1::string::String', '01ff', /UTF-8/, true)
    refuses('0x1::ascii::String', '0180', /ASCII/, true)
    refuses('vector<0x1::string::String>', '02 0161 01ff', /UTF-8/, true)
    refuses('0x1::option::Option<u8>', '020101', /more than one/, true)
    refuses('0x1::option::Option<0x1::string::String>', '01 01ff', /UTF-8/, true)
    refuses('probe::shapes::Pair<u8, u8>', '0101', /not a type/, true)
    refuses('vector<probe::shapes::Pair<u8, u8>>', '00', /not a type/, true)
    refuses('0x1::option::Option<probe::shapes::Pair<u8, u8>>', '00', /not a type/, true)
  })

  it('takes no value for a type that is not there', () => {
    assert.throws(() => vm.deserialize(type('0x2::nowhere::Nothing'), hex('00')), VmError)
  })
})

describe('vm types', () => {
  const { types } = createVm()

  it('are identical when equal', () => {
    const text = '0x2::coin::Coin<vector<0x2::sui::SUI>>'
    assert.equal(types.fromTag(text), types.fromTag(text))
    assert.equal(types.fromTag(text).text, types.fromTag(types.toTag(types.fromTag(text))).text)
    assert.notEqual(types.vector(types.primitive('u8')), types.vector(types.primitive('u16')))
    assert.notEqual(types.fromTag('0x2::a::B<u8, u16>'), types.fromTag('0x2::a::B<u16, u8>'))
    const full = `0x${'2'.padStart(64, '0')}`
    assert.equal(types.fromTag('0x2::a::B<u8,  vector<u16>>').text, `${full}::a::B<u8, vector<u16>>`)
  })

  it('agree with Sui’s tags', () => {
    const texts = ['u8', 'vector<address>', '0x2::a::B<0x3::c::D, vector<u256>>']
    for (const text of texts) {
      const tag = types.toTag(types.fromTag(text))
      assert.equal(
        types.fromTag(bcs.TypeTag.parse(bcs.TypeTag.serialize(tag as never).toBytes())),
        types.fromTag(text),
      )
    }
  })

  it('fill in parameters', () => {
    const open = types.datatype('0x1', 'a', 'B', [types.vector(types.parameter(1)), types.parameter(0)])
    assert.equal(open.isOpen, true)
    const closed = types.instantiate(open, [types.primitive('u8'), types.primitive('bool')])
    assert.equal(closed.text, '0x1::a::B<vector<bool>, u8>')
    assert.equal(closed.isOpen, false)
  })

  it('refuse tags that are none, and names that could pass for another type', () => {
    for (const text of ['', 'u9', '0x2::a', '0x2::a::B<', '0xzz::a::B', 'vector<>'])
      assert.throws(() => types.fromTag(text), VmError, text)
    const struct = { address: '0x2', module: 'a', name: 'B<u8>', typeParams: [] }
    assert.throws(() => types.fromTag({ struct }), VmError)
    assert.throws(() => types.fromTag({ struct: { ...struct, name: 'B::C' } }), VmError)
  })

  it('are bounded in size', () => {
    let type: ReturnType<typeof types.fromTag> = types.primitive('u8')
    assert.throws(() => {
      for (let i = 0; i < 1000; i++) type = types.vector(type)
    }, /TYPE_TOO_LARGE/)
    type = types.primitive('u8')
    assert.throws(() => {
      for (let i = 0; i < 30; i++) type = types.datatype('0x1', 'a', 'B', [type, type])
    }, /TYPE_TOO_LARGE/)
  })
})
