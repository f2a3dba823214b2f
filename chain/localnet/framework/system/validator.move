module sui_system::validator;

use std::string::String;
use sui::bag::{Self, Bag};
use sui::url::{Self, Url};
use sui_system::staking_pool::{Self, StakingPool};

/// All voting power there is.
const TOTAL_VOTING_POWER: u64 = 10_000;

const PROTOCOL_KEY_LENGTH: u64 = 96;
const NETWORK_KEY_LENGTH: u64 = 32;
const PROOF_LENGTH: u64 = 48;

public struct ValidatorMetadata has store {
    sui_address: address,
    protocol_pubkey_bytes: vector<u8>,
    network_pubkey_bytes: vector<u8>,
    worker_pubkey_bytes: vector<u8>,
    proof_of_possession: vector<u8>,
    name: String,
    description: String,
    image_url: Url,
    project_url: Url,
    net_address: String,
    p2p_address: String,
    primary_address: String,
    worker_address: String,
    next_epoch_protocol_pubkey_bytes: Option<vector<u8>>,
    next_epoch_proof_of_possession: Option<vector<u8>>,
    next_epoch_network_pubkey_bytes: Option<vector<u8>>,
    next_epoch_worker_pubkey_bytes: Option<vector<u8>>,
    next_epoch_net_address: Option<String>,
    next_epoch_p2p_address: Option<String>,
    next_epoch_primary_address: Option<String>,
    next_epoch_worker_address: Option<String>,
    extra_fields: Bag,
}

public struct Validator has store {
    metadata: ValidatorMetadata,
    voting_power: u64,
    operation_cap_id: ID,
    gas_price: u64,
    staking_pool: StakingPool,
    commission_rate: u64,
    next_epoch_stake: u64,
    next_epoch_gas_price: u64,
    next_epoch_commission_rate: u64,
    extra_fields: Bag,
}

/// One that signs nothing: its keys are zeros, its addresses empty.
public(package) fun new(sui_address: address, gas_price: u64, ctx: &mut TxContext): Validator {
    let metadata = ValidatorMetadata {
        sui_address,
        protocol_pubkey_bytes: zeros(PROTOCOL_KEY_LENGTH),
        network_pubkey_bytes: zeros(NETWORK_KEY_LENGTH),
        worker_pubkey_bytes: zeros(NETWORK_KEY_LENGTH),
        proof_of_possession: zeros(PROOF_LENGTH),
        name: b"localnet".to_string(),
        description: b"".to_string(),
        image_url: url::new_unsafe_from_bytes(b""),
        project_url: url::new_unsafe_from_bytes(b""),
        net_address: b"".to_string(),
        p2p_address: b"".to_string(),
        primary_address: b"".to_string(),
        worker_address: b"".to_string(),
        next_epoch_protocol_pubkey_bytes: option::none(),
        next_epoch_proof_of_possession: option::none(),
        next_epoch_network_pubkey_bytes: option::none(),
        next_epoch_worker_pubkey_bytes: option::none(),
        next_epoch_net_address: option::none(),
        next_epoch_p2p_address: option::none(),
        next_epoch_primary_address: option::none(),
        next_epoch_worker_address: option::none(),
        extra_fields: bag::new(ctx),
    };
    Validator {
        metadata,
        voting_power: TOTAL_VOTING_POWER,
        operation_cap_id: sui_address.to_id(),
        gas_price,
        staking_pool: staking_pool::new(ctx),
        commission_rate: 0,
        next_epoch_stake: 0,
        next_epoch_gas_price: gas_price,
        next_epoch_commission_rate: 0,
        extra_fields: bag::new(ctx),
    }
}

public fun sui_address(self: &Validator): address {
    self.metadata.sui_address
}

public fun gas_price(self: &Validator): u64 {
    self.gas_price
}

public fun staking_pool_id(self: &Validator): ID {
    object::id(&self.staking_pool)
}

fun zeros(length: u64): vector<u8> {
    vector::tabulate!(length, |_| 0)
}
