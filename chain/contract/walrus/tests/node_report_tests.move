/// What nodes report to the system: event blobs, deny lists, protocol versions.
#[test_only]
module walrus::node_report_tests;

use std::unit_test::{assert_eq, destroy};
use sui::bcs;
use walrus::blob;
use walrus::test_network::{Self, Network};

const MIB: u64 = 1_048_576;

// === Event blobs ===

/// Node i attests to a blob of 100 bytes with this root.
fun attest(network: &mut Network, i: u64, root: u256, checkpoint: u64) {
    let epoch = network.epoch();
    attest_in(network, i, root, checkpoint, epoch)
}

fun attest_in(network: &mut Network, i: u64, root: u256, checkpoint: u64, epoch: u32) {
    let ctx = &mut tx_context::dummy();
    let (system, _, cap) = network.with_cap(i);
    let id = blob::derive_blob_id(root, 1, 100);
    system.certify_event_blob(cap, id, root, 100, 1, checkpoint, epoch, ctx)
}

#[test]
fun an_event_blob_is_certified_by_a_quorum() {
    let mut network = test_network::four();
    // 10 * (11 * 4 + 672)
    let size = 7_160;
    attest(&mut network, 0, 1, 10);
    attest(&mut network, 1, 1, 10);
    assert_eq!(network.system().used_capacity_size(), 0);
    // another opinion does not help
    attest(&mut network, 2, 2, 10);
    assert_eq!(network.system().used_capacity_size(), 0);
    attest(&mut network, 3, 1, 10);
    assert_eq!(network.system().used_capacity_size(), size);
    let accounting = network.system().future_accounting();
    assert_eq!(accounting.ring_lookup(9).used_capacity(), size);
    // the next one; who lags behind changes nothing
    attest(&mut network, 0, 3, 20);
    attest(&mut network, 1, 3, 20);
    attest(&mut network, 3, 3, 20);
    attest(&mut network, 2, 3, 20);
    assert_eq!(network.system().used_capacity_size(), 2 * size);
    let (_, _, cap) = network.with_cap(0);
    assert!(cap.last_event_blob_attestation().is_some());
    network.destroy();
}

#[test]
fun attestations_of_an_earlier_epoch_do_not_count() {
    let mut network = test_network::four();
    attest(&mut network, 0, 1, 10);
    attest(&mut network, 1, 1, 10);
    network.next_epoch();
    attest(&mut network, 2, 1, 10);
    assert_eq!(network.system().used_capacity_size(), 0);
    // but they can be repeated
    attest(&mut network, 0, 1, 10);
    attest(&mut network, 1, 1, 10);
    assert!(network.system().used_capacity_size() > 0);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::ERepeatedAttestation)]
fun a_node_attests_to_a_checkpoint_once() {
    let mut network = test_network::four();
    attest(&mut network, 0, 1, 10);
    attest(&mut network, 0, 2, 10);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EIncorrectAttestation)]
fun a_node_attests_to_one_checkpoint_at_a_time() {
    let mut network = test_network::four();
    attest(&mut network, 0, 1, 10);
    attest(&mut network, 0, 2, 20);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidIdEpoch)]
fun attestations_are_for_the_current_epoch() {
    let mut network = test_network::four();
    attest_in(&mut network, 0, 1, 10, 2);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::ENotCommitteeMember)]
fun only_members_attest() {
    let mut network = test_network::four();
    network.register(0, 10, 20, 1_000);
    attest(&mut network, 4, 1, 10);
    network.destroy();
}

// === Deny lists ===

fun deny_list_message(node_id: ID, sequence: u64, size: u64): vector<u8> {
    let mut message = x"04000301000000";
    message.append(bcs::to_bytes(&node_id));
    message.append(bcs::to_bytes(&sequence));
    message.append(bcs::to_bytes(&size));
    message.append(bcs::to_bytes(&77u256));
    message
}

fun update_deny_list(network: &mut Network, i: u64, message: vector<u8>) {
    let members = network.members();
    let (signature, bitmap) = network.certificate(&message, members);
    let (system, _, cap) = network.with_cap(i);
    system.update_deny_list(cap, signature, bitmap, message)
}

#[test]
fun what_a_node_denies_it_is_not_paid_for() {
    let mut network = test_network::four();
    let (storage, _) = network.reserve(1_000 * MIB, 1);
    storage.destroy();
    let node_id = network.node_id(0);
    let (system, _, cap) = network.with_cap(0);
    system.register_deny_list_update(cap, 77, 1);
    update_deny_list(&mut network, 0, deny_list_message(node_id, 1, 900 * MIB));
    update_deny_list(&mut network, 0, deny_list_message(node_id, 5, 500 * MIB));
    let (_, _, cap) = network.with_cap(0);
    assert_eq!(cap.deny_list_sequence(), 5);
    assert_eq!(cap.deny_list_root(), 77);
    // more than is used counts as all
    let other = network.node_id(1);
    update_deny_list(&mut network, 1, deny_list_message(other, 1, 5_000 * MIB));
    network.next_epoch();
    // 9,700 by 3 * 500, 0, 2 * 1000, 2 * 1000
    let rewards = network.node_ids().map!(|id| {
        network.staking().calculate_rewards(id, test_network::frost(100), 1, 2)
    });
    assert_eq!(rewards, vector[2_645, 0, 3_527, 3_527]);
    assert_eq!(network.system().future_accounting().ring_lookup(0).rewards(), 1);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EIncorrectDenyListNode)]
fun a_deny_list_is_the_nodes_own() {
    let mut network = test_network::four();
    let other = network.node_id(1);
    update_deny_list(&mut network, 0, deny_list_message(other, 1, 1));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EIncorrectDenyListSequence)]
fun deny_lists_come_in_order() {
    let mut network = test_network::four();
    let node_id = network.node_id(0);
    update_deny_list(&mut network, 0, deny_list_message(node_id, 1, 1));
    update_deny_list(&mut network, 0, deny_list_message(node_id, 1, 1));
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::system_state_inner::EIncorrectDenyListSequence)]
fun deny_lists_are_announced_in_order() {
    let mut network = test_network::four();
    let (system, _, cap) = network.with_cap(0);
    system.register_deny_list_update(cap, 77, 0);
    network.destroy();
}

fun delete_denied(positions: vector<u64>) {
    let mut network = test_network::with_stakes(10, vector[100, 100, 100, 100, 100]);
    let mut message = x"05000301000000";
    message.append(bcs::to_bytes(&9u256));
    let (signature, bitmap) = network.certificate(&message, positions);
    network.system().delete_deny_listed_blob(signature, bitmap, message);
    network.destroy();
}

#[test]
fun f_plus_one_deny_a_blob() { delete_denied(vector[1, 4]) }

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun fewer_do_not() { delete_denied(vector[3]) }

// === Protocol version ===

fun update_version(start_epoch: u32, positions: vector<u64>) {
    let mut network = test_network::four();
    let mut message = x"06000301000000";
    message.append(bcs::to_bytes(&start_epoch));
    message.append(bcs::to_bytes(&3u64));
    let (signature, bitmap) = network.certificate(&message, positions);
    let (system, _, cap) = network.with_cap(0);
    system.update_protocol_version(cap, signature, bitmap, message);
    network.destroy();
}

#[test]
fun a_quorum_sets_the_protocol_version() { update_version(1, vector[0, 1, 2, 3]) }

#[test, expected_failure(abort_code = walrus::system_state_inner::EInvalidStartEpoch)]
fun not_for_the_past() { update_version(0, vector[0, 1, 2, 3]) }

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun not_by_one_node() { update_version(1, vector[0]) }

#[test]
fun all_is_dropped_in_the_end() {
    destroy(walrus::event_blob::create_with_empty_state());
}
