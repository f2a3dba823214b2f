import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Transaction } from '@mysten/sui/transactions'
import { deriveObjectID } from '@mysten/sui/utils'
import { DisplayError, templateOf } from '../../../chain/localnet/rpc/convert/display-template.ts'
import { created, TestChain } from './support/chain.ts'
import { samplePackage } from './support/packages.ts'

describe('chain/localnet: display', function () {
  this.timeout(60_000)
  let chain: TestChain
  let assets: string
  let publisher: string
  let gem: string
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
    const { packageId, executed } = await chain.publish(await samplePackage('assets'))
    assets = packageId
    publisher = created(executed, '::package::Publisher')
    const tx = new Transaction()
    const made = tx.moveCall({
      target: `${assets}::gem::new`,
      arguments: [tx.pure.string('Sirius {1}'), tx.pure.u64(9_000_000_000)],
    })
    tx.transferObjects([made], chain.address)
    gem = created(await chain.ok(tx), '::gem::Gem')
  })
  after(() => chain?.close())

  const displayOf = async (objectId: string) =>
    (await chain.client.getObject({ objectId, include: { display: true } })).object.display

  /** A publisher's display of gems; answers its ID. */
  const publish = async (fields: Record<string, string>) => {
    const tx = new Transaction()
    const display = tx.moveCall({
      target: '0x2::display::new_with_fields',
      typeArguments: [`${assets}::gem::Gem`],
      arguments: [
        tx.object(publisher),
        tx.pure.vector('string', Object.keys(fields)),
        tx.pure.vector('string', Object.values(fields)),
      ],
    })
    tx.transferObjects([display], chain.address)
    return created(await chain.ok(tx), `::display::Display<${assets}::gem::Gem>`)
  }
  const raise = async (display: string) => {
    const tx = new Transaction()
    tx.moveCall({
      target: '0x2::display::update_version',
      typeArguments: [`${assets}::gem::Gem`],
      arguments: [tx.object(display)],
    })
    await chain.ok(tx)
  }

  it('is null for types that have none, and until its version is raised', async () => {
    assert.equal(await displayOf(gem), null)
    await publish({ name: '{name}' })
    assert.equal(await displayOf(gem), null)
  })

  it('fills in fields, through structs and options, and says what it cannot', async () => {
    const display = await publish({
      name: 'The {name}',
      link: 'https://gems.example/{id}?w={weight}',
      facets: '{cut.name}: {cut.facets}',
      owner: '{owner}',
      note: '[{note}]',
      braces: '\\{name\\}',
      wrong: '{colour}',
      deep: '{name.length}',
      tags: '{tags}',
      open: '{name',
    })
    await raise(display)
    const shown = await displayOf(gem)
    assert.deepEqual(shown!.output, {
      name: 'The Sirius {1}',
      link: `https://gems.example/${gem}?w=9000000000`,
      facets: 'brilliant: 57',
      owner: chain.address,
      note: '[]',
      braces: '{name}',
      wrong: null,
      deep: null,
      tags: null,
      open: null,
    })
    assert.deepEqual(Object.keys(shown!.errors!).sort(), ['deep', 'open', 'tags', 'wrong'])
    assert.match(shown!.errors!.wrong!, /no field colour/)
  })

  it('is the one that changed last, and comes with lists too', async () => {
    await raise(await publish({ title: '{name}!' }))
    assert.deepEqual((await displayOf(gem))!.output, { title: 'Sirius {1}!' })
    const { objects } = await chain.client.listOwnedObjects({
      owner: chain.address,
      type: `${assets}::gem::Gem`,
      include: { display: true },
    })
    assert.deepEqual(objects[0]!.display!.output, { title: 'Sirius {1}!' })
    assert.equal(objects[0]!.display!.errors, null)
  })

  it('does not grow without bound', async () => {
    const display = await publish({ long: `{name}${'x'.repeat(16_000)}`, end: '{name}' })
    for (const name of ['longer', 'longest']) {
      const tx = new Transaction()
      tx.moveCall({
        target: '0x2::display::add',
        typeArguments: [`${assets}::gem::Gem`],
        arguments: [tx.object(display), tx.pure.string(name), tx.pure.string('z'.repeat(16_000))],
      })
      await chain.ok(tx)
    }
    await raise(display)
    const { output, errors } = (await displayOf(gem))!
    assert.equal((output!.long as string).length, 16_010)
    assert.deepEqual([output!.end, output!.longest], ['Sirius {1}', null])
    assert.match(errors!.longest!, /more than/)
  })

  it('of the registry comes first, and has alternatives and transformations', async () => {
    const make = new Transaction()
    make.transferObjects(
      [make.moveCall({ target: `${assets}::gem::ring`, arguments: [make.pure.u8(54)] })],
      chain.address,
    )
    const ring = created(await chain.ok(make), '::gem::Ring')
    const type = `${assets}::gem::Ring`
    const tx = new Transaction()
    const [display, cap] = tx.moveCall({
      target: `${assets}::gem::display_ring`,
      arguments: [tx.object('0xd')],
    })
    const set = (name: string, value: string) =>
      tx.moveCall({
        target: '0x2::display_registry::set',
        typeArguments: [type],
        arguments: [display!, cap!, tx.pure.string(name), tx.pure.string(value)],
      })
    set('name', 'first')
    set('name', '{{{gem.name}}} of {size}')
    set('hex', '{bytes:hex}')
    set('base64', '{ bytes : base64 }')
    set('self', '{$self.id}')
    set('plain', '{bytes}')
    set('unknown', '{size:roman}')
    tx.moveCall({ target: '0x2::display_registry::share', typeArguments: [type], arguments: [display!] })
    tx.transferObjects([cap!], chain.address)
    const executed = await chain.ok(tx)
    const id = deriveObjectID(
      '0xd',
      `0x2::display_registry::DisplayKey<${type}>`,
      bcs.bool().serialize(false).toBytes(),
    )
    assert.equal(created(executed, `::display_registry::Display<${type}>`), id)
    const { output, errors } = (await displayOf(ring))!
    assert.deepEqual(output, {
      name: '{rose} of 54',
      hex: 'dead',
      base64: '3q0=',
      self: ring,
      plain: null,
      unknown: null,
    })
    assert.deepEqual(Object.keys(errors!).sort(), ['plain', 'unknown'])
    assert.match((await chain.fails(again())).message, /There is a display|EDisplayAlreadyExists/)

    function again() {
      const tx = new Transaction()
      const [display, cap] = tx.moveCall({
        target: '0x2::display_registry::new_with_publisher',
        typeArguments: [type],
        arguments: [tx.object('0xd'), tx.object(publisher)],
      })
      tx.moveCall({ target: '0x2::display_registry::share', typeArguments: [type], arguments: [display!] })
      tx.transferObjects([cap!], chain.address)
      return tx
    }
  })

  it('takes templates apart', () => {
    const paths = [['a', 'b'], ['c']]
    assert.deepEqual(templateOf('x{a.b | c : url}y', 'registry'), [
      'x',
      { paths, transform: 'url', isOptional: true },
      'y',
    ])
    for (const [source, syntax] of [
      ['{a', 'publisher'],
      ['a}', 'publisher'],
      ['{}', 'publisher'],
      ['{a..b}', 'publisher'],
      ['{a|b}', 'publisher'],
      ['{a:b:c}', 'registry'],
      ['{a}'.repeat(257), 'registry'],
    ] as const)
      assert.throws(() => templateOf(source, syntax), DisplayError, source)
  })
})
