/// Votes on parameters as nodes call them. Floe's own: Walrus has nothing of the kind.
module walrus::governance;

use std::string::String;
use walrus::auth::Authenticated;
use walrus::staking::Staking;
use walrus::upgrade::EmergencyUpgradeCap;

/// The caller may not vote for the node.
const ENotAuthorized: u64 = 0;
/// The network has begun: from now on its nodes decide.
const EFounded: u64 = 1;

/// Votes as `node_id`, which is in the committee, for a value of a parameter. 2f + 1 shards within one epoch decide, from the
/// next one on, or for `settle` and `fee` from the one after it on.
public fun vote_for_parameter(
    staking: &mut Staking,
    auth: Authenticated,
    node_id: ID,
    name: String,
    value: u64,
    ctx: &mut TxContext,
) {
    assert!(staking.check_governance_authorization(node_id, &auth), ENotAuthorized);
    staking.get_current_node_weight(node_id);
    staking.vote_for_parameter(node_id, name, value, ctx)
}

/// Sets what the network begins with: in epoch 0, by who could upgrade it at will as well.
public fun set_first_parameter(
    staking: &mut Staking,
    _cap: &EmergencyUpgradeCap,
    name: String,
    value: u64,
    ctx: &mut TxContext,
) {
    assert!(staking.epoch() == 0, EFounded);
    staking.bylaws_mut(ctx).found(name, value)
}
