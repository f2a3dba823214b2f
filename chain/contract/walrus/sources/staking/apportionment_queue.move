/// A max-heap of nodes by their quotient stake / (shards + 1), kept exact by cross-multiplication.
module walrus::apportionment_queue;

public struct Entry has copy, drop {
    stake: u64,
    shards: u16,
    /// position in the caller's list; the lower wins a tie
    index: u64,
}

public struct ApportionmentQueue has drop {
    entries: vector<Entry>,
}

public(package) fun new(): ApportionmentQueue { ApportionmentQueue { entries: vector[] } }

public(package) fun is_empty(self: &ApportionmentQueue): bool { self.entries.is_empty() }

public(package) fun push(self: &mut ApportionmentQueue, stake: u64, shards: u16, index: u64) {
    let heap = &mut self.entries;
    heap.push_back(Entry { stake, shards, index });
    let mut at = heap.length() - 1;
    while (at > 0) {
        let parent = (at - 1) / 2;
        if (!before(&heap[at], &heap[parent])) break;
        heap.swap(at, parent);
        at = parent;
    }
}

/// Takes out the entry with the highest quotient: (stake, shards, index).
public(package) fun pop(self: &mut ApportionmentQueue): (u64, u16, u64) {
    let heap = &mut self.entries;
    let Entry { stake, shards, index } = heap.swap_remove(0);
    let length = heap.length();
    let mut at = 0;
    loop {
        let left = 2 * at + 1;
        if (left >= length) break;
        let right = left + 1;
        let child = if (right < length && before(&heap[right], &heap[left])) right else left;
        if (!before(&heap[child], &heap[at])) break;
        heap.swap(at, child);
        at = child;
    };
    (stake, shards, index)
}

/// Higher quotient first; among equals the lower index.
fun before(a: &Entry, b: &Entry): bool {
    let of_a = (a.stake as u128) * ((b.shards as u128) + 1);
    let of_b = (b.stake as u128) * ((a.shards as u128) + 1);
    if (of_a != of_b) of_a > of_b else a.index < b.index
}
