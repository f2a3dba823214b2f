/// The main path, from nothing to a certified blob that is extended and deleted.
#[test_only]
module walrus::flow_tests;

use std::unit_test::assert_eq;
use walrus::test_network;

#[test]
fun a_blob_from_start_to_end() {
    let mut network = test_network::four();
    assert_eq!(network.epoch(), 1);
    assert_eq!(network.system().n_shards(), 10);
    let mut blob = network.certified_blob(7, true, 2);
    assert_eq!(*blob.certified_epoch(), option::some(1));
    assert_eq!(blob.end_epoch(), 3);

    let mut coin = network.mint(1_000_000);
    network.system().extend_blob(&mut blob, 3, &mut coin);
    assert_eq!(blob.end_epoch(), 6);
    // 10 * (11 * 36 + 672) bytes are one unit: 10 FROST for each of three epochs
    assert_eq!(network.spend(coin), 1_000_000 - 30);

    network.next_epoch();
    assert_eq!(network.epoch(), 2);
    let storage = network.system().delete_blob(blob);
    assert_eq!(storage.end_epoch(), 6);
    storage.destroy();
    network.destroy();
}
