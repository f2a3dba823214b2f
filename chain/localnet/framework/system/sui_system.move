/// The object at 0x5, as far as it is read: nothing here is staked, voted for or advanced.
module sui_system::sui_system;

use sui::balance::Balance;
use sui::dynamic_field as field;
use sui::sui::SUI;
use sui_system::stake_subsidy::StakeSubsidy;
use sui_system::sui_system_state_inner::{Self as inner, SuiSystemStateInnerV2, SystemParametersV2};
use sui_system::validator::Validator;

/// What is in it is a dynamic field with the version as its name.
public struct SuiSystemState has key {
    id: UID,
    version: u64,
}

#[allow(lint(share_owned))]
public(package) fun create(
    id: UID,
    validators: vector<Validator>,
    storage_fund: Balance<SUI>,
    protocol_version: u64,
    epoch_start_timestamp_ms: u64,
    parameters: SystemParametersV2,
    stake_subsidy: StakeSubsidy,
    ctx: &mut TxContext,
) {
    let state = inner::create(
        validators,
        storage_fund,
        protocol_version,
        epoch_start_timestamp_ms,
        parameters,
        stake_subsidy,
        ctx,
    );
    let version = state.system_state_version();
    let mut self = SuiSystemState { id, version };
    field::add(&mut self.id, version, state);
    transfer::share_object(self)
}

public fun active_validator_addresses(wrapper: &mut SuiSystemState): vector<address> {
    wrapper.load().active_validator_addresses()
}

fun load(self: &mut SuiSystemState): &SuiSystemStateInnerV2 {
    field::borrow(&self.id, self.version)
}

/// What the localnet's genesis calls: one validator, which stands for the process.
#[allow(unused_function)]
fun genesis(
    id: UID,
    validator: address,
    protocol_version: u64,
    epoch_start_timestamp_ms: u64,
    reference_gas_price: u64,
    parameters: vector<u64>,
    subsidy: vector<u64>,
    ctx: &mut TxContext,
) {
    let validators = vector[sui_system::validator::new(validator, reference_gas_price, ctx)];
    let parameters = inner::create_system_parameters(parameters, ctx);
    let subsidy = sui_system::stake_subsidy::create(
        sui::balance::zero(),
        subsidy[0],
        subsidy[1],
        subsidy[2] as u16,
        ctx,
    );
    create(
        id,
        validators,
        sui::balance::zero(),
        protocol_version,
        epoch_start_timestamp_ms,
        parameters,
        subsidy,
        ctx,
    )
}
