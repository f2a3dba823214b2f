/// A reservation: a number of bytes for a range of epochs, to be traded, split, fused, or used for a blob.
module walrus::storage_resource;

/// A reservation is not split at or outside its ends.
const EInvalidEpoch: u64 = 0;
/// Two reservations that do not fit together.
const EIncompatibleEpochs: u64 = 1;
/// Sizes that differ, or more than there is.
const EIncompatibleAmount: u64 = 2;
/// A range of epochs would be empty.
const EInvalidEpochRange: u64 = 3;

public struct Storage has key, store {
    id: UID,
    /// first epoch
    start_epoch: u32,
    /// first epoch after the end
    end_epoch: u32,
    /// bytes, encoded
    storage_size: u64,
}

public fun start_epoch(self: &Storage): u32 { self.start_epoch }

public fun end_epoch(self: &Storage): u32 { self.end_epoch }

public fun size(self: &Storage): u64 { self.storage_size }

/// Only what was paid for may become a reservation.
public(package) fun create_storage(
    start_epoch: u32,
    end_epoch: u32,
    storage_size: u64,
    ctx: &mut TxContext,
): Storage {
    assert!(start_epoch < end_epoch, EInvalidEpochRange);
    Storage { id: object::new(ctx), start_epoch, end_epoch, storage_size }
}

public(package) fun extend_end_epoch(self: &mut Storage, extension_epochs: u32) {
    self.end_epoch = self.end_epoch + extension_epochs;
}

public(package) fun increase_size(self: &mut Storage, bytes: u64) {
    self.storage_size = self.storage_size + bytes;
}

/// `storage` keeps the epochs before `split_epoch`, the result has the rest.
public fun split_by_epoch(storage: &mut Storage, split_epoch: u32, ctx: &mut TxContext): Storage {
    assert!(split_epoch > storage.start_epoch && split_epoch < storage.end_epoch, EInvalidEpoch);
    let end_epoch = storage.end_epoch;
    storage.end_epoch = split_epoch;
    create_storage(split_epoch, end_epoch, storage.storage_size, ctx)
}

/// `storage` keeps `split_size` bytes, the result has the rest; either may be empty.
public fun split_by_size(storage: &mut Storage, split_size: u64, ctx: &mut TxContext): Storage {
    assert!(split_size <= storage.storage_size, EIncompatibleAmount);
    let rest = storage.storage_size - split_size;
    storage.storage_size = split_size;
    create_storage(storage.start_epoch, storage.end_epoch, rest, ctx)
}

/// Adds an adjacent period, before or after, of the same size.
public fun fuse_periods(first: &mut Storage, second: Storage) {
    let Storage { id, start_epoch, end_epoch, storage_size } = second;
    id.delete();
    assert!(first.storage_size == storage_size, EIncompatibleAmount);
    if (first.end_epoch == start_epoch) {
        first.end_epoch = end_epoch;
    } else {
        assert!(first.start_epoch == end_epoch, EIncompatibleEpochs);
        first.start_epoch = start_epoch;
    }
}

/// Adds bytes for the same period.
public fun fuse_amount(first: &mut Storage, second: Storage) {
    let Storage { id, start_epoch, end_epoch, storage_size } = second;
    id.delete();
    assert!(
        first.start_epoch == start_epoch && first.end_epoch == end_epoch,
        EIncompatibleEpochs,
    );
    first.storage_size = first.storage_size + storage_size;
}

/// Whichever of the two fits: the same start means the same period.
public fun fuse(first: &mut Storage, second: Storage) {
    if (first.start_epoch == second.start_epoch) first.fuse_amount(second)
    else first.fuse_periods(second)
}

/// Gives up a reservation; nothing is paid back.
public fun destroy(storage: Storage) {
    let Storage { id, .. } = storage;
    id.delete();
}
