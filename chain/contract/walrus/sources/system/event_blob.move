/// Certification of event blobs: each node attests to what it made of the events, and 2f + 1 shards that agree
/// certify it.
module walrus::event_blob;

use sui::vec_map::{Self, VecMap};

/// The last attestation of a node.
public struct EventBlobAttestation has copy, drop, store {
    checkpoint_sequence_num: u64,
    epoch: u32,
}

/// A blob with all events up to a checkpoint.
public struct EventBlob has copy, drop, store {
    blob_id: u256,
    ending_checkpoint_sequence_number: u64,
}

/// The latest certified blob, and the weight behind each candidate for the next.
public struct EventBlobCertificationState has store {
    latest_certified_blob: Option<EventBlob>,
    aggregate_weight_per_blob: VecMap<EventBlob, u16>,
}

public(package) fun new_attestation(
    checkpoint_sequence_num: u64,
    epoch: u32,
): EventBlobAttestation {
    EventBlobAttestation { checkpoint_sequence_num, epoch }
}

public(package) fun checkpoint(self: &EventBlobAttestation): u64 { self.checkpoint_sequence_num }

public(package) fun epoch(self: &EventBlobAttestation): u32 { self.epoch }

public(package) fun create_with_empty_state(): EventBlobCertificationState {
    EventBlobCertificationState {
        latest_certified_blob: option::none(),
        aggregate_weight_per_blob: vec_map::empty(),
    }
}

/// Last checkpoint that a certified blob covers.
public(package) fun latest_certified_checkpoint(self: &EventBlobCertificationState): Option<u64> {
    self.latest_certified_blob.map_ref!(|blob| blob.ending_checkpoint_sequence_number)
}

public(package) fun is_already_certified(
    self: &EventBlobCertificationState,
    ending_checkpoint_sequence_number: u64,
): bool {
    let latest = self.latest_certified_checkpoint();
    latest.is_some_and!(|checkpoint| *checkpoint >= ending_checkpoint_sequence_number)
}

/// Adds a node's weight to a candidate; answers the candidate's weight.
public(package) fun add_weight(
    self: &mut EventBlobCertificationState,
    blob_id: u256,
    ending_checkpoint_sequence_number: u64,
    weight: u16,
): u16 {
    let candidate = EventBlob { blob_id, ending_checkpoint_sequence_number };
    if (!self.aggregate_weight_per_blob.contains(&candidate)) {
        self.aggregate_weight_per_blob.insert(candidate, 0);
    };
    let total = self.aggregate_weight_per_blob.get_mut(&candidate);
    *total = *total + weight;
    *total
}

/// The candidate has won; the others are dropped.
public(package) fun set_certified(
    self: &mut EventBlobCertificationState,
    blob_id: u256,
    ending_checkpoint_sequence_number: u64,
) {
    let blob = EventBlob { blob_id, ending_checkpoint_sequence_number };
    self.latest_certified_blob = option::some(blob);
    self.reset();
}

/// Drops all candidates: weights of another committee do not count.
public(package) fun reset(self: &mut EventBlobCertificationState) {
    self.aggregate_weight_per_blob = vec_map::empty();
}
