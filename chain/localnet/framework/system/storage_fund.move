module sui_system::storage_fund;

use sui::balance::{Self, Balance};
use sui::sui::SUI;

public struct StorageFund has store {
    total_object_storage_rebates: Balance<SUI>,
    non_refundable_balance: Balance<SUI>,
}

public(package) fun new(initial_fund: Balance<SUI>): StorageFund {
    StorageFund { total_object_storage_rebates: balance::zero(), non_refundable_balance: initial_fund }
}
