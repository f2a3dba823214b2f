/// Objects to be taken, kept, shared, wrapped and thrown away.
module probe::vault;

const EEmpty: u64 = 7;
const EFull: u64 = 8;

public struct Vault has key, store { id: UID, n: u64 }
public struct Crate has key { id: UID, vault: Vault }

public fun new(n: u64, ctx: &mut TxContext): Vault { Vault { id: object::new(ctx), n } }

public fun n(vault: &Vault): u64 { vault.n }

public fun take(vault: &mut Vault): u64 {
    assert!(vault.n > 0, EEmpty);
    vault.n = vault.n - 1;
    vault.n
}

public fun put(vault: &mut Vault) {
    assert!(vault.n < 10, EFull);
    vault.n = vault.n + 1;
}

public fun destroy(vault: Vault) {
    let Vault { id, n: _ } = vault;
    id.delete();
}

public fun wrap(vault: Vault, ctx: &mut TxContext) {
    transfer::transfer(Crate { id: object::new(ctx), vault }, ctx.sender())
}

public fun share(vault: Vault) { transfer::share_object(vault) }

public fun freeze_it(vault: Vault) { transfer::freeze_object(vault) }

public fun send(vault: Vault, to: address) { transfer::transfer(vault, to) }
