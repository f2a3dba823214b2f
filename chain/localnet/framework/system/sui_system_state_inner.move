module sui_system::sui_system_state_inner;

use sui::bag::{Self, Bag};
use sui::balance::{Self, Balance};
use sui::sui::SUI;
use sui::vec_map::{Self, VecMap};
use sui::vec_set::VecSet;
use sui_system::stake_subsidy::StakeSubsidy;
use sui_system::storage_fund::{Self, StorageFund};
use sui_system::validator::Validator;
use sui_system::validator_set::{Self, ValidatorSet};

const SYSTEM_STATE_VERSION_V2: u64 = 2;

public struct SystemParametersV2 has store {
    epoch_duration_ms: u64,
    stake_subsidy_start_epoch: u64,
    min_validator_count: u64,
    max_validator_count: u64,
    min_validator_joining_stake: u64,
    validator_low_stake_threshold: u64,
    validator_very_low_stake_threshold: u64,
    validator_low_stake_grace_period: u64,
    extra_fields: Bag,
}

public struct SuiSystemStateInnerV2 has store {
    epoch: u64,
    protocol_version: u64,
    system_state_version: u64,
    validators: ValidatorSet,
    storage_fund: StorageFund,
    parameters: SystemParametersV2,
    reference_gas_price: u64,
    validator_report_records: VecMap<address, VecSet<address>>,
    stake_subsidy: StakeSubsidy,
    safe_mode: bool,
    safe_mode_storage_rewards: Balance<SUI>,
    safe_mode_computation_rewards: Balance<SUI>,
    safe_mode_storage_rebates: u64,
    safe_mode_non_refundable_storage_fee: u64,
    epoch_start_timestamp_ms: u64,
    extra_fields: Bag,
}

public(package) fun create(
    validators: vector<Validator>,
    initial_storage_fund: Balance<SUI>,
    protocol_version: u64,
    epoch_start_timestamp_ms: u64,
    parameters: SystemParametersV2,
    stake_subsidy: StakeSubsidy,
    ctx: &mut TxContext,
): SuiSystemStateInnerV2 {
    let reference_gas_price = validators[0].gas_price();
    SuiSystemStateInnerV2 {
        epoch: 0,
        protocol_version,
        system_state_version: SYSTEM_STATE_VERSION_V2,
        validators: validator_set::new(validators, ctx),
        storage_fund: storage_fund::new(initial_storage_fund),
        parameters,
        reference_gas_price,
        validator_report_records: vec_map::empty(),
        stake_subsidy,
        safe_mode: false,
        safe_mode_storage_rewards: balance::zero(),
        safe_mode_computation_rewards: balance::zero(),
        safe_mode_storage_rebates: 0,
        safe_mode_non_refundable_storage_fee: 0,
        epoch_start_timestamp_ms,
        extra_fields: bag::new(ctx),
    }
}

/// The numbers in the order of the fields.
public(package) fun create_system_parameters(
    numbers: vector<u64>,
    ctx: &mut TxContext,
): SystemParametersV2 {
    SystemParametersV2 {
        epoch_duration_ms: numbers[0],
        stake_subsidy_start_epoch: numbers[1],
        min_validator_count: numbers[2],
        max_validator_count: numbers[3],
        min_validator_joining_stake: numbers[4],
        validator_low_stake_threshold: numbers[5],
        validator_very_low_stake_threshold: numbers[6],
        validator_low_stake_grace_period: numbers[7],
        extra_fields: bag::new(ctx),
    }
}

public(package) fun system_state_version(self: &SuiSystemStateInnerV2): u64 {
    self.system_state_version
}

public(package) fun active_validator_addresses(self: &SuiSystemStateInnerV2): vector<address> {
    self.validators.active_validator_addresses()
}
