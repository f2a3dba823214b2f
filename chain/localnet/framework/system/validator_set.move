module sui_system::validator_set;

use sui::bag::{Self, Bag};
use sui::table::{Self, Table};
use sui::table_vec::{Self, TableVec};
use sui::vec_map::{Self, VecMap};
use sui_system::validator::Validator;
use sui_system::validator_wrapper::ValidatorWrapper;

public struct ValidatorSet has store {
    total_stake: u64,
    active_validators: vector<Validator>,
    pending_active_validators: TableVec<Validator>,
    pending_removals: vector<u64>,
    staking_pool_mappings: Table<ID, address>,
    inactive_validators: Table<ID, ValidatorWrapper>,
    validator_candidates: Table<address, ValidatorWrapper>,
    at_risk_validators: VecMap<address, u64>,
    extra_fields: Bag,
}

public(package) fun new(active_validators: vector<Validator>, ctx: &mut TxContext): ValidatorSet {
    let mut staking_pool_mappings = table::new(ctx);
    active_validators.do_ref!(|one| {
        staking_pool_mappings.add(one.staking_pool_id(), one.sui_address())
    });
    ValidatorSet {
        total_stake: 0,
        active_validators,
        pending_active_validators: table_vec::empty(ctx),
        pending_removals: vector[],
        staking_pool_mappings,
        inactive_validators: table::new(ctx),
        validator_candidates: table::new(ctx),
        at_risk_validators: vec_map::empty(),
        extra_fields: bag::new(ctx),
    }
}

public(package) fun active_validator_addresses(self: &ValidatorSet): vector<address> {
    self.active_validators.map_ref!(|one| one.sui_address())
}
