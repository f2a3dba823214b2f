/// Slashing, upgrades and migration. Each node's governance is by the sender 0x0 unless changed.
#[test_only]
module walrus::governance_tests;

use std::unit_test::{assert_eq, destroy};
use sui::package;
use sui::test_scenario::{Self, Scenario};
use walrus::auth;
use walrus::init;
use walrus::slashing::{Self, SlashingManager};
use walrus::test_network::{Self, Network};
use walrus::upgrade::{Self, EmergencyUpgradeCap, UpgradeManager};

const DIGEST: vector<u8> = x"1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: vector<u8> = x"2222222222222222222222222222222222222222222222222222222222222222";

// === Slashing ===

public struct Slashing {
    network: Network,
    scenario: Scenario,
    manager: SlashingManager,
}

fun slashing(): Slashing {
    let network = test_network::four();
    let mut scenario = test_scenario::begin(@0x0);
    slashing::new(scenario.ctx());
    scenario.next_tx(@0x0);
    let manager = scenario.take_shared<SlashingManager>();
    Slashing { network, scenario, manager }
}

fun vote_against(self: &mut Slashing, voter: u64, candidate: u64) {
    let voter = self.network.node_id(voter);
    let candidate = self.network.node_id(candidate);
    let (_, staking, ctx) = self.network.both();
    let auth = auth::authenticate_sender(ctx);
    self.manager.vote_for_slashing(staking, auth, voter, candidate)
}

fun execute(self: &mut Slashing, candidate: u64) {
    let candidate = self.network.node_id(candidate);
    let (_, staking, treasury, _, ctx) = self.network.everything();
    self.manager.execute_slashing(staking, treasury, candidate, ctx)
}

use fun vote_against as Slashing.vote;

#[test]
fun a_quorum_burns_the_commission() {
    let mut it = slashing();
    let node_id = it.network.node_id(3);
    let commission = it.network.mint(500).into_balance();
    it.network.staking().add_commission_to_pools(vector[node_id], vector[commission]);
    let supply = it.network.supply();
    it.vote(0, 3);
    it.vote(1, 3);
    it.vote(2, 3);
    it.execute(3);
    assert_eq!(it.network.supply(), supply - 500);
    let coin = it.network.collect(3);
    assert_eq!(coin.value(), 0);
    destroy(coin);
    destroy(it);
}

#[test]
fun the_blocked_commission_burns_too() {
    let mut it = slashing();
    let i = it.network.register(1_000, 10, 20, 1_000_000_000_000);
    let staked = it.network.stake(i, 100);
    it.network.next_epoch();
    let (storage, _) = it.network.reserve(1_048_576 * 1_000, 1);
    storage.destroy();
    it.network.next_epoch();
    let supply = it.network.supply();
    it.vote(0, i);
    it.vote(1, i);
    it.vote(2, i);
    it.vote(3, i);
    it.execute(i);
    // 10,000 - 300, two of ten shards, 10% of it
    assert_eq!(it.network.supply(), supply - 194);
    it.network.select();
    let coin = it.network.collect(i);
    assert_eq!(coin.value(), 0);
    destroy(coin);
    destroy(staked);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::ENotEnoughVotes)]
fun six_shards_slash_nobody() {
    let mut it = slashing();
    it.vote(0, 3);
    it.vote(1, 3);
    it.execute(3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::EDuplicateVote)]
fun slashing_takes_one_vote_each() {
    let mut it = slashing();
    it.vote(0, 3);
    it.vote(0, 3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::ENoProposalForNode)]
fun slashing_takes_votes() {
    let mut it = slashing();
    it.execute(3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::EWrongEpoch)]
fun slashing_votes_lapse() {
    let mut it = slashing();
    it.vote(0, 3);
    it.vote(1, 3);
    it.vote(2, 3);
    it.network.next_epoch();
    it.execute(3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::ENotEnoughVotes)]
fun slashing_votes_of_two_epochs_do_not_add_up() {
    let mut it = slashing();
    it.vote(0, 3);
    it.network.next_epoch();
    it.vote(0, 3);
    it.vote(1, 3);
    it.execute(3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::ENoProposalForNode)]
fun lapsed_slashing_votes_are_cleaned_up() {
    let mut it = slashing();
    it.vote(0, 3);
    let ids = it.network.node_ids();
    it.manager.cleanup_slashing_proposals(it.network.staking(), ids);
    // current ones stay
    it.vote(1, 3);
    it.network.next_epoch();
    it.manager.cleanup_slashing_proposals(it.network.staking(), ids);
    it.execute(3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::slashing::ENotAuthorized)]
fun only_its_governor_votes_for_a_node() {
    let mut it = slashing();
    let node_id = it.network.node_id(0);
    let (_, staking, ctx) = it.network.both();
    staking.set_governance_authorized(
        node_id,
        auth::authenticate_sender(ctx),
        auth::authorized_address(@0x99),
    );
    it.vote(0, 3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENotInCommittee)]
fun only_members_slash() {
    let mut it = slashing();
    let i = it.network.register(0, 10, 20, 1_000);
    it.vote(i, 3);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking_pool::EAuthorizationFailure)]
fun only_its_governor_names_another() {
    let mut it = slashing();
    let node_id = it.network.node_id(0);
    let (_, staking, cap) = it.network.with_cap(0);
    staking.set_governance_authorized(
        node_id,
        auth::authenticate_with_object(cap),
        auth::authorized_address(@0x99),
    );
    destroy(it);
}

// === Upgrades ===

public struct Upgrading {
    network: Network,
    scenario: Scenario,
    manager: UpgradeManager,
    emergency: EmergencyUpgradeCap,
}

fun upgrading(): Upgrading {
    let network = test_network::four();
    let mut scenario = test_scenario::begin(@0x0);
    let cap = package::test_publish(@0x7e57.to_id(), scenario.ctx());
    let emergency = upgrade::new(cap, scenario.ctx());
    scenario.next_tx(@0x0);
    let manager = scenario.take_shared<UpgradeManager>();
    Upgrading { network, scenario, manager, emergency }
}

fun vote_for(self: &mut Upgrading, voter: u64, digest: vector<u8>) {
    let voter = self.network.node_id(voter);
    let (_, staking, ctx) = self.network.both();
    let auth = auth::authenticate_sender(ctx);
    self.manager.vote_for_upgrade(staking, auth, voter, digest)
}

use fun vote_for as Upgrading.vote;

fun upgrade(self: &mut Upgrading, digest: vector<u8>) {
    let ticket = self.manager.authorize_upgrade(self.network.staking(), digest);
    assert_eq!(*ticket.digest(), digest);
    let receipt = package::test_upgrade(ticket);
    let (system, staking, _) = self.network.both();
    self.manager.commit_upgrade(staking, system, receipt);
}

#[test]
fun a_quorum_upgrades() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(3, OTHER);
    it.vote(2, DIGEST);
    it.vote(3, DIGEST);
    it.upgrade(DIGEST);
    destroy(it);
}

#[test]
fun each_vote_from_the_quorum_on_tells_of_it() {
    let mut it = upgrading();
    let mut told = vector[];
    let mut i = 0;
    while (i < 4) {
        it.vote(i, DIGEST);
        let events = sui::event::events_by_type<walrus::events::ContractUpgradeQuorumReached>();
        told.push_back(events.length());
        i = i + 1;
    };
    // 3, 6, 8 and 10 of 10 shards
    assert_eq!(told, vector[0, 0, 1, 2]);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking_inner::ENotInCommittee)]
fun only_members_upgrade() {
    let mut it = upgrading();
    let i = it.network.register(0, 10, 20, 1_000);
    it.vote(i, DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::ENotEnoughVotes)]
fun votes_for_two_digests_do_not_add_up() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(1, DIGEST);
    it.vote(2, OTHER);
    it.vote(3, OTHER);
    it.upgrade(DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::EDuplicateVote)]
fun upgrades_take_one_vote_each() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(0, DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::ENoProposalForDigest)]
fun upgrades_take_votes() {
    let mut it = upgrading();
    it.upgrade(DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::EWrongEpoch)]
fun upgrade_votes_lapse_with_the_epoch() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(1, DIGEST);
    it.vote(2, DIGEST);
    it.network.next_epoch();
    it.upgrade(DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::EWrongVersion)]
fun upgrade_votes_lapse_with_an_upgrade() {
    let mut it = upgrading();
    let mut i = 0;
    while (i < 4) {
        it.vote(i, DIGEST);
        it.vote(i, OTHER);
        i = i + 1;
    };
    it.upgrade(DIGEST);
    it.upgrade(OTHER);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::ENotEnoughVotes)]
fun votes_of_an_earlier_epoch_start_over() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(1, DIGEST);
    it.network.next_epoch();
    it.vote(0, DIGEST);
    it.upgrade(DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::ENotAuthorized)]
fun only_its_governor_votes_for_an_upgrade() {
    let mut it = upgrading();
    let node_id = it.network.node_id(0);
    let (_, staking, cap) = it.network.with_cap(0);
    let auth = auth::authenticate_with_object(cap);
    it.manager.vote_for_upgrade(staking, auth, node_id, DIGEST);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::EInvalidPackageDigest)]
fun a_digest_has_32_bytes() {
    let mut it = upgrading();
    it.vote(0, x"11");
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::upgrade::ENoProposalForDigest)]
fun lapsed_proposals_are_cleaned_up() {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.manager.cleanup_upgrade_proposals(it.network.staking(), vector[DIGEST, OTHER]);
    it.vote(1, DIGEST);
    it.network.next_epoch();
    it.manager.cleanup_upgrade_proposals(it.network.staking(), vector[DIGEST, OTHER]);
    it.upgrade(DIGEST);
    destroy(it);
}

#[test]
fun an_emergency_needs_no_votes() {
    let Upgrading { mut network, scenario, mut manager, emergency } = upgrading();
    let ticket = manager.authorize_emergency_upgrade(&emergency, DIGEST);
    let receipt = package::test_upgrade(ticket);
    let (system, staking, _) = network.both();
    manager.commit_upgrade(staking, system, receipt);
    upgrade::burn_emergency_upgrade_cap(emergency);
    destroy(manager);
    destroy(scenario);
    network.destroy();
}

#[test, expected_failure(abort_code = walrus::upgrade::EInvalidUpgradeManager)]
fun an_emergency_of_another_manager() {
    let mut it = upgrading();
    let cap = package::test_publish(@0x7e58.to_id(), it.scenario.ctx());
    let other = upgrade::new(cap, it.scenario.ctx());
    let ticket = it.manager.authorize_emergency_upgrade(&other, DIGEST);
    destroy(ticket);
    destroy(it);
    destroy(other);
}

// === Migration ===

/// A network as an older package made it, and an upgrade to this one that was committed.
fun upgraded(): Upgrading {
    let mut it = upgrading();
    it.vote(0, DIGEST);
    it.vote(1, DIGEST);
    it.vote(2, DIGEST);
    it.upgrade(DIGEST);
    it.network.system().downgrade_for_testing();
    it.network.staking().downgrade_for_testing();
    it
}

fun migrate(self: &mut Upgrading) {
    let (system, staking, ctx) = self.network.both();
    init::migrate_for_testing(staking, system, ctx)
}

#[test]
fun a_migration_needs_no_epoch_of_its_own() {
    let mut it = upgraded();
    migrate(&mut it);
    assert_eq!(it.network.system().version(), 4);
    assert_eq!(it.network.epoch(), 1);
    destroy(it);
}

#[test]
fun but_may_have_one() {
    let mut it = upgraded();
    it.network.staking().set_migration_epoch_for_testing();
    it.network.staking().set_migration_epoch_for_testing();
    migrate(&mut it);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking::EInvalidMigration)]
fun there_is_something_to_migrate() {
    let mut it = upgrading();
    migrate(&mut it);
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::staking::EInvalidMigration)]
fun a_migration_epoch_needs_an_upgrade() {
    let mut it = upgrading();
    it.network.staking().set_migration_epoch_for_testing();
    destroy(it);
}

#[test, expected_failure(abort_code = walrus::init::EDeprecatedFunction)]
fun the_first_migration_is_gone() {
    let mut it = upgrading();
    let (system, staking, _) = it.network.both();
    init::migrate(staking, system);
    destroy(it);
}

// === Initialization ===

#[test]
fun a_network_is_initialized() {
    let mut scenario = test_scenario::begin(@0x0);
    init::init_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let cap = scenario.take_from_sender<init::InitCap>();
    let upgrade_cap = package::test_publish(@0x7e57.to_id(), scenario.ctx());
    let clock = sui::clock::create_for_testing(scenario.ctx());
    let emergency = init::initialize_for_testing(
        cap,
        upgrade_cap,
        10,
        1_000,
        100,
        53,
        &clock,
        scenario.ctx(),
    );
    scenario.next_tx(@0x0);
    let system = scenario.take_shared<walrus::system::System>();
    assert_eq!(system.epoch(), 0);
    assert_eq!(system.version(), 4);
    assert_eq!(system.future_accounting().max_epochs_ahead(), 53);
    let staking = scenario.take_shared<walrus::staking::Staking>();
    assert_eq!(staking.epoch(), 0);
    assert_eq!(staking.committee().size(), 0);
    let manager = scenario.take_shared<SlashingManager>();
    let display = scenario.take_shared<walrus::display::ObjectDisplay>();
    destroy(display);
    destroy(manager);
    destroy(system);
    destroy(staking);
    destroy(emergency);
    destroy(clock);
    destroy(scenario);
}

#[test, expected_failure(abort_code = walrus::init::EInvalidUpgradeCap)]
fun the_upgrade_capability_must_be_its_own() {
    let mut scenario = test_scenario::begin(@0x0);
    init::init_for_testing(scenario.ctx());
    scenario.next_tx(@0x0);
    let cap = scenario.take_from_sender<init::InitCap>();
    let upgrade_cap = package::test_publish(@0x7e57.to_id(), scenario.ctx());
    let clock = sui::clock::create_for_testing(scenario.ctx());
    let emergency = init::initialize_walrus(
        cap,
        upgrade_cap,
        10,
        1_000,
        100,
        53,
        &clock,
        scenario.ctx(),
    );
    destroy(emergency);
    destroy(clock);
    destroy(scenario);
}
