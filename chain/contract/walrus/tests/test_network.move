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

/// Keys of the secrets 1 to 6, and their proofs of possession for epoch 0 and the sender 0x0: computing them
/// would take most of a test's time.
const KEYS: vector<vector<u8>> = vector[
    x"97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb",
    x"a572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e",
    x"89ece308f9d1f0131765212deca99697b112d61f9be9a5f1f3780a51335b3ff981747a0b2ca2179b96d2c0c9024e5224",
    x"ac9b60d5afcbd5663a8a44b7c5a02f19e9a77ab0a35bd65809bb5c67ec582c897feb04decc694b13e08587f3ff9b5b60",
    x"b0e7791fb972fe014159aa33a98622da3cdc98ff707965e536d8636b5fcc5ac7a91a8c46e59a00dca575af0f18fb13dc",
    x"a6e82f6da4520f85c5d27d8f329eccfa05944fd1096b20734c894966d12a9e2a9a9744529d7212d33883113a0cadb909",
];
const PROOFS: vector<vector<u8>> = vector[
    x"89da47d8ba0bd92a8205e04dc86d5c2176b0c32f0c5a65c2c12e9d3b87c4cce982820977783d2a54436049e7d8e7ebe718e832aba543da12ee8af94f0ebc52d016eac8f1813cebf80825421a8f0905da172a6940aee87880d7a1e443f48e5a89",
    x"871660b6307f88f429da7abbf2f0a2b5fa8fe6da59c3944c8749fd0e53edebf05111d2f017a19c3bb140284a5ed9e2b102c51c2c091dcafd9d9dba46f69f15d76e8faa2a76cc6f9cf4fa3f05a2aff02ece3e70bd74cf77af7b93f502d096aaba",
    x"b8cbe4c968cbad2403cb743b3c1d9fe7a86d45392dd63a9fd20c7c4359efcf4af8036b2f3689318ead2f5ec64bf6359919d6f8410400fd7d3c79cf3412ae20e089d67111558bedc839b9407480734f052b50cb7bcdce5366dd4c5295316909b9",
    x"98ea0f538a63201e5c873637c946bfbabcc1cf9cf7ef305e13b5d9be23f0e44a778ce851e52cff2ecad31e47481fd13b0b6b877b972e81b25958ed41d4ace3861528b10319dfe7b64f90c295e49c324832682aa4c290255b56d39bf9d06da2c1",
    x"8f97cd1c3d80ba5be121a3234e002e3e74b7cf39a37e5e9323a34d3cc517b1b80a76a3471bbe5404a7538bf1fcdc8ccf1696182419e2d24b31c67a31bd500a3b0ab42f903b1f1c1f9f712da07c127855592adf02960b6b5aabcd814f1c72bc8a",
    x"b6b5aaadf876dfea9e55b6012dafaff14568864e6b9a91edde2cf384dd9c40cb1cfcf94946f1a76be3653f258f38c6e70a1f7b244b8d3bd0232d668cecca488c9361d50c36d74c7161921935f3821b178f99684bd293552fed53be34058480ae",
];

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

/// Sets a parameter at once.
public fun set(self: &mut Network, name: vector<u8>, value: u64) {
    self.staking.bylaws_mut(&mut self.ctx).found(name.to_string(), value)
}

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

public fun with_cap_and_clock(
    self: &mut Network,
    i: u64,
): (&mut Staking, &StorageNodeCap, &Clock) {
    (&mut self.staking, &self.caps[i], &self.clock)
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
    let proof = if (epoch == 0 && i < PROOFS.length()) PROOFS[i]
    else prove(epoch, self.ctx.sender(), i);
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

/// Node i's proof of possession for an epoch and a sender.
public fun prove(epoch: u32, sender: address, i: u64): vector<u8> {
    sign(&messages::proof_of_possession(epoch, sender, public_key(i)).to_bytes(), vector[i])
}

public fun public_key(i: u64): vector<u8> {
    if (i < KEYS.length()) KEYS[i] else compute_key(i)
}

fun compute_key(i: u64): vector<u8> {
    let secret = bls12381::scalar_from_u64(i + 1);
    *bls12381::g1_mul(&secret, &bls12381::g1_generator()).bytes()
}

public fun network_key(): vector<u8> { vector::tabulate!(33, |i| i as u8) }

#[test]
fun keys_and_proofs_are_those_of_the_secrets() {
    let mut i = 0;
    while (i < KEYS.length()) {
        assert!(sui::bls12381::bls12381_min_pk_verify(
            &PROOFS[i],
            &KEYS[i],
            &messages::proof_of_possession(0, @0x0, KEYS[i]).to_bytes(),
        ));
        i = i + 1;
    }
}

#[test]
fun the_first_key_is_the_generator() {
    assert!(KEYS[0] == *bls12381::g1_generator().bytes());
}
