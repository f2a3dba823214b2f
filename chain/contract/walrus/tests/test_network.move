/// A whole network for tests: system, staking, treasury, clock and nodes that really sign.
///
/// Node i has the BLS secret i + 1. Epochs last 1,000 ms; epoch 0 ends at once. Everything is by the sender 0x0.
#[test_only]
module walrus::test_network;

use std::unit_test;
use sui::bcs;
use sui::bls12381;
use sui::clock::{Self, Clock};
use sui::coin::Coin;
use wal::wal::{Self, WAL, ProtectedTreasury};
use walrus::auth;
use walrus::blob::{Self, Blob};
use walrus::messages;
use walrus::node_metadata;
use walrus::staked_wal::StakedWal;
use walrus::staking::{Self, Staking};
use walrus::storage_node::StorageNodeCap;
use walrus::storage_resource::Storage;
use walrus::system::{Self, System};

const EPOCH_MS: u64 = 1_000;
const MAX_EPOCHS_AHEAD: u32 = 10;
const FROST_PER_WAL: u64 = 1_000_000_000;
const CAPACITY: u64 = 1_000_000_000_000;

public struct Network {
    system: System,
    staking: Staking,
    treasury: ProtectedTreasury,
    clock: Clock,
    ctx: TxContext,
    caps: vector<StorageNodeCap>,
    stakes: vector<StakedWal>,
}

// === Making ===

/// A network in epoch 0 without nodes.
public fun empty(n_shards: u16): Network {
    let mut ctx = tx_context::dummy();
    let clock = clock::create_for_testing(&mut ctx);
    Network {
        system: system::new_for_testing(MAX_EPOCHS_AHEAD, &mut ctx),
        staking: staking::new_for_testing(0, EPOCH_MS, n_shards, &clock, &mut ctx),
        treasury: wal::treasury_for_testing(&mut ctx),
        clock,
        ctx,
        caps: vector[],
        stakes: vector[],
    }
}

/// A network in epoch 1, one node for each stake (in WAL); storage and writing cost 10 and 20 FROST per MiB.
public fun with_stakes(n_shards: u16, stakes: vector<u64>): Network {
    let mut network = empty(n_shards);
    stakes.do!(|stake| {
        let i = network.register(0, 10, 20, CAPACITY);
        let staked = network.stake(i, stake);
        network.stakes.push_back(staked);
    });
    network.next_epoch();
    network
}

/// Four equal nodes, 10 shards, epoch 1. Node 0 and 1 (by node ID) have 3 shards, the others 2.
public fun four(): Network { with_stakes(10, vector[100, 100, 100, 100]) }

public fun destroy(network: Network) { unit_test::destroy(network) }

// === Parts ===

public fun system(self: &mut Network): &mut System { &mut self.system }

public fun staking(self: &mut Network): &mut Staking { &mut self.staking }

public fun both(self: &mut Network): (&mut System, &mut Staking, &mut TxContext) {
    (&mut self.system, &mut self.staking, &mut self.ctx)
}

public fun everything(
    self: &mut Network,
): (&mut System, &mut Staking, &mut ProtectedTreasury, &Clock, &mut TxContext) {
    (&mut self.system, &mut self.staking, &mut self.treasury, &self.clock, &mut self.ctx)
}

public fun ctx(self: &mut Network): &mut TxContext { &mut self.ctx }

public fun node_id(self: &Network, i: u64): ID { self.caps[i].node_id() }

public fun node_ids(self: &Network): vector<ID> { self.caps.map_ref!(|cap| cap.node_id()) }

public fun with_cap(self: &mut Network, i: u64): (&mut System, &mut Staking, &mut StorageNodeCap) {
    (&mut self.system, &mut self.staking, &mut self.caps[i])
}

public fun epoch(self: &Network): u32 { self.system.epoch() }

public fun supply(self: &Network): u64 { self.treasury.total_supply() }

/// The stake of `with_stakes` for node i.
public fun first_stake(self: &mut Network, i: u64): (&mut Staking, &mut StakedWal, &mut TxContext) {
    (&mut self.staking, &mut self.stakes[i], &mut self.ctx)
}

// === Money ===

public fun frost(wal: u64): u64 { wal * FROST_PER_WAL }

public fun mint(self: &mut Network, amount: u64): Coin<WAL> {
    self.treasury.mint_for_testing(amount, &mut self.ctx)
}

/// Burns a coin and answers what it was worth.
public fun spend(self: &mut Network, coin: Coin<WAL>): u64 {
    let value = coin.value();
    self.treasury.burn(coin);
    value
}

// === Nodes ===

/// Registers the next node; answers its number.
public fun register(
    self: &mut Network,
    commission: u16,
    storage_price: u64,
    write_price: u64,
    capacity: u64,
): u64 {
    let i = self.caps.length();
    let key = public_key(i);
    let epoch = self.staking.epoch();
    let proof = sign(
        &messages::proof_of_possession(epoch, self.ctx.sender(), &key),
        vector[i],
    );
    let cap = self
        .staking
        .register_candidate(
            b"node".to_string(),
            b"127.0.0.1:9000".to_string(),
            node_metadata::default(),
            key,
            network_key(),
            proof,
            commission,
            storage_price,
            write_price,
            capacity,
            &mut self.ctx,
        );
    self.caps.push_back(cap);
    i
}

/// Stakes (in WAL) with node i.
public fun stake(self: &mut Network, i: u64, amount: u64): StakedWal {
    let coin = self.mint(frost(amount));
    self.staking.stake_with_pool(coin, self.caps[i].node_id(), &mut self.ctx)
}

public fun withdraw(self: &mut Network, staked: StakedWal): Coin<WAL> {
    self.staking.withdraw_stake(staked, &mut self.ctx)
}

public fun request_withdraw(self: &mut Network, staked: &mut StakedWal) {
    self.staking.request_withdraw_stake(staked, &mut self.ctx)
}

/// Pays out node i's commission.
public fun collect(self: &mut Network, i: u64): Coin<WAL> {
    let auth = auth::authenticate_with_object(&self.caps[i]);
    self.staking.collect_commission(self.caps[i].node_id(), auth, &mut self.ctx)
}

// === Epochs ===

public fun wait(self: &mut Network, ms: u64) { self.clock.increment_for_testing(ms) }

public fun voting_end(self: &mut Network) { self.staking.voting_end(&self.clock) }

public fun change_epoch(self: &mut Network) {
    self
        .staking
        .initiate_epoch_change_v2(
            &mut self.system,
            &mut self.treasury,
            &self.clock,
            &mut self.ctx,
        )
}

public fun sync_done(self: &mut Network, i: u64) {
    let epoch = self.staking.epoch();
    self.staking.epoch_sync_done(&mut self.caps[i], epoch, &self.clock)
}

/// From EpochChangeDone to the selection of the next committee.
public fun select(self: &mut Network) {
    self.wait(EPOCH_MS / 2);
    self.voting_end();
}

/// From the selection to the next EpochChangeDone.
public fun advance(self: &mut Network) {
    self.wait(EPOCH_MS / 2);
    self.change_epoch();
    let mut i = 0;
    while (i < self.caps.length()) {
        let node_id = self.caps[i].node_id();
        if (self.staking.committee().contains(&node_id)) self.sync_done(i);
        i = i + 1;
    }
}

public fun next_epoch(self: &mut Network) {
    self.select();
    self.advance();
}

public fun skip_epochs(self: &mut Network, mut n: u64) {
    while (n > 0) {
        self.next_epoch();
        n = n - 1;
    }
}

// === Storage and blobs ===

/// Buys storage and answers what it cost.
public fun reserve(self: &mut Network, bytes: u64, epochs: u32): (Storage, u64) {
    let mut coin = self.mint(frost(1));
    let storage = self.system.reserve_space(bytes, epochs, &mut coin, &mut self.ctx);
    (storage, frost(1) - self.spend(coin))
}

/// Registers a blob of `size` bytes whose root is `root`, with just enough storage for `epochs` epochs.
public fun register_blob(
    self: &mut Network,
    root: u256,
    size: u64,
    deletable: bool,
    epochs: u32,
): Blob {
    let bytes = walrus::encoding::encoded_blob_length(size, 1, self.system.n_shards());
    let (storage, _) = self.reserve(bytes, epochs);
    let mut coin = self.mint(frost(1));
    let blob = self
        .system
        .register_blob(
            storage,
            blob::derive_blob_id(root, 1, size),
            root,
            size,
            1,
            deletable,
            &mut coin,
            &mut self.ctx,
        );
    self.spend(coin);
    blob
}

/// Certifies a blob with all nodes' signatures.
public fun certify(self: &mut Network, blob: &mut Blob) {
    let message = confirmation(self.epoch(), blob);
    let (signature, bitmap) = self.certificate(&message, self.members());
    self.system.certify_blob(blob, signature, bitmap, message)
}

/// A certified blob.
public fun certified_blob(self: &mut Network, root: u256, deletable: bool, epochs: u32): Blob {
    let mut blob = self.register_blob(root, 1_000, deletable, epochs);
    self.certify(&mut blob);
    blob
}

// === Signatures ===

/// The message that nodes sign for a blob.
public fun confirmation(epoch: u32, blob: &Blob): vector<u8> {
    let mut message = messages::header_for_testing(1, epoch);
    message.append(bcs::to_bytes(&blob.blob_id()));
    if (blob.is_deletable()) {
        message.push_back(1);
        message.append(bcs::to_bytes(&blob.object_id()));
    } else {
        message.push_back(0);
    };
    message
}

/// Positions 0, 1, ... of all members.
public fun members(self: &Network): vector<u64> {
    vector::tabulate!(self.staking.committee().size(), |i| i)
}

/// Aggregate signature and bitmap of the members at these positions.
public fun certificate(
    self: &Network,
    message: &vector<u8>,
    positions: vector<u64>,
): (vector<u8>, vector<u8>) {
    let ids = self.staking.committee().to_inner().keys();
    let mut bitmap = vector::tabulate!(ids.length().divide_and_round_up(8), |_| 0u8);
    let secrets = positions.map!(|position| {
        let byte = position / 8;
        *&mut bitmap[byte] = bitmap[byte] | (1u8 << ((position % 8) as u8));
        self.caps.find_index!(|cap| cap.node_id() == ids[position]).destroy_some()
    });
    (sign(message, secrets), bitmap)
}

/// Aggregate signature of the nodes with these numbers.
public fun sign(message: &vector<u8>, nodes: vector<u64>): vector<u8> {
    let mut secret = bls12381::scalar_zero();
    nodes.do!(|i| secret = bls12381::scalar_add(&secret, &bls12381::scalar_from_u64(i + 1)));
    *bls12381::g2_mul(&secret, &bls12381::hash_to_g2(message)).bytes()
}

public fun public_key(i: u64): vector<u8> {
    let secret = bls12381::scalar_from_u64(i + 1);
    *bls12381::g1_mul(&secret, &bls12381::g1_generator()).bytes()
}

public fun network_key(): vector<u8> { vector::tabulate!(33, |i| i as u8) }
