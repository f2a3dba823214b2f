/// Amounts that take effect in later epochs.
module walrus::pending_values;

use sui::vec_map::{Self, VecMap};

/// No value is due in the epoch.
const EMissingEpochValue: u64 = 0;
/// More than what is due in the epoch.
const EReduceValueTooLarge: u64 = 1;

/// Epoch -> amount that is added in that epoch.
public struct PendingValues(VecMap<u32, u64>) has copy, drop, store;

public(package) fun empty(): PendingValues { PendingValues(vec_map::empty()) }

/// Adds to what is due in `epoch`.
public(package) fun insert_or_add(self: &mut PendingValues, epoch: u32, value: u64) {
    if (self.0.contains(&epoch)) {
        let due = self.0.get_mut(&epoch);
        *due = *due + value;
    } else {
        self.0.insert(epoch, value);
    }
}

/// Sets what is due in `epoch`.
public(package) fun insert_or_replace(self: &mut PendingValues, epoch: u32, value: u64) {
    if (self.0.contains(&epoch)) *self.0.get_mut(&epoch) = value
    else self.0.insert(epoch, value)
}

/// Takes from what is due in `epoch`, which must be enough.
public(package) fun reduce(self: &mut PendingValues, epoch: u32, value: u64) {
    assert!(self.0.contains(&epoch), EMissingEpochValue);
    let due = self.0.get_mut(&epoch);
    assert!(*due >= value, EReduceValueTooLarge);
    *due = *due - value;
}

/// Sum of what is due up to and including `epoch`.
public(package) fun value_at(self: &PendingValues, epoch: u32): u64 {
    let mut sum = 0;
    let mut i = 0;
    while (i < self.0.length()) {
        let (due_epoch, value) = self.0.get_entry_by_idx(i);
        if (*due_epoch <= epoch) sum = sum + *value;
        i = i + 1;
    };
    sum
}

/// What is due up to and including `epoch`: the epochs and the values, side by side.
public(package) fun due(self: &PendingValues, epoch: u32): (vector<u32>, vector<u64>) {
    let mut epochs = vector[];
    let mut values = vector[];
    let mut i = 0;
    while (i < self.0.length()) {
        let (due_epoch, value) = self.0.get_entry_by_idx(i);
        if (*due_epoch <= epoch) {
            epochs.push_back(*due_epoch);
            values.push_back(*value);
        };
        i = i + 1;
    };
    (epochs, values)
}

/// Removes what is due up to and including `epoch`; answers its sum.
public(package) fun flush(self: &mut PendingValues, epoch: u32): u64 {
    let mut sum = 0;
    let mut i = 0;
    while (i < self.0.length()) {
        let (due_epoch, _) = self.0.get_entry_by_idx(i);
        if (*due_epoch <= epoch) {
            let (_, value) = self.0.remove_entry_by_idx(i);
            sum = sum + value;
        } else {
            i = i + 1;
        }
    };
    sum
}

/// Removes what is due up to and including `epoch`; answers the latest of these values.
public(package) fun flush_latest(self: &mut PendingValues, epoch: u32): Option<u64> {
    let mut latest = option::none();
    let mut latest_epoch = 0;
    let mut i = 0;
    while (i < self.0.length()) {
        let (due_epoch, _) = self.0.get_entry_by_idx(i);
        if (*due_epoch <= epoch) {
            let (due_epoch, value) = self.0.remove_entry_by_idx(i);
            if (latest.is_none() || due_epoch >= latest_epoch) {
                latest = option::some(value);
                latest_epoch = due_epoch;
            }
        } else {
            i = i + 1;
        }
    };
    latest
}

public(package) fun is_empty(self: &PendingValues): bool { self.0.is_empty() }
