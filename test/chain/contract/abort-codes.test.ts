import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { readMoveFiles } from '../../../chain/move/sources.ts'
import { absentCodes, OWN_MODULES, readAbortCodes, walrusCodes } from './codes.ts'

const contract = fileURLToPath(new URL('../../../chain/contract/walrus', import.meta.url))

/** Paths that no caller can reach: they guard the package against itself. */
const unreachable = new Set([
  'system_state_inner::EInvalidAccountingEpoch', // the buffer turns with the epoch
  'system_state_inner::EIncorrectCommittee', // staking and system change epochs together
  'bls_aggregate::EIncorrectCommittee', // committees leave out nodes without shards
  'staking_pool::EPoolAlreadyUpdated', // pools are advanced only when they lag behind
  'staking_pool::EIncorrectPoolId', // the pool is looked up by the stake's own node ID
  'storage_pool::EWrongVersion', // there is only one version
  'init::EInvalidMigration', // both objects are migrated by the same package
  'system::EInvalidMigration', // staking is migrated first, under the same condition
])

describe('contract abort codes', () => {
  const files = Object.entries(readMoveFiles(contract))
  const sources = files.filter(([name]) => name.startsWith('sources/')).map(([, text]) => text)
  const tests = files
    .filter(([name]) => name.startsWith('tests/'))
    .map(([, text]) => text)
    .join('\n')
  const codes = sources.flatMap(text => {
    const module = /^module walrus::(\w+);/m.exec(text)![1]
    return [...text.matchAll(/^const (E[A-Z]\w+): u64/gm)].map(([, name]) => ({ module, name, text }))
  })

  it('are each expected by a Move test', () => {
    const missing = codes
      .map(({ module, name }) => `${module}::${name}`)
      .filter(code => !tests.includes(`abort_code = walrus::${code})`) && !unreachable.has(code))
    assert.deepEqual(missing, [])
  })

  it("have Walrus's names and numbers, but for modules that are Floe's own", () => {
    const codes = readAbortCodes()
    assert.ok(codes.length > 80)
    for (const { module, code, name, when } of codes) {
      if (!OWN_MODULES.has(module)) assert.equal(name, walrusCodes[module]?.[code], `${module}: ${code}`)
      assert.notEqual(when, '', `${module}::${name} has no comment`)
    }
  })

  it('lack only those that nobody can meet', () => {
    assert.deepEqual(absentCodes(readAbortCodes()), [
      'active_set::EDuplicateInsertion', // asked before
      'apportionment_queue::EPopFromEmptyHeap', // caps of all nodes hold all shards
      'event_blob::EInvalidSequenceNumber', // what is certified already returns before
      'messages::ENotDeletable', // asked of deletable ones only
      'pool_exchange_rate::EInvalidRate', // rewards only raise what shares are worth
      'staked_wal::EAlreadyWithdrawing', // staking_pool::ENotStaked comes first
      'staking_inner::ECommitteeSelected', // EWrongEpochState comes first
      'staking_inner::EInvalidNodeWeight', // shards are numbered by 16 bits
      'staking_inner::EZeroNodeWeight', // committees leave out nodes without shards
      'staking_inner::EIncorrectNodeOrder', // keys are looked up by node ID
      'staking_pool::ECalculationError', // see docs/contract.md
      'staking_pool::EIncorrectEpochAdvance', // members have stake
      'staking_pool::EPoolNotEmpty', // pools are not destroyed
      'staking_pool::EPoolAlreadyWithdrawing', // nor withdrawn
      'staking_pool::EPoolIsNotActive',
      'staking_pool::EActivationEpochNotReached', // such a stake is withdrawn early
      'staking_pool::EZeroShares', // 1 WAL is a share at least
      'storage_pool::EInvalidBlobSize', // what was added is there
      'storage_pool::EInvalidBlobCount',
    ])
  })

  it('are each used, and distinct within a module', () => {
    for (const { module, name, text } of codes) {
      assert.ok(text.split(new RegExp(`\\b${name}\\b`)).length > 2, `${module}::${name} is never used`)
    }
    for (const text of sources) {
      const values = [...text.matchAll(/^const E[A-Z]\w+: u64 = (\d+);/gm)].map(([, value]) => value)
      assert.equal(new Set(values).size, values.length, text.slice(0, 200))
    }
  })
})
