module sui_system::validator_wrapper;

use sui::versioned::Versioned;

#[allow(unused_field)]
public struct ValidatorWrapper has store {
    inner: Versioned,
}
