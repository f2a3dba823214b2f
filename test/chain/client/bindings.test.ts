import assert from 'node:assert/strict'
import { type BcsType, bcs } from '@mysten/bcs'
import type { GrpcTypes } from '@mysten/sui/grpc'
import { bls12_381 } from '@noble/curves/bls12-381.js'
import { Blob } from '../../../chain/bindings/blob.ts'
import { EVENT_LAYOUTS } from '../../../chain/bindings/events.ts'
import { compressG1 } from '../../../chain/bindings/g1.ts'
import { decodeMove, fieldOf } from '../../../chain/bindings/move.ts'
import { StakingInner, StakingPool } from '../../../chain/bindings/staking.ts'
import { SystemStateInner, Versioned } from '../../../chain/bindings/system.ts'
import { eventsOf } from '../../../chain/client/events.ts'
import { isChainError } from '../../../chain/errors.ts'
import { parseObjectId } from '../../../codec/index.ts'

const oracles = new URL('../../../node_modules/@mysten/walrus/dist/contracts/walrus/', import.meta.url)

const address = (n: number) => `0x${n.toString(16).padStart(64, '0')}`
const element = (n: number) => ({ bytes: Uint8Array.from({ length: 96 }, (_, i) => (i * n) & 255) })
const assignment = {
  map: {
    contents: [
      { key: address(1), value: [0, 5] },
      { key: address(2), value: [] },
    ],
  },
}
const pending = { values: { contents: [{ key: 3, value: '44' }] } }

const blob = {
  id: address(1),
  registered_epoch: 2,
  blob_id: (2n ** 255n + 17n).toString(),
  size: '18446744073709551615',
  encoding_type: 1,
  certified_epoch: 3,
  storage: { id: address(9), start_epoch: 4, end_epoch: 5, storage_size: '6' },
  deletable: true,
}

const samples: { module: string; name: string; type: BcsType<unknown>; values: unknown[] }[] = [
  {
    module: 'blob',
    name: 'Blob',
    type: Blob as BcsType<unknown>,
    values: [blob, { ...blob, certified_epoch: null }],
  },
  ...['system/System', 'staking/Staking'].map(at => ({
    module: at.split('/')[0]!,
    name: at.split('/')[1]!,
    type: Versioned as BcsType<unknown>,
    values: [
      { id: address(1), version: '4', package_id: address(2), new_package_id: null },
      { id: address(1), version: '4', package_id: address(2), new_package_id: address(3) },
    ],
  })),
  {
    module: 'system_state_inner',
    name: 'SystemStateInnerV1',
    type: SystemStateInner as BcsType<unknown>,
    values: [
      {
        committee: {
          members: [{ public_key: element(1), weight: 7, node_id: address(4) }],
          n_shards: 1000,
          epoch: 12,
          total_aggregated_key: element(2),
        },
        total_capacity_size: '1',
        used_capacity_size: '2',
        storage_price_per_unit_size: '3',
        write_price_per_unit_size: '4',
        future_accounting: {
          current_index: 1,
          length: 2,
          ring_buffer: [
            { epoch: 12, used_capacity: '5', rewards_to_distribute: { value: '6' } },
            { epoch: 13, used_capacity: '7', rewards_to_distribute: { value: '8' } },
          ],
        },
        event_blob_certification_state: {
          latest_certified_blob: { blob_id: '99', ending_checkpoint_sequence_number: '100' },
          aggregate_weight_per_blob: {
            contents: [{ key: { blob_id: '101', ending_checkpoint_sequence_number: '102' }, value: 9 }],
          },
        },
        deny_list_sizes: { id: address(5) },
      },
    ],
  },
  {
    module: 'staking_inner',
    name: 'StakingInnerV1',
    type: StakingInner as BcsType<unknown>,
    values: [
      { $kind: 'EpochChangeSync', EpochChangeSync: 5 },
      { $kind: 'EpochChangeDone', EpochChangeDone: '6' },
      { $kind: 'NextParamsSelected', NextParamsSelected: '7' },
    ].map(epoch_state => ({
      n_shards: 10,
      epoch_duration: '1',
      first_epoch_start: '2',
      pools: { id: address(1), size: '3' },
      epoch: 4,
      active_set: { id: address(2) },
      next_committee: epoch_state.$kind === 'NextParamsSelected' ? assignment : null,
      committee: assignment,
      previous_committee: { map: { contents: [] } },
      next_epoch_params: {
        total_capacity_size: '5',
        storage_price_per_unit_size: '6',
        write_price_per_unit_size: '7',
      },
      epoch_state,
      next_epoch_public_keys: { id: address(3) },
    })),
  },
  {
    module: 'staking_pool',
    name: 'StakingPool',
    type: StakingPool as BcsType<unknown>,
    values: [
      {
        id: address(1),
        state: { $kind: 'Withdrawing', Withdrawing: 5 },
        voting_params: { storage_price: '1', write_price: '2', node_capacity: '3' },
        node_info: {
          name: 'a node',
          node_id: address(1),
          network_address: 'localhost:1',
          public_key: element(3),
          next_epoch_public_key: element(4),
          network_public_key: Uint8Array.from({ length: 33 }, (_, i) => i),
          metadata: { id: address(6) },
        },
        activation_epoch: 1,
        latest_epoch: 2,
        wal_balance: '3',
        num_shares: '4',
        pending_shares_withdraw: pending,
        pre_active_withdrawals: { values: { contents: [] } },
        pending_commission_rate: pending,
        commission_rate: 5,
        exchange_rates: { id: address(7), size: '6' },
        pending_stake: pending,
        rewards_pool: { value: '7' },
        commission: { value: '8' },
        commission_receiver: { $kind: 'Address', Address: address(8) },
        governance_authorized: { $kind: 'ObjectID', ObjectID: address(9) },
        extra_fields: { id: address(10), size: '0' },
      },
    ],
  },
]

describe('chain/bindings', () => {
  for (const { module, name, type, values } of samples) {
    it(`lays out ${module}::${name} as Walrus's own bindings do`, async () => {
      const oracle = (await import(new URL(`${module}.mjs`, oracles).href))[name] as BcsType<unknown>
      for (const value of values) {
        const bytes = type.serialize(value).toBytes()
        assert.deepEqual(oracle.serialize(oracle.parse(bytes)).toBytes(), bytes)
        assert.deepEqual(type.parse(bytes), value)
        assert.deepEqual(flat(oracle.parse(bytes)), flat(value))
      }
    })
  }

  it('reads every event of an epoch change', () => {
    const events = [
      { type: 'EpochParametersSelected', nextEpoch: 2 },
      { type: 'EpochChangeStart', epoch: 2 },
      { type: 'ShardsReceived', epoch: 2, shards: [1, 999] },
      { type: 'ShardRecoveryStart', epoch: 2, shards: [3] },
      { type: 'EpochChangeDone', epoch: 2 },
    ] as const
    const packageId = parseObjectId(`0x${'a'.repeat(64)}`)
    const bytes = ({ type, ...fields }: (typeof events)[number]): Uint8Array => {
      const layout = EVENT_LAYOUTS[type] as BcsType<unknown, object>
      return layout
        .serialize('nextEpoch' in fields ? { next_epoch: fields.nextEpoch } : { ...fields })
        .toBytes()
    }
    const checkpoint = {
      sequenceNumber: 7n,
      transactions: [
        {
          digest: 'digest',
          events: {
            events: events.map(event => ({
              eventType: `${packageId}::events::${event.type}`,
              contents: { value: bytes(event) },
            })),
          },
        },
      ],
    } as unknown as GrpcTypes.Checkpoint
    const read = eventsOf(checkpoint, packageId, undefined)
    const bare = read.map(({ cursor, digest, eventIndex, checkpoint: of, timestampMs, ...event }) => event)
    assert.deepEqual(bare, events)
  })

  it('refuses another layout instead of reading nonsense', () => {
    const bytes = Blob.serialize(blob).toBytes()
    const malformed = (error: unknown) => isChainError(error, 'MALFORMED')
    assert.throws(() => decodeMove(Blob, Uint8Array.of(...bytes, 0)), malformed)
    assert.throws(() => decodeMove(Blob, bytes.subarray(1)), malformed)
    // the rest is there, behind the end, as in a larger message
    const vector = bcs.byteVector().serialize(bytes).toBytes()
    assert.throws(() => decodeMove(bcs.byteVector(), vector.subarray(0, -1)), malformed)
    assert.deepEqual(decodeMove(bcs.byteVector(), vector), bytes)
    assert.throws(() => decodeMove(fieldOf(Blob, Blob), bytes), malformed)
  })

  it('compresses keys as the curve says', () => {
    const { Point } = bls12_381.G1
    for (let i = 1n; i <= 20n; i++) {
      const point = Point.BASE.multiply(i * 0x123456789n)
      assert.deepEqual(compressG1(point.toBytes(false)), point.toBytes(true))
      assert.deepEqual(compressG1(point.toBytes(true)), point.toBytes(true))
    }
    assert.deepEqual(compressG1(Point.ZERO.toBytes(false)), Point.ZERO.toBytes(true))
    assert.throws(
      () => compressG1(new Uint8Array(95)),
      error => isChainError(error, 'MALFORMED'),
    )
  })
})

/** The leaf values in order: the oracle names some fields in another way (tuples), but holds the same. */
function flat(value: unknown): unknown[] {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.flatMap(flat)
  if (value !== null && typeof value === 'object') {
    const { $kind, ...fields } = value as Record<string, unknown>
    return [...($kind === undefined ? [] : [$kind]), ...Object.values(fields).flatMap(flat)]
  }
  return [value]
}
