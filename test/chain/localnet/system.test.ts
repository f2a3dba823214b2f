import assert from 'node:assert/strict'
import { bcs } from '@mysten/sui/bcs'
import { Transaction } from '@mysten/sui/transactions'
import { normalizeSuiAddress } from '@mysten/sui/utils'
import { systemClock } from '../../../base/clock.ts'
import { loadBuild } from '../../../chain/compiled.ts'
import { createFaucet } from '../../../chain/localnet/faucet.ts'
import { SYSTEM } from '../../../chain/localnet/ledger/address.ts'
import { type PackageObject, sealPackage } from '../../../chain/localnet/ledger/object.ts'
import { openLedger } from '../../../chain/localnet/ledger/open.ts'
import { encodeObject } from '../../../chain/localnet/ledger/records.ts'
import { emptyBatch } from '../../../chain/localnet/ledger/store/key-value.ts'
import { KEYS } from '../../../chain/localnet/ledger/store/keys.ts'
import { memoryStore } from '../../../chain/localnet/ledger/store/memory.ts'
import { TestChain } from './support/chain.ts'

describe('chain/localnet: clock and randomness', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start()
  })
  after(() => chain?.close())

  const clock = async () => {
    const { object } = await chain.client.getObject({ objectId: '0x6', include: { content: true } })
    const { ms } = bcs.struct('Clock', { id: bcs.Address, ms: bcs.u64() }).parse(object.content!)
    return { ms: Number(ms), version: BigInt(object.version), digest: object.digest }
  }
  const now = async () => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: chain.target('now'), arguments: [tx.object('0x6')] })
    const result = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    return Number(bcs.u64().parse(result.commandResults![0]!.returnValues[0]!.bcs))
  }

  const advance = (body: string, authorization = `Bearer ${chain.localnet.adminToken}`) =>
    fetch(`${chain.localnet.url}/admin/advance-clock`, { method: 'POST', body, headers: { authorization } })

  it('tells the time', async () => {
    const before = Date.now()
    const seen = await now()
    assert.ok(seen >= before && seen <= Date.now())
    const object = await clock()
    assert.ok(object.ms >= seen && object.ms <= Date.now())
  })

  it('gives the clock a new version with every new time', async () => {
    const first = await clock()
    await chain.localnet.advanceClock(10)
    const second = await clock()
    assert.ok(second.version > first.version)
    assert.notEqual(second.digest, first.digest)
  })

  it('is advanced by a call, also over HTTP', async () => {
    const day = 86_400_000
    const before = Date.now()
    await chain.localnet.advanceClock(day)
    assert.ok((await now()) >= before + day)
    const response = await advance(JSON.stringify({ ms: day }))
    const { timestampMs } = (await response.json()) as { timestampMs: number }
    assert.ok(timestampMs >= before + 2 * day)
    assert.ok((await now()) >= timestampMs)
    const executed = await chain.client.getTransaction({
      digest: (await chain.localnet.faucet('0x5')).digest,
    })
    assert.ok(Number(executed.Transaction!.timestampMs) >= timestampMs)
  })

  it('is not turned back', async () => {
    for (const body of ['{"ms":-1}', '{"ms":1.5}', '{"ms":"9"}', '{}', 'x'])
      assert.equal((await advance(body)).status, 400)
    await assert.rejects(chain.localnet.advanceClock(-1), { code: 'INVALID_ARGUMENT' })
  })

  it('is advanced by a year at most, and nobody without the token advances it', async () => {
    const year = 365 * 86_400_000
    const refused = await advance(JSON.stringify({ ms: year + 1 }))
    assert.equal(refused.status, 400)
    assert.match(((await refused.json()) as { error: string }).error, /at most a year .* never set back/)
    const before = await now()
    for (const authorization of ['', 'Bearer ', `Bearer ${'0'.repeat(64)}`, chain.localnet.adminToken]) {
      const response = await advance('{"ms":1000}', authorization)
      assert.equal(response.status, 401)
      assert.match(((await response.json()) as { error: string }).error, /Authorization: Bearer TOKEN/)
    }
    assert.ok((await now()) < before + 1000 + 60_000)
    assert.equal((await advance(JSON.stringify({ ms: year }))).status, 200)
    assert.ok((await now()) >= before + year)
  })

  it('cannot be changed by transactions', async () => {
    const tx = new Transaction()
    tx.moveCall({
      target: chain.target('now'),
      arguments: [tx.sharedObjectRef({ objectId: '0x6', initialSharedVersion: '1', mutable: true })],
    })
    await assert.rejects(chain.run(tx), /only be passed by immutable reference/)
  })

  const roll = () => {
    const tx = new Transaction()
    tx.moveCall({ target: chain.target('roll'), arguments: [tx.object('0x8')] })
    return tx
  }

  it('draws numbers that differ', async () => {
    const numbers = new Set<string>()
    for (let i = 0; i < 4; i++) numbers.add(bcs.u64().parse((await chain.ok(roll())).events![0]!.bcs))
    assert.equal(numbers.size, 4)
  })

  it('lets only transfers and merges follow a draw', async () => {
    const tx = roll()
    tx.moveCall({ target: chain.target('nothing') })
    await assert.rejects(chain.run(tx), /may follow a command that uses Random/)
    const fine = roll()
    fine.transferObjects([fine.gas], chain.address)
    await chain.ok(fine)
  })
})

describe('chain/localnet: the system state', function () {
  this.timeout(60_000)
  let chain: TestChain
  before(async () => {
    chain = await TestChain.start({ sample: false })
    await chain.localnet.faucet(chain.address)
  })
  after(() => chain?.close())

  it('is an object that holds what GetEpoch tells', async () => {
    const { object } = await chain.client.getObject({ objectId: '0x5', include: { json: true } })
    assert.equal(object.type, `${normalizeSuiAddress('0x3')}::sui_system::SuiSystemState`)
    assert.equal(object.json!.version, '2')
    const { response } = await chain.client.stateService.listDynamicFields({
      parent: '0x5',
      readMask: { paths: ['name', 'value_type', 'field_id'] },
    })
    const [field] = response.dynamicFields
    assert.equal(bcs.u64().parse(field!.name!.value!), '2')
    assert.ok(field!.valueType!.endsWith('::sui_system_state_inner::SuiSystemStateInnerV2'))
    const held = await chain.client.getObject({ objectId: field!.fieldId!, include: { json: true } })
    const inner = held.object.json!.value as Record<string, unknown>
    const { response: epoch } = await chain.client.ledgerService.getEpoch({
      readMask: { paths: ['system_state'] },
    })
    const state = epoch.epoch!.systemState!
    const { active_validators: validators } = inner.validators as {
      active_validators: Record<string, unknown>[]
    }
    assert.deepEqual(
      [inner.epoch, inner.protocol_version, inner.reference_gas_price, inner.epoch_start_timestamp_ms],
      [state.epoch, state.protocolVersion, state.referenceGasPrice, state.epochStartTimestampMs].map(String),
    )
    assert.equal(validators.length, 1)
    const [validator] = state.validators!.activeValidators
    assert.equal((validators[0]!.metadata as { sui_address: string }).sui_address, validator!.address)
    assert.equal(validators[0]!.voting_power, String(validator!.votingPower))
    for (const [name, value] of Object.entries({
      epoch_duration_ms: state.parameters!.epochDurationMs,
      min_validator_count: state.parameters!.minValidatorCount,
      max_validator_count: state.parameters!.maxValidatorCount,
      validator_low_stake_grace_period: state.parameters!.validatorLowStakeGracePeriod,
    }))
      assert.equal((inner.parameters as Record<string, string>)[name], String(value), name)
    const subsidy = inner.stake_subsidy as Record<string, unknown>
    assert.equal(subsidy.stake_subsidy_decrease_rate, state.stakeSubsidy!.stakeSubsidyDecreaseRate)
    assert.equal(subsidy.current_distribution_amount, String(state.stakeSubsidy!.currentDistributionAmount))
  })

  it('can be passed to functions of 0x3', async () => {
    const tx = new Transaction()
    tx.setSender(chain.address)
    tx.moveCall({ target: '0x3::sui_system::active_validator_addresses', arguments: [tx.object.system()] })
    const { commandResults } = await chain.client.simulateTransaction({
      transaction: tx,
      include: { commandResults: true },
    })
    const addresses = bcs.vector(bcs.Address).parse(commandResults![0]!.returnValues[0]!.bcs)
    assert.equal(addresses.length, 1)
  })
})

describe('chain/localnet: an older chain', function () {
  this.timeout(60_000)

  it('gets the framework and the system objects of the program that opens it', async () => {
    const store = memoryStore()
    const framework = loadBuild('framework').modules
    const first = await openLedger({ clock: systemClock, store, framework })
    const sui = first.objects.get(SYSTEM.sui) as PackageObject
    const { digest } = await createFaucet(first).give('0x5a')
    const clock = first.objects.get(SYSTEM.clock)
    // as if it had been made by a program without these
    const modules = new Map([...sui.modules].filter(([name]) => name !== 'token'))
    const gone = [SYSTEM.systemState, SYSTEM.displayRegistry, SYSTEM.suiSystem]
    const batch = emptyBatch()
    batch.put.set(KEYS.object(sui.id), encodeObject(sealPackage({ ...sui, modules })))
    for (const id of gone) batch.delete.add(KEYS.object(id))
    await store.write(batch)

    for (const version of [2n, 2n]) {
      const ledger = await openLedger({ clock: systemClock, store, framework })
      const upgraded = ledger.objects.get(SYSTEM.sui) as PackageObject
      assert.deepEqual([upgraded.version, upgraded.modules.has('token')], [version, true])
      assert.ok(ledger.vm.function(SYSTEM.sui, 'token', 'mint'))
      for (const id of gone) assert.ok(ledger.objects.get(id), id)
      assert.equal(ledger.objects.get(SYSTEM.clock)!.digest, clock!.digest)
      assert.ok(await ledger.transaction(digest))
      await createFaucet(ledger).give('0x5b')
    }
  })
})
