/// Tokens of a closed loop, which its members alone may spend.
module assets::points;

use sui::coin;
use sui::token::{Self, ActionRequest, TokenPolicy, TokenPolicyCap};
use sui::vec_set::{Self, VecSet};

public struct POINTS has drop {}

/// The rule's witness.
public struct Members has drop {}

public struct List has store {
    members: VecSet<address>,
}

const ENotMember: u64 = 7;

fun init(witness: POINTS, ctx: &mut TxContext) {
    let (cap, metadata) = coin::create_currency(
        witness,
        0,
        b"PTS",
        b"Points",
        b"",
        option::none(),
        ctx,
    );
    let (policy, policy_cap) = token::new_policy(&cap, ctx);
    token::share_policy(policy);
    transfer::public_freeze_object(metadata);
    transfer::public_transfer(policy_cap, ctx.sender());
    transfer::public_transfer(cap, ctx.sender())
}

public fun restrict(
    policy: &mut TokenPolicy<POINTS>,
    cap: &TokenPolicyCap<POINTS>,
    member: address,
    ctx: &mut TxContext,
) {
    policy.add_rule_for_action<POINTS, Members>(cap, token::spend_action(), ctx);
    let list = List { members: vec_set::singleton(member) };
    token::add_rule_config(Members {}, policy, cap, list, ctx)
}

public fun approve(
    policy: &TokenPolicy<POINTS>,
    request: &mut ActionRequest<POINTS>,
    ctx: &mut TxContext,
) {
    let list: &List = token::rule_config(Members {}, policy);
    assert!(list.members.contains(&ctx.sender()), ENotMember);
    token::add_approval(Members {}, request, ctx)
}
