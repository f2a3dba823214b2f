import { blake2b } from '@noble/hashes/blake2.js'
import { NativeAbort } from '../errors.ts'
import { bytesIn, u64Bytes } from '../natives/arguments.ts'
import { deriveObjectId } from '../natives/sui.ts'
import type { Address, MoveType, NativeTable } from '../types.ts'
import { bytesToValue, type Value } from '../values.ts'
import type { Owner } from './context.ts'
import type { Effects, Scenario } from './scenario.ts'

const NO_IDS_CREATED = 1

/** An ID is a struct around an address; Option holds a vector of at most one. */
const id = (address: Address): Value[] => [address]
const addressOf = (value: Value | undefined): Address => (value as Value[])[0] as Address
const option = (address: Address | undefined): Value[] => [address === undefined ? [] : [id(address)]]

const account = (address: Value | undefined): Owner => ({ kind: 'address', address: address as Address })
const SHARED: Owner = { kind: 'shared' }
const IMMUTABLE: Owner = { kind: 'immutable' }

/** A VecMap is a struct around a vector of entries. */
const vecMap = (entries: [Address, Value][]): Value[] => [entries.map(([key, value]) => [id(key), value])]

/** As `test_scenario::TransactionEffects` lists them. */
const effectsValue = (effects: Effects): Value[] => [
  effects.created.map(id),
  effects.written.map(id),
  effects.deleted.map(id),
  vecMap(effects.toAccount),
  vecMap(effects.toObject.map(([child, parent]) => [child, id(parent)])),
  effects.shared.map(id),
  effects.frozen.map(id),
  effects.events,
]

/** The natives that only tests have, over one test's objects. */
export function testNatives(scenario: Scenario): NativeTable {
  const { context } = scenario
  let seeds = 0n
  const latest = (type: MoveType | undefined, owner: Owner): Value[] => [
    option(scenario.latest(type!, owner)),
  ]
  return {
    '0x1::unit_test::poison': () => [],
    '0x1::unit_test::destroy': () => [],

    '0x2::event::num_events': () => [context.events.length],
    '0x2::event::events_by_type': (_call, [type]) => [
      context.events.filter(event => event.type === type).map(event => event.value),
    ],
    // a struct with a single bool, as is_one_time_witness demands
    '0x2::test_utils::create_one_time_witness': () => [[false]],
    '0x2::random::generate_rand_seed_for_testing': () => [
      bytesToValue(blake2b(u64Bytes(seeds++), { dkLen: 32 })),
    ],

    '0x2::tx_context::last_created_id': () => {
      if (context.idsCreated === 0n) throw new NativeAbort(NO_IDS_CREATED)
      return [deriveObjectId(context.digest, context.idsCreated - 1n)]
    },
    '0x2::tx_context::replace': (call, _types, args) => {
      const [sender, digest, epoch, timestamp, idsCreated, rgp, gasPrice, gasBudget, sponsor] = args
      context.sender = sender as Address
      context.digest = bytesIn(call, digest)
      context.epoch = epoch as bigint
      context.epochTimestampMs = timestamp as bigint
      context.idsCreated = idsCreated as bigint
      context.referenceGasPrice = rgp as bigint
      context.gasPrice = gasPrice as bigint
      context.gasBudget = gasBudget as bigint
      context.sponsor = (sponsor as Address[])[0]
      return []
    },

    '0x2::test_scenario::take_from_address_by_id': (_call, [type], [, owner, object]) => [
      scenario.take(type!, addressOf(object), account(owner)),
    ],
    '0x2::test_scenario::most_recent_id_for_address': (_call, [type], [owner]) =>
      latest(type, account(owner)),
    '0x2::test_scenario::ids_for_address': (_call, [type], [owner]) => [
      scenario.ids(type!, account(owner)).map(id),
    ],
    '0x2::test_scenario::was_taken_from_address': (_call, _types, [owner, object]) => [
      scenario.wasTaken(addressOf(object), account(owner)),
    ],
    '0x2::test_scenario::take_immutable_by_id': (_call, [type], [, object]) => [
      scenario.take(type!, addressOf(object), IMMUTABLE),
    ],
    '0x2::test_scenario::most_recent_immutable_id': (_call, [type]) => latest(type, IMMUTABLE),
    '0x2::test_scenario::was_taken_immutable': (_call, _types, [object]) => [
      scenario.wasTaken(addressOf(object), IMMUTABLE),
    ],
    '0x2::test_scenario::take_shared_by_id': (_call, [type], [, object]) => [
      scenario.take(type!, addressOf(object), SHARED),
    ],
    '0x2::test_scenario::most_recent_id_shared': (_call, [type]) => latest(type, SHARED),
    '0x2::test_scenario::was_taken_shared': (_call, _types, [object]) => [
      scenario.wasTaken(addressOf(object), SHARED),
    ],
    '0x2::test_scenario::allocate_receiving_ticket_for_object': (_call, [type], [object]) => [
      scenario.allocateTicket(type!, addressOf(object)),
    ],
    '0x2::test_scenario::deallocate_receiving_ticket_for_object': (_call, _types, [object]) => {
      scenario.deallocateTicket(addressOf(object))
      return []
    },
    '0x2::test_scenario::end_transaction': ({ vm }) => [effectsValue(scenario.end(vm))],
  }
}
