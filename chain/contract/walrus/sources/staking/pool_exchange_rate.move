/// What a share of a pool is worth. Rewards raise the worth, so that nobody's stake needs to be touched.
module walrus::pool_exchange_rate;

public enum PoolExchangeRate has copy, drop, store {
    /// one to one
    Flat,
    Variable { wal_amount: u128, share_amount: u128 },
}

public(package) fun flat(): PoolExchangeRate { PoolExchangeRate::Flat }

/// The worth of a pool's shares; one to one when it has none or nothing.
public(package) fun new(wal_amount: u64, share_amount: u64): PoolExchangeRate {
    if (wal_amount == 0 || share_amount == 0) {
        PoolExchangeRate::Flat
    } else {
        PoolExchangeRate::Variable {
            wal_amount: wal_amount as u128,
            share_amount: share_amount as u128,
        }
    }
}

/// FROST that shares are worth, rounded down.
public(package) fun convert_to_wal_amount(self: &PoolExchangeRate, shares: u64): u64 {
    match (self) {
        PoolExchangeRate::Flat => shares,
        PoolExchangeRate::Variable { wal_amount, share_amount } => {
            ((shares as u128) * *wal_amount / *share_amount) as u64
        },
    }
}

/// Shares that FROST buy, rounded down.
public(package) fun convert_to_share_amount(self: &PoolExchangeRate, amount: u64): u64 {
    match (self) {
        PoolExchangeRate::Flat => amount,
        PoolExchangeRate::Variable { wal_amount, share_amount } => {
            ((amount as u128) * *share_amount / *wal_amount) as u64
        },
    }
}
