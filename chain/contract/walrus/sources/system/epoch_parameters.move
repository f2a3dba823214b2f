/// What the nodes' votes decide for an epoch.
module walrus::epoch_parameters;

public struct EpochParams has copy, drop, store {
    /// bytes that may be sold
    total_capacity_size: u64,
    /// FROST per storage unit and epoch
    storage_price_per_unit_size: u64,
    /// FROST per storage unit, once
    write_price_per_unit_size: u64,
}

/// Prices are no part of it any more: votes on them apply at once, so its prices are those that nobody pays.
public(package) fun new(total_capacity_size: u64): EpochParams {
    EpochParams {
        total_capacity_size,
        storage_price_per_unit_size: std::u64::max_value!(),
        write_price_per_unit_size: std::u64::max_value!(),
    }
}

public(package) fun capacity(self: &EpochParams): u64 { self.total_capacity_size }
