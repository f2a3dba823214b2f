/// Votes against a node: 2f + 1 shards within one epoch burn its commission.
module walrus::slashing;

use sui::table::{Self, Table};
use sui::vec_set::{Self, VecSet};
use wal::wal::ProtectedTreasury;
use walrus::auth::Authenticated;
use walrus::staking::Staking;

/// The caller may not vote for the node.
const ENotAuthorized: u64 = 0;
/// The node has voted already.
const EDuplicateVote: u64 = 1;
/// Nobody has voted against the node.
const ENoProposalForNode: u64 = 2;
/// The votes are of another epoch.
const EWrongEpoch: u64 = 3;
/// The votes have too little weight.
const ENotEnoughVotes: u64 = 4;

/// Votes against one node in one epoch.
public struct SlashingProposal has drop, store {
    epoch: u32,
    node_id: ID,
    voting_weight: u16,
    voters: VecSet<ID>,
}

/// Shared.
public struct SlashingManager has key {
    id: UID,
    /// by the node that they are against
    slashing_candidates: Table<ID, SlashingProposal>,
}

public(package) fun new(ctx: &mut TxContext) {
    transfer::share_object(SlashingManager {
        id: object::new(ctx),
        slashing_candidates: table::new(ctx),
    })
}

/// Votes as `node_id` against `candidate_node_id`. Votes of an earlier epoch lapse.
public fun vote_for_slashing(
    self: &mut SlashingManager,
    staking: &Staking,
    auth: Authenticated,
    node_id: ID,
    candidate_node_id: ID,
) {
    assert!(staking.check_governance_authorization(node_id, &auth), ENotAuthorized);
    let weight = staking.get_current_node_weight(node_id);
    let epoch = staking.epoch();
    let proposals = &mut self.slashing_candidates;
    if (proposals.contains(candidate_node_id) && proposals[candidate_node_id].epoch != epoch) {
        proposals.remove(candidate_node_id);
    };
    if (!proposals.contains(candidate_node_id)) {
        let proposal = SlashingProposal {
            epoch,
            node_id: candidate_node_id,
            voting_weight: 0,
            voters: vec_set::empty(),
        };
        proposals.add(candidate_node_id, proposal);
    };
    let proposal = proposals.borrow_mut(candidate_node_id);
    assert!(!proposal.voters.contains(&node_id), EDuplicateVote);
    proposal.voters.insert(node_id);
    proposal.voting_weight = proposal.voting_weight + weight;
}

/// Burns the node's commission, collectable or not, when 2f + 1 shards voted for it in this epoch.
public fun execute_slashing(
    self: &mut SlashingManager,
    staking: &mut Staking,
    treasury: &mut ProtectedTreasury,
    candidate_node_id: ID,
    ctx: &mut TxContext,
) {
    assert!(self.slashing_candidates.contains(candidate_node_id), ENoProposalForNode);
    let proposal = self.slashing_candidates.remove(candidate_node_id);
    assert!(proposal.epoch == staking.epoch(), EWrongEpoch);
    assert!(staking.is_quorum(proposal.voting_weight), ENotEnoughVotes);
    staking.burn_commission(candidate_node_id, treasury, ctx);
}

/// Removes votes that have lapsed; others stay.
public fun cleanup_slashing_proposals(
    self: &mut SlashingManager,
    staking: &Staking,
    node_ids: vector<ID>,
) {
    let epoch = staking.epoch();
    node_ids.do!(|node_id| {
        if (self.slashing_candidates.contains(node_id)) {
            if (self.slashing_candidates[node_id].epoch < epoch) {
                self.slashing_candidates.remove(node_id);
            }
        }
    });
}
