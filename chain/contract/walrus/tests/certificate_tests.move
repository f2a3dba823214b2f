/// Who must sign what. Four nodes, of which two have 3 shards and two have 2.
#[test_only]
module walrus::certificate_tests;

use std::unit_test::{assert_eq, destroy};
use sui::bcs;
use walrus::blob::Blob;
use walrus::messages;
use walrus::test_network::{Self, Network};

/// Positions of members so that their weights are, in order, those asked for.
fun members_of(network: &mut Network, mut weights: vector<u16>): vector<u64> {
    let committee = *network.staking().committee();
    let ids = committee.to_inner().keys();
    let mut positions = vector[];
    let mut i = 0;
    while (i < ids.length()) {
        let (found, at) = weights.index_of(&committee.weight(&ids[i]));
        if (found) {
            weights.remove(at);
            positions.push_back(i);
        };
        i = i + 1;
    };
    assert!(weights.is_empty());
    positions
}

fun certify(network: &mut Network, blob: &mut Blob, message: vector<u8>, weights: vector<u16>) {
    let members = members_of(network, weights);
    let (signature, bitmap) = network.certificate(&message, members);
    network.system().certify_blob(blob, signature, bitmap, message)
}

/// Certifies a fresh blob by nodes of these weights.
fun certify_by(weights: vector<u16>) {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = test_network::confirmation(1, &blob);
    certify(&mut network, &mut blob, message, weights);
    assert_eq!(*blob.certified_epoch(), option::some(1));
    destroy(blob);
    network.destroy();
}

/// Certifies a fresh blob with a message that all sign.
macro fun certify_with($message: |&Blob| -> vector<u8>) {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = $message(&blob);
    certify(&mut network, &mut blob, message, vector[3, 3, 2, 2]);
    destroy(blob);
    network.destroy();
}

// === Weight ===

#[test]
fun seven_of_ten_shards_are_enough() { certify_by(vector[3, 2, 2]) }

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun six_of_ten_shards_are_not() { certify_by(vector[3, 3]) }

#[test]
fun the_thresholds() {
    use walrus::bls_aggregate::{is_quorum, is_validity};
    assert!(is_quorum(667, 1000) && !is_quorum(666, 1000));
    assert!(is_quorum(67, 100) && !is_quorum(66, 100));
    assert!(is_quorum(7, 10) && !is_quorum(6, 10));
    assert!(is_validity(334, 1000) && !is_validity(333, 1000));
    assert!(is_validity(4, 10) && !is_validity(3, 10));
    // where n is not 1 mod 3
    assert!(is_quorum(7, 9) && !is_quorum(6, 9));
}

// === Bitmap ===

fun certify_with_bitmap(bitmap: vector<u8>) {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = test_network::confirmation(1, &blob);
    let members = network.members();
    let (signature, _) = network.certificate(&message, members);
    network.system().certify_blob(&mut blob, signature, bitmap, message);
    destroy(blob);
    network.destroy();
}

#[test]
fun the_bitmap_of_all() { certify_with_bitmap(x"0f") }

#[test, expected_failure(abort_code = walrus::bls_aggregate::EInvalidBitmap)]
fun a_bit_beyond_the_members() { certify_with_bitmap(x"1f") }

#[test, expected_failure(abort_code = walrus::bls_aggregate::EInvalidBitmap)]
fun a_byte_too_many() { certify_with_bitmap(x"0f00") }

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun an_empty_bitmap() { certify_with_bitmap(x"") }

// === Signature ===

#[test, expected_failure(abort_code = walrus::bls_aggregate::ESigVerification)]
fun a_signature_of_fewer_than_the_bitmap_real_bls() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = test_network::confirmation(1, &blob);
    let (signature, _) = network.certificate(&message, vector[0, 1, 2]);
    network.system().certify_blob(&mut blob, signature, x"0f", message);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::bls_aggregate::ESigVerification)]
fun a_signature_of_another_message_real_bls() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = test_network::confirmation(1, &blob);
    let members = network.members();
    let (signature, _) = network.certificate(&test_network::confirmation(2, &blob), members);
    network.system().certify_blob(&mut blob, signature, x"0f", message);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::bls_aggregate::ESigVerification)]
fun no_signature_at_all_real_bls() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 2);
    let message = test_network::confirmation(1, &blob);
    network.system().certify_blob(&mut blob, vector[], x"0f", message);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::staking_pool::EInvalidProofOfPossession)]
fun a_key_of_someone_else_real_bls() {
    let mut network = test_network::four();
    let proof = test_network::sign(
        &messages::proof_of_possession(1, @0x0, test_network::public_key(8)).to_bytes(),
        vector[9],
    );
    let (_, staking, ctx) = network.both();
    let cap = staking.register_candidate(
        b"thief".to_string(),
        b"127.0.0.1:1".to_string(),
        walrus::node_metadata::default(),
        test_network::public_key(8),
        test_network::network_key(),
        proof,
        0,
        0,
        0,
        0,
        ctx,
    );
    destroy(cap);
    network.destroy();
}

// === Message ===

fun body(header: vector<u8>, blob_id: u256, rest: vector<u8>): vector<u8> {
    let mut message = header;
    message.append(bcs::to_bytes(&blob_id));
    message.append(rest);
    message
}

fun deletable(id: ID): vector<u8> {
    let mut bytes = vector[1];
    bytes.append(bcs::to_bytes(&id));
    bytes
}

#[test]
fun the_right_message() {
    certify_with!(|blob| {
        body(x"01000301000000", blob.blob_id(), deletable(blob.object_id()))
    })
}

#[test, expected_failure(abort_code = walrus::messages::EIncorrectEpoch)]
fun a_message_of_another_epoch() {
    certify_with!(|blob| {
        body(x"01000302000000", blob.blob_id(), deletable(blob.object_id()))
    })
}

#[test, expected_failure(abort_code = walrus::messages::EInvalidMsgType)]
fun a_message_of_another_type() {
    certify_with!(|blob| {
        body(x"02000301000000", blob.blob_id(), deletable(blob.object_id()))
    })
}

#[test, expected_failure(abort_code = walrus::messages::EIncorrectIntentVersion)]
fun a_message_of_another_version() {
    certify_with!(|blob| {
        body(x"01010301000000", blob.blob_id(), deletable(blob.object_id()))
    })
}

#[test, expected_failure(abort_code = walrus::messages::EIncorrectAppId)]
fun a_message_of_another_app() {
    certify_with!(|blob| {
        body(x"01000201000000", blob.blob_id(), deletable(blob.object_id()))
    })
}

/// Later versions may add to a message.
#[test]
fun a_message_with_something_after_it() {
    certify_with!(|blob| {
        let mut rest = deletable(blob.object_id());
        rest.push_back(0);
        body(x"01000301000000", blob.blob_id(), rest)
    })
}

#[test, expected_failure(abort_code = sui::bcs::EOutOfRange)]
fun a_message_that_is_cut_off() {
    certify_with!(|blob| body(x"01000301000000", blob.blob_id(), vector[1]))
}

#[test, expected_failure(abort_code = walrus::messages::EInvalidBlobPersistenceType)]
fun a_message_with_an_unknown_persistence() {
    certify_with!(|blob| body(x"01000301000000", blob.blob_id(), vector[2]))
}

#[test, expected_failure(abort_code = walrus::blob::EInvalidBlobPersistenceType)]
fun a_permanent_message_for_a_deletable_blob() {
    certify_with!(|blob| body(x"01000301000000", blob.blob_id(), vector[0]))
}

#[test, expected_failure(abort_code = walrus::blob::EInvalidBlobObject)]
fun a_message_for_another_object() {
    certify_with!(|blob| {
        body(x"01000301000000", blob.blob_id(), deletable(@0x1234.to_id()))
    })
}

#[test, expected_failure(abort_code = walrus::blob::EInvalidBlobId)]
fun a_message_for_another_blob() {
    certify_with!(|blob| {
        body(x"01000301000000", blob.blob_id() + 1, deletable(blob.object_id()))
    })
}

// === Blob ===

#[test]
fun a_permanent_blob() {
    let mut network = test_network::four();
    let blob = network.certified_blob(7, false, 2);
    assert_eq!(*blob.certified_epoch(), option::some(1));
    blob.burn();
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EInvalidBlobPersistenceType)]
fun a_deletable_message_for_a_permanent_blob() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, false, 2);
    let message = body(x"01000301000000", blob.blob_id(), deletable(blob.object_id()));
    certify(&mut network, &mut blob, message, vector[3, 3, 2, 2]);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EAlreadyCertified)]
fun certified_only_once() {
    let mut network = test_network::four();
    let mut blob = network.certified_blob(7, true, 2);
    network.certify(&mut blob);
    destroy(blob);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::blob::EResourceBounds)]
fun not_certified_when_expired() {
    let mut network = test_network::four();
    let mut blob = network.register_blob(7, 1_000, true, 1);
    network.next_epoch();
    network.certify(&mut blob);
    destroy(blob);
    network.destroy();
}

// === Other certificates ===

fun invalidate_by(weights: vector<u16>) {
    let mut network = test_network::four();
    let message = body(x"02000301000000", 77, vector[]);
    let members = members_of(&mut network, weights);
    let (signature, bitmap) = network.certificate(&message, members);
    assert_eq!(network.system().invalidate_blob_id(signature, bitmap, message), 77);
    network.destroy();
}

#[test]
fun four_shards_can_tell_that_a_blob_is_invalid() { invalidate_by(vector[2, 2]) }

#[test, expected_failure(abort_code = walrus::bls_aggregate::ENotEnoughStake)]
fun three_shards_cannot() { invalidate_by(vector[3]) }

#[test]
fun the_proof_of_possession_has_no_length_in_it() {
    let key = test_network::public_key(0);
    let message = messages::proof_of_possession(5, @0x9, key).to_bytes();
    assert_eq!(message.length(), 3 + 4 + 32 + 48);
    assert_eq!(message[3], 5);
    assert_eq!(message[38], 9);
    assert_eq!(message[39], key[0]);
}

#[test, expected_failure(abort_code = walrus::messages::EInvalidKeyLength)]
fun a_key_has_48_bytes() { messages::proof_of_possession(5, @0x9, vector[1]); }
