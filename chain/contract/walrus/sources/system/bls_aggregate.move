/// The committee as certificates see it: BLS keys and weights, and the check of an aggregate signature.
module walrus::bls_aggregate;

use sui::bls12381::{Self, G1, UncompressedG1};
use sui::group_ops::Element;
use sui::vec_map::{Self, VecMap};
use walrus::messages::{Self, CertifiedMessage};

/// The bitmap is too long or sets bits beyond the members.
const EInvalidBitmap: u64 = 0;
/// The signature does not fit the signers and the message.
const ESigVerification: u64 = 1;
/// The signers' weight is too small.
const ENotEnoughStake: u64 = 2;
/// The members' weights do not add up to the number of shards.
const EIncorrectCommittee: u64 = 3;

public struct BlsCommitteeMember has copy, drop, store {
    public_key: Element<UncompressedG1>,
    weight: u16,
    node_id: ID,
}

/// Members in order of node ID; bit i of a signers' bitmap is member i.
public struct BlsCommittee has copy, drop, store {
    members: vector<BlsCommitteeMember>,
    n_shards: u16,
    epoch: u32,
    /// Sum of all keys: a certificate subtracts the few that did not sign.
    total_aggregated_key: Element<G1>,
}

/// Weight that a certificate needs.
public enum RequiredWeight has copy, drop {
    /// 2f + 1 shards
    Quorum,
    /// f + 1 shards
    OneCorrectNode,
}

public(package) fun new_bls_committee(
    epoch: u32,
    members: vector<BlsCommitteeMember>,
): BlsCommittee {
    let mut n_shards = 0;
    let mut keys = vector[];
    members.do_ref!(|member| {
        assert!(member.weight > 0, EIncorrectCommittee);
        n_shards = n_shards + member.weight;
        keys.push_back(member.public_key);
    });
    BlsCommittee { members, n_shards, epoch, total_aggregated_key: sum(&keys) }
}

public(package) fun new_bls_committee_member(
    public_key: Element<UncompressedG1>,
    weight: u16,
    node_id: ID,
): BlsCommitteeMember {
    BlsCommitteeMember { public_key, weight, node_id }
}

public(package) fun epoch(self: &BlsCommittee): u32 { self.epoch }

public(package) fun n_shards(self: &BlsCommittee): u16 { self.n_shards }

public(package) fun node_id(self: &BlsCommitteeMember): ID { self.node_id }

public(package) fun weight(self: &BlsCommitteeMember): u16 { self.weight }

public(package) fun n_members(self: &BlsCommittee): u64 { self.members.length() }

public(package) fun contains(self: &BlsCommittee, node_id: &ID): bool {
    self.members.any!(|member| &member.node_id == node_id)
}

/// Weight of a node; 0 when it is no member.
public(package) fun get_member_weight(self: &BlsCommittee, node_id: &ID): u16 {
    let mut weight = 0;
    self.members.do_ref!(|member| if (&member.node_id == node_id) weight = member.weight);
    weight
}

/// Node IDs and weights, in order of members.
public(package) fun to_vec_map(self: &BlsCommittee): VecMap<ID, u16> {
    let mut map = vec_map::empty();
    self.members.do_ref!(|member| map.insert(member.node_id, member.weight));
    map
}

/// 3 * weight >= 2n + 1.
public(package) fun is_quorum(weight: u16, n_shards: u16): bool {
    3 * (weight as u64) >= 2 * (n_shards as u64) + 1
}

/// 3 * weight >= n + 1.
public(package) fun is_validity(weight: u16, n_shards: u16): bool {
    3 * (weight as u64) >= (n_shards as u64) + 1
}

/// The message, when 2f + 1 shards signed it in this committee's epoch.
public(package) fun verify_quorum_in_epoch(
    self: &BlsCommittee,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
): CertifiedMessage {
    self.verify(signature, signers_bitmap, message, RequiredWeight::Quorum)
}

/// The message, when f + 1 shards signed it in this committee's epoch: one of them is correct.
public(package) fun verify_one_correct_node_in_epoch(
    self: &BlsCommittee,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
): CertifiedMessage {
    self.verify(signature, signers_bitmap, message, RequiredWeight::OneCorrectNode)
}

/// As `verify_one_correct_node_in_epoch`, for messages that are not of Walrus's app: their header is the caller's to read.
public(package) fun verify_one_correct_node(
    self: &BlsCommittee,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: &vector<u8>,
) {
    self.verify_signers(signature, signers_bitmap, message, RequiredWeight::OneCorrectNode);
}

fun verify(
    self: &BlsCommittee,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: vector<u8>,
    required: RequiredWeight,
): CertifiedMessage {
    let weight = self.verify_signers(signature, signers_bitmap, &message, required);
    messages::new_certified_message(message, self.epoch, weight)
}

/// The weight of those who signed, which is enough.
fun verify_signers(
    self: &BlsCommittee,
    signature: vector<u8>,
    signers_bitmap: vector<u8>,
    message: &vector<u8>,
    required: RequiredWeight,
): u16 {
    let (absent, weight) = self.absent_keys(&signers_bitmap);
    let enough = match (required) {
        RequiredWeight::Quorum => is_quorum(weight, self.n_shards),
        RequiredWeight::OneCorrectNode => is_validity(weight, self.n_shards),
    };
    assert!(enough, ENotEnoughStake);
    let key = if (absent.is_empty()) self.total_aggregated_key
    else bls12381::g1_sub(&self.total_aggregated_key, &sum(&absent));
    assert!(
        bls12381::bls12381_min_pk_verify(&signature, key.bytes(), message),
        ESigVerification,
    );
    weight
}

/// Keys of the members that did not sign, and the weight of those that did. The bitmap has the least
/// significant bit first; missing bytes are zeros.
fun absent_keys(
    self: &BlsCommittee,
    signers_bitmap: &vector<u8>,
): (vector<Element<UncompressedG1>>, u16) {
    let members = self.members.length();
    assert!(signers_bitmap.length() <= members.divide_and_round_up(8), EInvalidBitmap);
    let mut absent = vector[];
    let mut weight = 0;
    let mut i = 0;
    while (i < members) {
        let member = &self.members[i];
        if (is_set(signers_bitmap, i)) weight = weight + member.weight
        else absent.push_back(member.public_key);
        i = i + 1;
    };
    while (i < signers_bitmap.length() * 8) {
        assert!(!is_set(signers_bitmap, i), EInvalidBitmap);
        i = i + 1;
    };
    (absent, weight)
}

fun is_set(bitmap: &vector<u8>, i: u64): bool {
    let byte = i / 8;
    byte < bitmap.length() && (bitmap[byte] >> ((i % 8) as u8)) & 1 == 1
}

/// Sum of keys; the identity when there are none.
fun sum(keys: &vector<Element<UncompressedG1>>): Element<G1> {
    if (keys.is_empty()) bls12381::g1_identity()
    else bls12381::uncompressed_g1_to_g1(&bls12381::uncompressed_g1_sum(keys))
}
