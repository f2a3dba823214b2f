/// A network driven by numbers, for tests outside Move: `test/chain/contract/differential` holds what comes out of it
/// against a model of the rules. Signatures are not valid: it wants a VM that takes any.
#[test_only]
module walrus::differential;

use std::unit_test;
use sui::bcs;
use sui::clock::{Self, Clock};
use sui::coin::Coin;
use sui::vec_map;
use wal::wal::{Self, ProtectedTreasury, WAL};
use walrus::active_set;
use walrus::apportionment;
use walrus::auth;
use walrus::committee::{Self, Committee};
use walrus::node_metadata;
use walrus::staked_wal::StakedWal;
use walrus::staking::{Self, Staking};
use walrus::storage_node::StorageNodeCap;
use walrus::system::{Self, System};
use walrus::test_network;

const EPOCH_MS: u64 = 1_000;
const MAX_EPOCHS_AHEAD: u32 = 4;
const PURSE: u64 = 1_000_000_000_000_000;

public struct World {
    system: System,
    staking: Staking,
    treasury: ProtectedTreasury,
    clock: Clock,
    ctx: TxContext,
    caps: vector<StorageNodeCap>,
    stakes: vector<Option<StakedWal>>,
}

/// Node IDs of a world with so many nodes.
public fun node_ids(nodes: u64): vector<address> {
    let world = create(10, vector::tabulate!(nodes, |_| vector[0, 1, 1, 1]));
    let ids = world.caps.map_ref!(|cap| cap.node_id().to_address());
    unit_test::destroy(world);
    ids
}

/// Registers nodes (commission rate, storage price, write price, capacity), takes the steps, and answers what each
/// step told; the last entry is the state in the end.
public fun history(
    n_shards: u16,
    nodes: vector<vector<u64>>,
    steps: vector<vector<u64>>,
): vector<vector<u64>> {
    let mut world = create(n_shards, nodes);
    let mut told = steps.map!(|step| world.take(step));
    told.push_back(world.state());
    unit_test::destroy(world);
    told
}

/// Shards for stakes.
public fun apportion(n_shards: u16, stakes: vector<u64>): vector<u16> {
    apportionment::dhondt(n_shards, &stakes)
}

/// A set of at most `size` nodes after these updates (node, stake): its nodes in order, then their stakes.
public fun activate(size: u16, updates: vector<vector<u64>>): vector<vector<u64>> {
    let mut set = active_set::new(size, 0);
    updates.do!(|update| {
        set.insert_or_update(id(update[0]), update[1]);
    });
    let (ids, stakes) = set.ids_and_stakes();
    let nodes = ids.map!(|id| id.to_address().to_u256() as u64);
    vector[nodes, stakes, vector[set.total_stake()]]
}

/// Committees by these numbers of shards (node, number), one after the other; of the last: node, shards...
public fun assign(numbers: vector<vector<vector<u64>>>): vector<vector<u64>> {
    let mut committee = committee::empty();
    numbers.do!(|pairs| {
        let mut map = vec_map::empty();
        pairs.do!(|pair| map.insert(id(pair[0]), pair[1] as u16));
        committee = if (committee.size() == 0) committee::initialize(map) else committee.transition(map);
    });
    let mut all = vector[];
    let (ids, shards) = committee.to_inner().into_keys_values();
    ids.zip_do!(shards, |id, shards| {
        let mut row = vector[id.to_address().to_u256() as u64];
        shards.do!(|shard| row.push_back(shard as u64));
        all.push_back(row);
    });
    all
}

fun id(number: u64): ID { sui::address::from_u256(number as u256).to_id() }

fun create(n_shards: u16, nodes: vector<vector<u64>>): World {
    let mut ctx = tx_context::dummy();
    let clock = clock::create_for_testing(&mut ctx);
    let mut staking = staking::new_for_testing(0, EPOCH_MS, n_shards, &clock, &mut ctx);
    let caps = nodes.map!(|node| {
        staking.register_candidate(
            b"node".to_string(),
            b"127.0.0.1:9000".to_string(),
            node_metadata::default(),
            test_network::public_key(0),
            test_network::network_key(),
            vector[],
            node[0] as u16,
            node[1],
            node[2],
            node[3],
            &mut ctx,
        )
    });
    World {
        system: system::new_for_testing(MAX_EPOCHS_AHEAD, &mut ctx),
        staking,
        treasury: wal::treasury_for_testing(&mut ctx),
        clock,
        ctx,
        caps,
        stakes: vector[],
    }
}

fun mint(world: &mut World, amount: u64): Coin<WAL> {
    world.treasury.mint_for_testing(amount, &mut world.ctx)
}

fun burn(world: &mut World, coin: Coin<WAL>): u64 {
    let value = coin.value();
    world.treasury.burn(coin);
    value
}

fun stake_at(world: &mut World, i: u64): StakedWal { world.stakes[i].extract() }

fun take(world: &mut World, step: vector<u64>): vector<u64> {
    match (step[0]) {
        0 => world.stake(step[1], step[2]),
        1 => world.request(step[1]),
        2 => world.withdraw(step[1]),
        3 => world.split(step[1], step[2]),
        4 => world.join(step[1], step[2]),
        5 => world.set_commission(step[1], step[2]),
        6 => world.collect(step[1]),
        7 => world.reserve(step[1], step[2], step[3]),
        8 => world.subsidize(step[1], step[2]),
        9 => world.add_commission(step[1], step[2]),
        10 => world.vote(step[1], step[2], step[3], step[4]),
        11 => world.update_prices(),
        12 => world.deny(step[1], step[2]),
        13 => world.try_join(step[1]),
        14 => world.select(step[1]),
        15 => world.advance(step[1]),
        16 => world.begin(step[1]),
        17 => world.report(step[1], step[2], step[3]),
        _ => abort 0,
    }
}

fun stake(world: &mut World, node: u64, amount: u64): vector<u64> {
    let coin = world.mint(amount);
    let node_id = world.caps[node].node_id();
    let staked = world.staking.stake_with_pool(coin, node_id, &mut world.ctx);
    let told = vector[staked.activation_epoch() as u64];
    world.stakes.push_back(option::some(staked));
    told
}

fun request(world: &mut World, i: u64): vector<u64> {
    let mut staked = world.stake_at(i);
    world.staking.request_withdraw_stake(&mut staked, &mut world.ctx);
    let told = vector[staked.withdraw_epoch() as u64];
    world.stakes[i].fill(staked);
    told
}

fun withdraw(world: &mut World, i: u64): vector<u64> {
    let staked = world.stake_at(i);
    let coin = world.staking.withdraw_stake(staked, &mut world.ctx);
    vector[world.burn(coin)]
}

fun split(world: &mut World, i: u64, amount: u64): vector<u64> {
    let mut staked = world.stake_at(i);
    let part = staked.split(amount, &mut world.ctx);
    world.stakes[i].fill(staked);
    world.stakes.push_back(option::some(part));
    vector[]
}

fun join(world: &mut World, i: u64, j: u64): vector<u64> {
    let mut staked = world.stake_at(i);
    let other = world.stake_at(j);
    staked.join(other);
    world.stakes[i].fill(staked);
    vector[]
}

fun set_commission(world: &mut World, node: u64, rate: u64): vector<u64> {
    world.staking.set_next_commission(&world.caps[node], rate as u16);
    vector[]
}

fun collect(world: &mut World, node: u64): vector<u64> {
    let cap = &world.caps[node];
    let auth = auth::authenticate_with_object(cap);
    let coin = world.staking.collect_commission(cap.node_id(), auth, &mut world.ctx);
    vector[world.burn(coin)]
}

fun reserve(world: &mut World, bytes: u64, start: u64, end: u64): vector<u64> {
    let mut purse = world.mint(PURSE);
    let storage = world
        .system
        .reserve_space_for_epochs(bytes, start as u32, end as u32, &mut purse, &mut world.ctx);
    storage.destroy();
    vector[PURSE - world.burn(purse)]
}

fun subsidize(world: &mut World, amount: u64, epochs: u64): vector<u64> {
    let subsidy = world.mint(amount);
    world.system.add_subsidy(subsidy, epochs as u32);
    vector[]
}

fun add_commission(world: &mut World, node: u64, amount: u64): vector<u64> {
    let balance = world.mint(amount).into_balance();
    world.staking.add_commission_to_pools(vector[world.caps[node].node_id()], vector[balance]);
    vector[]
}

fun vote(world: &mut World, node: u64, storage: u64, write: u64, capacity: u64): vector<u64> {
    let cap = &world.caps[node];
    world.staking.set_storage_price_vote(cap, storage);
    world.staking.set_write_price_vote(cap, write);
    world.staking.set_node_capacity_vote(cap, capacity);
    vector[]
}

fun update_prices(world: &mut World): vector<u64> {
    world.staking.update_prices(&mut world.system);
    vector[]
}

/// All sign that the node's deny list has this size.
fun deny(world: &mut World, node: u64, size: u64): vector<u64> {
    let members = world.staking.committee().size();
    let mut bitmap = vector[];
    let mut left = members;
    while (left > 0) {
        let bits = left.min(8);
        bitmap.push_back((((1u16 << (bits as u8)) - 1) & 255) as u8);
        left = left - bits;
    };
    let cap = &mut world.caps[node];
    let mut message = walrus::messages::header_for_testing(4, world.staking.epoch());
    message.append(bcs::to_bytes(&cap.node_id()));
    message.append(bcs::to_bytes(&(cap.deny_list_sequence() + 1)));
    message.append(bcs::to_bytes(&size));
    message.append(bcs::to_bytes(&0u256));
    world.system.update_deny_list(cap, vector[], bitmap, message);
    vector[]
}

fun try_join(world: &mut World, node: u64): vector<u64> {
    world.staking.try_join_active_set(&world.caps[node]);
    vector[]
}

fun select(world: &mut World, ms: u64): vector<u64> {
    world.clock.increment_for_testing(ms);
    world.staking.voting_end(&world.clock);
    world.state()
}

/// To the next epoch; nobody has reported yet.
fun begin(world: &mut World, ms: u64): vector<u64> {
    world.clock.increment_for_testing(ms);
    world
        .staking
        .initiate_epoch_change_v2(
            &mut world.system,
            &mut world.treasury,
            &world.clock,
            &mut world.ctx,
        );
    world.state()
}

/// A node has all of its shards of an epoch. Tells whether the change is done.
fun report(world: &mut World, node: u64, epoch: u64, ms: u64): vector<u64> {
    world.clock.increment_for_testing(ms);
    let cap = &mut world.caps[node];
    world.staking.epoch_sync_done(cap, epoch as u32, &world.clock);
    vector[if (world.staking.inner_for_testing().is_sync_done()) 1 else 0]
}

/// To the next epoch, and its shards into place.
fun advance(world: &mut World, ms: u64): vector<u64> {
    world.begin(ms);
    let epoch = world.staking.epoch();
    let mut i = 0;
    while (i < world.caps.length()) {
        let cap = &mut world.caps[i];
        if (world.staking.committee().contains(&cap.node_id())) {
            world.staking.epoch_sync_done(cap, epoch, &world.clock);
        };
        i = i + 1;
    };
    world.state()
}

// === State ===

fun number_of(world: &World, node_id: &ID): u64 {
    world.caps.find_index!(|cap| &cap.node_id() == node_id).destroy_some()
}

fun push_committee(world: &World, state: &mut vector<u64>, committee: &Committee) {
    state.push_back(committee.size());
    let (ids, shards) = committee.to_inner().into_keys_values();
    ids.zip_do!(shards, |id, shards| {
        state.push_back(world.number_of(&id));
        state.push_back(shards.length());
        shards.do!(|shard| state.push_back(shard as u64));
    });
}

fun state(world: &World): vector<u64> {
    let system = &world.system;
    let (storage_price, write_price) = system.inner_for_testing().prices_for_testing();
    let mut state = vector[
        system.epoch() as u64,
        system.total_capacity_size(),
        system.used_capacity_size(),
        storage_price,
        write_price,
        world.treasury.total_supply(),
    ];
    let mut offset = 0;
    while (offset < MAX_EPOCHS_AHEAD) {
        let epoch = system.future_accounting().ring_lookup(offset);
        state.push_back(epoch.rewards());
        state.push_back(epoch.used_capacity());
        offset = offset + 1;
    };
    world.push_committee(&mut state, world.staking.committee());
    let staking = world.staking.inner_for_testing();
    let (ids, stakes) = staking.active_set_for_testing();
    state.push_back(ids.length());
    ids.zip_do!(stakes, |id, stake| {
        state.push_back(world.number_of(&id));
        state.push_back(stake);
    });
    world.caps.do_ref!(|cap| {
        let pool = staking.pool(cap.node_id());
        state.push_back(pool.latest_epoch() as u64);
        state.push_back(pool.wal_balance());
        state.push_back(pool.num_shares());
        state.push_back(pool.rewards_amount());
        state.push_back(pool.commission_amount());
        state.push_back(pool.commission_rate() as u64);
        state.push_back(pool.wal_balance_at_epoch(staking.epoch() + 1));
        state.push_back(pool.wal_balance_at_epoch(staking.epoch() + 2));
    });
    state
}
