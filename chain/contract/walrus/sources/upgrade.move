/// Upgrades of this package, decided by 2f + 1 shards on the digest of the new bytecode.
module walrus::upgrade;

use sui::package::{UpgradeCap, UpgradeReceipt, UpgradeTicket};
use sui::table::{Self, Table};
use sui::vec_set::{Self, VecSet};
use walrus::auth::Authenticated;
use walrus::events;
use walrus::staking::Staking;
use walrus::system::System;

/// The capability is for another manager.
const EInvalidUpgradeManager: u64 = 0;
/// The caller may not vote for the node.
const ENotAuthorized: u64 = 1;
/// The node has voted already.
const EDuplicateVote: u64 = 2;
/// A digest does not have 32 bytes.
const EInvalidPackageDigest: u64 = 3;
/// There is no such proposal.
const ENoProposalForDigest: u64 = 4;
/// The votes are of another epoch.
const EWrongEpoch: u64 = 5;
/// The proposal has too little weight.
const ENotEnoughVotes: u64 = 6;
/// The votes are for another version of the package.
const EWrongVersion: u64 = 7;

const DIGEST_LEN: u64 = 32;

public struct PackageDigest(vector<u8>) has copy, drop, store;

/// Votes for one digest in one epoch.
public struct UpgradeProposal has drop, store {
    epoch: u32,
    digest: PackageDigest,
    /// of the package to be upgraded
    version: u64,
    voting_weight: u16,
    voters: VecSet<ID>,
}

/// Holds the right to upgrade. Shared.
public struct UpgradeManager has key {
    id: UID,
    cap: UpgradeCap,
    upgrade_proposals: Table<PackageDigest, UpgradeProposal>,
}

/// The right to upgrade without votes, until it is burned.
public struct EmergencyUpgradeCap has key, store {
    id: UID,
    upgrade_manager_id: ID,
}

/// Locks the upgrade capability up in a shared manager.
public(package) fun new(cap: UpgradeCap, ctx: &mut TxContext): EmergencyUpgradeCap {
    let manager = UpgradeManager {
        id: object::new(ctx),
        cap,
        upgrade_proposals: table::new(ctx),
    };
    let emergency = EmergencyUpgradeCap {
        id: object::new(ctx),
        upgrade_manager_id: object::id(&manager),
    };
    transfer::share_object(manager);
    emergency
}

/// Votes for a digest. Votes count for the epoch and the package version in which they are cast.
public fun vote_for_upgrade(
    self: &mut UpgradeManager,
    staking: &Staking,
    auth: Authenticated,
    node_id: ID,
    digest: vector<u8>,
) {
    assert!(staking.check_governance_authorization(node_id, &auth), ENotAuthorized);
    let weight = staking.get_current_node_weight(node_id);
    let digest = package_digest(digest);
    self.renew_proposal(digest, staking.epoch());
    let proposal = self.upgrade_proposals.borrow_mut(digest);
    assert!(!proposal.voters.contains(&node_id), EDuplicateVote);
    proposal.voters.insert(node_id);
    proposal.voting_weight = proposal.voting_weight + weight;
    // told by each vote from the quorum on
    if (staking.is_quorum(proposal.voting_weight)) {
        events::emit_contract_upgrade_quorum_reached(proposal.epoch, digest.0);
    }
}

/// Makes a proposal for the digest, in place of one that has lapsed.
fun renew_proposal(self: &mut UpgradeManager, digest: PackageDigest, epoch: u32) {
    let version = self.cap.version() + 1;
    if (self.upgrade_proposals.contains(digest)) {
        let proposal = self.upgrade_proposals.borrow(digest);
        if (proposal.epoch == epoch && proposal.version == version) return;
        self.upgrade_proposals.remove(digest);
    };
    let proposal = UpgradeProposal {
        epoch,
        digest,
        version,
        voting_weight: 0,
        voters: vec_set::empty(),
    };
    self.upgrade_proposals.add(digest, proposal);
    events::emit_contract_upgrade_proposed(epoch, digest.0);
}

/// Allows the upgrade to a digest that 2f + 1 shards voted for in this epoch.
public fun authorize_upgrade(
    self: &mut UpgradeManager,
    staking: &Staking,
    digest: vector<u8>,
): UpgradeTicket {
    let digest = package_digest(digest);
    assert!(self.upgrade_proposals.contains(digest), ENoProposalForDigest);
    let proposal = self.upgrade_proposals.remove(digest);
    assert!(proposal.epoch == staking.epoch(), EWrongEpoch);
    assert!(staking.is_quorum(proposal.voting_weight), ENotEnoughVotes);
    assert!(proposal.version == self.cap.version() + 1, EWrongVersion);
    self.authorize(digest.0)
}

/// Allows an upgrade without votes. A digest that is no package's is refused when the upgrade comes.
public fun authorize_emergency_upgrade(
    upgrade_manager: &mut UpgradeManager,
    emergency_upgrade_cap: &EmergencyUpgradeCap,
    digest: vector<u8>,
): UpgradeTicket {
    assert!(
        emergency_upgrade_cap.upgrade_manager_id == object::id(upgrade_manager),
        EInvalidUpgradeManager,
    );
    upgrade_manager.authorize(digest)
}

fun authorize(self: &mut UpgradeManager, digest: vector<u8>): UpgradeTicket {
    let policy = self.cap.policy();
    self.cap.authorize(policy, digest)
}

/// Finishes an upgrade: system and staking can be migrated to the new package.
public fun commit_upgrade(
    upgrade_manager: &mut UpgradeManager,
    staking: &mut Staking,
    system: &mut System,
    receipt: UpgradeReceipt,
) {
    let new_package_id = receipt.package();
    staking.set_new_package_id(new_package_id);
    system.set_new_package_id(new_package_id);
    upgrade_manager.cap.commit(receipt)
}

/// Removes proposals that have lapsed; others stay.
public fun cleanup_upgrade_proposals(
    upgrade_manager: &mut UpgradeManager,
    staking: &Staking,
    proposals: vector<vector<u8>>,
) {
    let version = upgrade_manager.cap.version() + 1;
    let epoch = staking.epoch();
    proposals.do!(|digest| {
        let digest = package_digest(digest);
        if (upgrade_manager.upgrade_proposals.contains(digest)) {
            let proposal = upgrade_manager.upgrade_proposals.borrow(digest);
            if (proposal.epoch < epoch || proposal.version < version) {
                upgrade_manager.upgrade_proposals.remove(digest);
            }
        }
    });
}

/// Gives up the right to upgrade without votes.
public fun burn_emergency_upgrade_cap(emergency_upgrade_cap: EmergencyUpgradeCap) {
    let EmergencyUpgradeCap { id, .. } = emergency_upgrade_cap;
    id.delete();
}

fun package_digest(digest: vector<u8>): PackageDigest {
    assert!(digest.length() == DIGEST_LEN, EInvalidPackageDigest);
    PackageDigest(digest)
}
