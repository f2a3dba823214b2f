/// How large a blob gets when it is encoded.
module walrus::encoding;

use walrus::redstuff;

/// The encoding cannot be used for new blobs.
const EInvalidEncodingType: u64 = 0;

/// Red Stuff over GF(2^16) with Leopard codes, the only encoding in use.
const RS2: u8 = 1;

/// Bytes that all nodes together keep of a blob of `unencoded_length` bytes, metadata included.
public fun encoded_blob_length(unencoded_length: u64, encoding_type: u8, n_shards: u16): u64 {
    assert!(encoding_type == RS2, EInvalidEncodingType);
    redstuff::encoded_blob_length(unencoded_length, n_shards)
}
