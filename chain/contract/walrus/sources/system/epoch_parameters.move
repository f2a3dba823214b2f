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

public(package) fun new(
    total_capacity_size: u64,
    storage_price_per_unit_size: u64,
    write_price_per_unit_size: u64,
): EpochParams {
    EpochParams { total_capacity_size, storage_price_per_unit_size, write_price_per_unit_size }
}

public(package) fun capacity(self: &EpochParams): u64 { self.total_capacity_size }

public(package) fun storage_price(self: &EpochParams): u64 { self.storage_price_per_unit_size }

public(package) fun write_price(self: &EpochParams): u64 { self.write_price_per_unit_size }
