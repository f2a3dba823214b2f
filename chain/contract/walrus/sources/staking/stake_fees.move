/// What stake pays that leaves soon after it began to count: half is burned, half goes to pools by their older stake.
module walrus::stake_fees;

use sui::balance::Balance;
use sui::vec_map::VecMap;
use wal::wal::WAL;

/// Adds their part to the rewards of pools, `older[i]` being the older stake of the i-th. Answers what is burned; what
/// rounding leaves stays. Where nobody has older stake, all is burned.
public(package) fun share_out(
    fees: &mut Balance<WAL>,
    rewards: &mut VecMap<ID, Balance<WAL>>,
    older: &vector<u64>,
): Balance<WAL> {
    let total = (*older).fold!(0u128, |sum, stake| sum + (stake as u128));
    if (total == 0) return fees.withdraw_all();
    let all = fees.value();
    let half = all / 2;
    let burned = fees.split(all - half);
    let mut i = 0;
    while (i < older.length()) {
        let part = (half as u128) * (older[i] as u128) / total;
        let (_, reward) = rewards.get_entry_by_idx_mut(i);
        reward.join(fees.split(part as u64));
        i = i + 1;
    };
    burned
}
