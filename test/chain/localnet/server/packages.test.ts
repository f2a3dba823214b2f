import assert from 'node:assert/strict'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { TestChain } from '../support/chain.ts'

describe('chain/localnet/server: packages and types', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  it('describes packages, functions and types', async () => {
    const { response } = await chain.client.movePackageService.getPackage({ packageId: chain.packageId })
    const [module] = response.package!.modules
    const shape = module!.datatypes.find(type => type.name === 'Shape')!
    assert.equal(shape.kind, GrpcTypes.DatatypeDescriptor_DatatypeKind.ENUM)
    assert.deepEqual(
      shape.variants.map(variant => variant.name),
      ['Dot', 'Circle'],
    )
    const { function: typed } = await chain.client.core.getMoveFunction({
      packageId: chain.packageId,
      moduleName: 'things',
      name: 'typed',
    })
    assert.deepEqual(typed.typeParameters[0]!.constraints.toSorted(), ['drop', 'store'])
    assert.equal(typed.visibility, 'public')
    assert.equal(typed.parameters[0]!.body.$kind, 'vector')
  })

  it('renders objects and events as JSON', async () => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('drawn') })
    const executed = await chain.ok(tx)
    assert.deepEqual(executed.events![0]!.json, {
      shape: { '@variant': 'Circle', radius: '3' },
      names: ['a', 'b'],
      nothing: null,
    })
  })
})
