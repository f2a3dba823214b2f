import assert from 'node:assert/strict'
import { createVm, type Value, type Vm, VmError } from '../../../chain/localnet/vm/index.ts'
import { assemble } from './support/assemble.ts'
import { bool, datatype, Handmade, u64 } from './support/handmade.ts'
import { contextWith } from './support/probe.ts'

const id = (digit: string): string => `0x${digit.repeat(64)}`
const [libV1, libV2, user, app] = ['a', 'b', 'c', 'd'].map(id) as [string, string, string, string]
const drop = 2

const handmade = (address: string, name: string): Handmade => {
  const result = new Handmade()
  result.module.moduleHandles[0] = { addressIndex: 0, address, name }
  return result
}

/** `lib`: value() and a type; the second version answers otherwise and has a type more. */
function lib(version: bigint): Uint8Array {
  const module = handmade(libV1, 'lib')
  module.function('value', { returns: [u64], code: [['LdU64', version], 'Ret'] })
  module.struct('Old', drop, [{ name: 'n', type: u64 }])
  module.function('old', { returns: [datatype(0)], code: [['LdU64', version], ['Pack', 0], 'Ret'] })
  module.function('read', {
    parameters: [datatype(0)],
    returns: [u64],
    code: [['MoveLoc', 0], ['Unpack', 0], 'Ret'],
  })
  if (version > 1n) {
    module.struct('New', drop, [{ name: 'b', type: bool }])
    module.function('fresh', { returns: [datatype(1)], code: ['LdTrue', ['Pack', 1], 'Ret'] })
  }
  return assemble(module.module)
}

/** Calls `name` of a module of another package and returns what it returns. */
function forwarding(address: string, module: string, target: string, targetModule: string): Uint8Array {
  const made = handmade(address, module)
  made.functionHandle(made.import(target, targetModule), 'value', { returns: [u64] })
  made.function('value', { returns: [u64], code: [['Call', 0], 'Ret'] })
  return assemble(made.module)
}

const origins = new Map([['lib::Old', libV1]])

describe('vm linkage', () => {
  let vm: Vm
  const call = (packageId: string, module: string, name: string, args: Value[] = []): Value[] =>
    vm.call(vm.function(packageId, module, name), [], args, contextWith())

  beforeEach(() => {
    vm = createVm()
    vm.loadPackage({ id: libV1, modules: [lib(1n)] })
    vm.loadPackage({ id: libV2, originalId: libV1, modules: [lib(2n)], typeOrigins: origins })
    vm.loadPackage({
      id: user,
      modules: [forwarding(user, 'user', libV1, 'lib')],
      linkage: new Map([[libV1, libV1]]),
    })
  })

  it('runs both versions of a package', () => {
    assert.deepEqual(call(libV1, 'lib', 'value'), [1n])
    assert.deepEqual(call(libV2, 'lib', 'value'), [2n])
    assert.throws(() => call(libV1, 'lib', 'fresh'), VmError)
  })

  it('names types by the version that introduced them', () => {
    const returned = (packageId: string, name: string) => vm.function(packageId, 'lib', name).returns[0]!.text
    assert.equal(returned(libV1, 'old'), `${libV1}::lib::Old`)
    assert.equal(returned(libV2, 'old'), `${libV1}::lib::Old`)
    assert.equal(returned(libV2, 'fresh'), `${libV2}::lib::New`)
    assert.equal(vm.function(libV1, 'lib', 'old').returns[0], vm.function(libV2, 'lib', 'read').parameters[0])
    // a value of the first version is one of the second
    assert.deepEqual(call(libV2, 'lib', 'read', [call(libV1, 'lib', 'old')[0]!]), [1n])
    assert.equal(vm.abilities(vm.types.fromTag(`${libV2}::lib::New`)), drop)
  })

  it('links each call as the called package was published', () => {
    assert.deepEqual(call(user, 'user', 'value'), [1n])
    vm.loadPackage({
      id: app,
      modules: [forwarding(app, 'app', user, 'user')],
      linkage: new Map([
        [user, user],
        [libV1, libV2],
      ]),
    })
    assert.deepEqual(call(app, 'app', 'value'), [2n], 'the top package chooses the version for all below it')
    assert.deepEqual(call(user, 'user', 'value'), [1n])
  })

  it('says where it is by the version that ran', () => {
    const failing = handmade(libV1, 'lib')
    failing.function('value', { code: [['LdU64', 5n], 'Abort'] })
    const third = id('e')
    vm.loadPackage({ id: third, originalId: libV1, modules: [assemble(failing.module)] })
    assert.throws(
      () => call(third, 'lib', 'value'),
      error =>
        error instanceof VmError &&
        error.failure.kind === 'MoveAbort' &&
        error.failure.location.address === third,
    )
  })

  it('refuses what does not fit together', () => {
    const linked = (linkage: [string, string][]) => () =>
      vm.loadPackage({
        id: app,
        modules: [forwarding(app, 'app', user, 'user')],
        linkage: new Map(linkage),
      })
    assert.throws(linked([[user, id('f')]]), /not loaded/)
    assert.throws(linked([[user, libV1]]), /not loaded/, 'a version of another package')
    assert.throws(() => vm.loadPackage({ id: app, modules: [lib(1n)] }), /another address/)
  })

  it('forgets a package that was only tried', () => {
    const fourth = id('9')
    const upgrade = () =>
      vm.loadPackage({ id: fourth, originalId: libV1, modules: [lib(3n)], typeOrigins: origins })
    upgrade()
    assert.deepEqual(call(fourth, 'lib', 'value'), [3n])
    const type = vm.function(fourth, 'lib', 'fresh').returns[0]!
    assert.equal(type.text, `${fourth}::lib::New`)
    vm.unloadPackage(fourth)
    assert.throws(() => call(fourth, 'lib', 'value'), VmError)
    assert.throws(() => vm.abilities(type), VmError)
    assert.equal(vm.abilities(vm.types.fromTag(`${libV1}::lib::Old`)), drop, 'types of other versions stay')
    upgrade()
    assert.deepEqual(call(fourth, 'lib', 'value'), [3n])
  })
})
