/// What was sold and paid for each of the coming epochs, in a ring buffer whose first entry is the current one.
module walrus::storage_accounting;

use sui::balance::{Self, Balance};
use wal::wal::WAL;

/// An epoch further ahead than the buffer reaches.
const ETooFarInFuture: u64 = 0;

/// One epoch.
public struct FutureAccounting has store {
    epoch: u32,
    /// bytes sold for this epoch
    used_capacity: u64,
    /// paid for this epoch, to be distributed at its end
    rewards_to_distribute: Balance<WAL>,
}

public struct FutureAccountingRingBuffer has store {
    current_index: u32,
    length: u32,
    ring_buffer: vector<FutureAccounting>,
}

/// A buffer of `length` empty epochs, the first of which is epoch 0.
public(package) fun ring_new(length: u32): FutureAccountingRingBuffer {
    let mut ring_buffer = vector[];
    let mut epoch = 0;
    while (epoch < length) {
        ring_buffer.push_back(new_future_accounting(epoch));
        epoch = epoch + 1;
    };
    FutureAccountingRingBuffer { current_index: 0, length, ring_buffer }
}

/// How many epochs ahead storage can be bought.
public fun max_epochs_ahead(self: &FutureAccountingRingBuffer): u32 { self.length }

/// The epoch that is `epochs_in_future` away; 0 is the current one.
public fun ring_lookup(
    self: &FutureAccountingRingBuffer,
    epochs_in_future: u32,
): &FutureAccounting {
    &self.ring_buffer[self.position(epochs_in_future)]
}

public(package) fun ring_lookup_mut(
    self: &mut FutureAccountingRingBuffer,
    epochs_in_future: u32,
): &mut FutureAccounting {
    let position = self.position(epochs_in_future);
    &mut self.ring_buffer[position]
}

/// Takes out the current epoch and appends an empty one at the far end.
public(package) fun ring_pop_expand(self: &mut FutureAccountingRingBuffer): FutureAccounting {
    let position = self.current_index as u64;
    let next = new_future_accounting(self.ring_buffer[position].epoch + self.length);
    self.ring_buffer.push_back(next);
    let ended = self.ring_buffer.swap_remove(position);
    self.current_index = (self.current_index + 1) % self.length;
    ended
}

fun position(self: &FutureAccountingRingBuffer, epochs_in_future: u32): u64 {
    assert!(epochs_in_future < self.length, ETooFarInFuture);
    ((epochs_in_future + self.current_index) % self.length) as u64
}

fun new_future_accounting(epoch: u32): FutureAccounting {
    FutureAccounting { epoch, used_capacity: 0, rewards_to_distribute: balance::zero() }
}

public fun epoch(accounting: &FutureAccounting): u32 { accounting.epoch }

/// Bytes sold for the epoch.
public fun used_capacity(accounting: &FutureAccounting): u64 { accounting.used_capacity }

/// FROST to be distributed at its end.
public fun rewards(accounting: &FutureAccounting): u64 { accounting.rewards_to_distribute.value() }

/// Adds sold bytes; answers the new sum.
public(package) fun increase_used_capacity(accounting: &mut FutureAccounting, amount: u64): u64 {
    accounting.used_capacity = accounting.used_capacity + amount;
    accounting.used_capacity
}

public(package) fun rewards_balance(accounting: &mut FutureAccounting): &mut Balance<WAL> {
    &mut accounting.rewards_to_distribute
}

public(package) fun unwrap_balance(accounting: FutureAccounting): Balance<WAL> {
    let FutureAccounting { rewards_to_distribute, .. } = accounting;
    rewards_to_distribute
}
