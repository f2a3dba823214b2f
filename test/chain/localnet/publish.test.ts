import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { GrpcTypes } from '@mysten/sui/grpc'
import { Transaction } from '@mysten/sui/transactions'
import { created, TestChain, upgradeOf } from './support/chain.ts'
import { type Compiled, packageOf, variantsOf } from './support/packages.ts'

const { ExecutionError_ExecutionErrorKind: Kind, PackageUpgradeError_PackageUpgradeErrorKind: UpgradeKind } =
  GrpcTypes
const policies = { compatible: 0, additive: 128, dependencies: 192 }

const base = `
public struct Record has key, store { id: UID, n: u64 }
public struct Seen has copy, drop { version: u64 }
public fun make(ctx: &mut TxContext): Record { Record { id: object::new(ctx), n: helper() } }
public fun see(record: &Record) { let _ = record; sui::event::emit(Seen { version: 1 }) }
public fun only<T: store>(_: &vector<T>) {}
fun helper(): u64 { 1 }
`
const edited = (from: string, to: string) => {
  assert.ok(base.includes(from))
  return base.replace(from, to)
}
const reported = edited('version: 1 })', 'version: 2 })')
const extended = `${reported}
public struct Added has copy, drop { n: u64 }
public fun added(record: &Record) { sui::event::emit(Added { n: record.n }) }`

const allowed: [name: string, policy: number, body: string][] = [
  [
    'a changed body, when compatible',
    policies.compatible,
    edited('helper(): u64 { 1 }', 'helper(): u64 { 2 }'),
  ],
  [
    'a private function removed, when compatible',
    policies.compatible,
    base.replace('helper()', '1').replace('fun helper(): u64 { 1 }', ''),
  ],
  ['a weaker constraint, when compatible', policies.compatible, edited('only<T: store>', 'only<T>')],
  ['something added, when additive', policies.additive, `${base}\npublic fun more() {}\n`],
  ['nothing but dependencies', policies.dependencies, base],
]

const incompatible: [name: string, policy: number, body: string][] = [
  [
    'a field added',
    policies.compatible,
    base.replace('n: u64 }', 'n: u64, m: u64 }').replace('n: helper()', 'n: helper(), m: 0'),
  ],
  ['an ability added', policies.compatible, edited('Seen has copy, drop {', 'Seen has copy, drop, store {')],
  [
    'a public function removed',
    policies.compatible,
    edited('public fun only<T: store>(_: &vector<T>) {}', ''),
  ],
  [
    'a public function made private',
    policies.compatible,
    edited('public fun only', '#[allow(unused_function)] fun only'),
  ],
  ['another signature', policies.compatible, edited('see(record: &Record)', 'see(record: &mut Record)')],
  ['a stronger constraint', policies.compatible, edited('only<T: store>', 'only<T: store + copy>')],
  ['a changed body, when additive', policies.additive, edited('helper(): u64 { 1 }', 'helper(): u64 { 2 }')],
  [
    'something added, when only dependencies may change',
    policies.dependencies,
    `${base}\npublic fun more() {}`,
  ],
]

describe('chain/localnet: packages', function () {
  this.timeout(120_000)
  let chain: TestChain
  let code: Compiled
  let withAddition: Compiled
  const variants = new Map<string, Compiled>()
  before(async () => {
    const bodies = [base, extended, ...[...allowed, ...incompatible].map(([, , body]) => body)]
    const compiled = await variantsOf('up', bodies)
    ;[code, withAddition] = compiled as [Compiled, Compiled]
    for (const [i, body] of bodies.entries()) variants.set(body, compiled[i]!)
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const upgrade = (
    { packageId, capId }: { packageId: string; capId: string },
    next: Compiled,
    options?: Parameters<typeof upgradeOf>[3],
  ) => upgradeOf(packageId, capId, next, options)

  it('runs init with the one-time witness, and gives an upgrade cap', async () => {
    const { executed, packageId, capId } = await chain.publish(
      await packageOf(
        'witness',
        `module witness::witness;
         public struct WITNESS has drop {}
         public struct Checked has copy, drop { real: bool }
         fun init(w: WITNESS, _: &mut TxContext) {
           sui::event::emit(Checked { real: sui::types::is_one_time_witness(&w) })
         }`,
      ),
    )
    const [event] = executed.events!
    assert.equal(event!.eventType, `${packageId}::witness::Checked`)
    assert.deepEqual([event!.packageId, event!.module], [packageId, 'witness'])
    assert.deepEqual([...event!.bcs], [1])
    const { object } = await chain.client.getObject({ objectId: capId, include: { content: true } })
    const Cap = bcs.struct('UpgradeCap', {
      id: bcs.Address,
      package: bcs.Address,
      version: bcs.u64(),
      policy: bcs.u8(),
    })
    assert.deepEqual(Cap.parse(object.content!), { id: capId, package: packageId, version: '1', policy: 0 })
  })

  it('keeps nothing of a package whose init aborts', async () => {
    const bad = await packageOf('bad', 'module bad::bad;\nfun init(_: &mut TxContext) { abort 3 }')
    const tx = new Transaction()
    tx.transferObjects([tx.publish(bad)], chain.address)
    const executed = await chain.run(tx)
    assert.equal(executed.status.error?.MoveAbort?.abortCode, '3')
    assert.ok(!executed.effects!.changedObjects.some(change => change.outputState === 'PackageWrite'))
  })

  const refused: [string, keyof typeof Kind, (good: Compiled) => Compiled][] = [
    [
      'bytes that are no module',
      'VM_VERIFICATION_OR_DESERIALIZATION_ERROR',
      good => ({ ...good, modules: [[1, 2, 3]] }),
    ],
    [
      'a module that was cut off',
      'VM_VERIFICATION_OR_DESERIALIZATION_ERROR',
      good => ({ ...good, modules: [good.modules[0]!.slice(0, -5)] }),
    ],
    [
      'a dependency that is not listed',
      'PUBLISH_UPGRADE_MISSING_DEPENDENCY',
      good => ({ ...good, dependencies: [] }),
    ],
    [
      'a dependency that is not there',
      'PUBLISH_UPGRADE_MISSING_DEPENDENCY',
      good => ({ ...good, dependencies: [...good.dependencies, `0x${'9'.repeat(64)}`] }),
    ],
  ]
  for (const [name, kind, change] of refused)
    it(`refuses to publish ${name}`, async () => {
      const tx = new Transaction()
      tx.transferObjects([tx.publish(change(code))], chain.address)
      const error = await chain.failure(tx)
      assert.equal(Kind[error.kind!], kind)
    })

  it('upgrades: new code for old objects, types keep their first package', async () => {
    const first = await chain.publish(code)
    const tx = new Transaction()
    tx.transferObjects([tx.moveCall({ target: `${first.packageId}::up_xx::make` })], chain.address)
    const record = created(await chain.ok(tx), '::up_xx::Record')

    const next = withAddition
    const upgraded = await chain.ok(upgrade(first, next))
    const second = upgraded.effects!.changedObjects.find(c => c.outputState === 'PackageWrite')!
    assert.equal(second.outputVersion, '2')
    assert.equal(second.idOperation, 'Created')

    const see = async (packageId: string) => {
      const use = new Transaction()
      use.moveCall({ target: `${packageId}::up_xx::see`, arguments: [use.object(record)] })
      const [event] = (await chain.ok(use)).events!
      assert.equal(event!.eventType, `${first.packageId}::up_xx::Seen`)
      assert.equal(event!.packageId, packageId)
      return bcs.u64().parse(event!.bcs)
    }
    assert.equal(await see(first.packageId), '1')
    assert.equal(await see(second.objectId), '2')
    const use = new Transaction()
    use.moveCall({ target: `${second.objectId}::up_xx::added`, arguments: [use.object(record)] })
    assert.equal((await chain.ok(use)).events![0]!.eventType, `${second.objectId}::up_xx::Added`)

    const { response } = await chain.client.movePackageService.listPackageVersions({
      packageId: second.objectId,
    })
    assert.deepEqual(
      response.versions.map(({ packageId, version }) => [packageId, version]),
      [
        [first.packageId, 1n],
        [second.objectId, 2n],
      ],
    )
    const { response: read } = await chain.client.movePackageService.getPackage({
      packageId: second.objectId,
    })
    assert.equal(read.package!.originalId, first.packageId)
    assert.deepEqual(
      new Map(read.package!.typeOrigins.map(origin => [origin.datatypeName, origin.packageId])),
      new Map([
        ['Record', first.packageId],
        ['Seen', first.packageId],
        ['Added', second.objectId],
      ]),
    )
  })

  for (const [name, policy, next] of allowed)
    it(`allows ${name}`, async () => {
      const first = await chain.publish(code)
      await chain.ok(upgrade(first, variants.get(next)!, { policy }))
    })

  for (const [name, policy, next] of incompatible)
    it(`refuses an upgrade with ${name}`, async () => {
      const first = await chain.publish(code)
      const error = await chain.failure(upgrade(first, variants.get(next)!, { policy }))
      assert.equal(Kind[error.kind!], 'PACKAGE_UPGRADE_ERROR')
      assert.equal(error.errorDetails.oneofKind, 'packageUpgradeError')
      if (error.errorDetails.oneofKind === 'packageUpgradeError')
        assert.equal(UpgradeKind[error.errorDetails.packageUpgradeError.kind!], 'INCOMPATIBLE_UPGRADE')
    })

  it('refuses an upgrade that lacks a module', async () => {
    const first = await chain.publish(code)
    const other = await packageOf('up', 'module up::other;\npublic fun nothing() {}')
    assert.match(
      (await chain.fails(upgrade(first, other))).message,
      /IncompatibleUpgrade|incompatible upgrade/i,
    )
  })

  it('refuses an upgrade to other modules than the ticket is for, or of another package', async () => {
    const first = await chain.publish(code)
    const kindOf = async (tx: Transaction) => {
      const { errorDetails } = await chain.failure(tx)
      assert.equal(errorDetails.oneofKind, 'packageUpgradeError')
      return errorDetails.oneofKind === 'packageUpgradeError'
        ? UpgradeKind[errorDetails.packageUpgradeError.kind!]
        : ''
    }
    assert.equal(await kindOf(upgrade(first, code, { digest: new Uint8Array(32) })), 'DIGEST_DOES_NOT_MATCH')
    assert.equal(await kindOf(upgrade(first, code, { target: chain.packageId })), 'PACKAGE_ID_DOES_NOT_MATCH')
    assert.equal(await kindOf(upgrade(first, code, { policy: 5 })), 'UNKNOWN_UPGRADE_POLICY')
  })

  it('does not let a cap be used for less than it was restricted to, or twice', async () => {
    const first = await chain.publish(code)
    const restrict = new Transaction()
    restrict.moveCall({
      target: '0x2::package::only_additive_upgrades',
      arguments: [restrict.object(first.capId)],
    })
    await chain.ok(restrict)
    assert.ok((await chain.fails(upgrade(first, code))).MoveAbort)
    await chain.ok(upgrade(first, code, { policy: policies.additive }))
    const stale = await chain.failure(upgrade(first, code, { policy: policies.additive }))
    assert.equal(Kind[stale.kind!], 'PACKAGE_UPGRADE_ERROR')
  })

  it('calls what it has published in the same transaction no earlier than it is there', async () => {
    const tx = new Transaction()
    tx.moveCall({ target: `0x${'8'.repeat(64)}::up_xx::make` })
    await assert.rejects(chain.run(tx), /package 0x8+ not found/)
  })
})
