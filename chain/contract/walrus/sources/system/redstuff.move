/// Sizes in the two-dimensional code: p = n - 2f rows by s = n - f columns of source symbols, f = (n - 1) / 3.
module walrus::redstuff;

/// Bytes of a hash.
const DIGEST_LEN: u64 = 32;
/// Bytes of a blob ID.
const BLOB_ID_LEN: u64 = 32;
/// Symbols are a multiple of this many bytes.
const SYMBOL_ALIGNMENT: u64 = 2;

/// n * (p + s) * symbol size, and for each shard the 2n sliver hashes and the blob ID.
public(package) fun encoded_blob_length(unencoded_length: u64, n_shards: u16): u64 {
    let n = n_shards as u64;
    let (primary, secondary) = source_symbols(n_shards);
    let symbol = symbol_size(unencoded_length, primary * secondary) as u64;
    let slivers = (primary + secondary) * symbol;
    let metadata = n * DIGEST_LEN * 2 + BLOB_ID_LEN;
    n * (slivers + metadata)
}

/// The smallest even size with which all symbols hold the blob; an empty blob counts as one byte. Aborts with an
/// arithmetic error when it does not fit 16 bits: such a blob is too large for so few shards.
fun symbol_size(unencoded_length: u64, symbols: u64): u16 {
    let size = unencoded_length.max(1).divide_and_round_up(symbols);
    (size.divide_and_round_up(SYMBOL_ALIGNMENT) * SYMBOL_ALIGNMENT) as u16
}

/// Source symbols of the primary and the secondary code.
fun source_symbols(n_shards: u16): (u64, u64) {
    let f = max_faulty(n_shards);
    ((n_shards - 2 * f) as u64, (n_shards - f) as u64)
}

/// Shards that may be faulty: the most with 3f < n.
public(package) fun max_faulty(n_shards: u16): u16 {
    (n_shards - 1) / 3
}

#[test]
fun known_sizes() {
    // n = 1000: p + s = 1001, one symbol of 2 bytes each, metadata 64,032 per shard
    assert!(encoded_blob_length(0, 1000) == 1000 * (1001 * 2 + 64_032));
    assert!(encoded_blob_length(1, 1000) == encoded_blob_length(0, 1000));
    // n = 10: p = 4, s = 7; 57 bytes over 28 symbols are 3, rounded up to 4
    assert!(encoded_blob_length(57, 10) == 10 * (11 * 4 + 672));
    assert!(encoded_blob_length(56, 10) == 10 * (11 * 2 + 672));
}

#[test]
fun the_largest_symbol() {
    assert!(encoded_blob_length(28 * 65_534, 10) == 10 * (11 * 65_534 + 672));
}

#[test, expected_failure(arithmetic_error, location = walrus::redstuff)]
fun a_larger_one() { encoded_blob_length(28 * 65_534 + 1, 10); }
