import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { build } from '../../../chain/build.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { boundType, readBindings } from './bindings.ts'
import { readAbortCodes } from './codes.ts'
import { compareSurfaces } from './compare.ts'
import { contractDocs, docsPath } from './docs.ts'
import { readSurface } from './surface.ts'

describe('contract surface', () => {
  before(() => build())

  it('reads the whole of the bindings', () => {
    const bindings = readBindings()
    const types = bindings.flatMap(module => module.types)
    const functions = bindings.flatMap(module => module.functions)
    assert.ok(types.length >= 30, `${types.length} types`)
    assert.ok(functions.length >= 118, `${functions.length} functions`)
    assert.equal(
      boundType('vec_map.VecMap(bcs.Address, bcs.option(bcs.u16()))'),
      'VecMap<address,option<u16>>',
    )
  })

  it('has every type and function of the bindings, field by field and argument by argument', () => {
    assert.deepEqual(compareSurfaces(readBindings(), readSurface(loadBuild('walrus').modules)), [])
  })

  it('would notice a field, an argument or a function that is missing', () => {
    const bindings = readBindings()
    const surface = readSurface(loadBuild('walrus').modules)
    const broken = structuredClone(surface)
    broken
      .find(({ name }) => name === 'blob')!
      .types.find(({ name }) => name === 'Blob')!
      .fields.reverse()
    const system = broken.find(({ name }) => name === 'system')!
    system.functions.find(({ name }) => name === 'reserve_space')!.parameters[1] = 'u32'
    system.functions = system.functions.filter(({ name }) => name !== 'extend_blob')
    assert.deepEqual(
      compareSurfaces(bindings, broken).map(({ where }) => where),
      ['blob::Blob', 'system::reserve_space', 'system::extend_blob'].sort(
        (a, b) => order(bindings, a) - order(bindings, b),
      ),
    )
  })

  it('is what docs/contract.md says (node test/chain/contract/docs.ts)', () => {
    const docs = contractDocs(readBindings(), readSurface(loadBuild('walrus').modules), readAbortCodes())
    assert.equal(readFileSync(docsPath, 'utf8'), docs)
  })
})

/** Position of `module::item` in the bindings: types before functions. */
function order(bindings: ReturnType<typeof readBindings>, where: string): number {
  return bindings
    .flatMap(({ name, types, functions }) => [...types, ...functions].map(item => `${name}::${item.name}`))
    .indexOf(where)
}
