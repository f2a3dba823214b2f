module sui_system::stake_subsidy;

use sui::bag::{Self, Bag};
use sui::balance::Balance;
use sui::sui::SUI;

public struct StakeSubsidy has store {
    balance: Balance<SUI>,
    distribution_counter: u64,
    current_distribution_amount: u64,
    stake_subsidy_period_length: u64,
    stake_subsidy_decrease_rate: u16,
    extra_fields: Bag,
}

public(package) fun create(
    balance: Balance<SUI>,
    initial_distribution_amount: u64,
    stake_subsidy_period_length: u64,
    stake_subsidy_decrease_rate: u16,
    ctx: &mut TxContext,
): StakeSubsidy {
    StakeSubsidy {
        balance,
        distribution_counter: 0,
        current_distribution_amount: initial_distribution_amount,
        stake_subsidy_period_length,
        stake_subsidy_decrease_rate,
        extra_fields: bag::new(ctx),
    }
}
