//! Addresses are tried in turn until one is found.

use super::*;

#[test]
fn each_is_tried_until_one_is_found_and_then_no_other() {
    let mut addresses = Addresses::new(3);
    let tried: Vec<usize> = (0..5).map(|failed| addresses.of(failed)).collect();
    assert_eq!(tried, [0, 1, 2, 0, 1]);
    assert_eq!(addresses.choice(), 3);
    addresses.found(4);
    // Failures before and after it, of this client and of others, lead nobody elsewhere.
    assert!((0..9).all(|failed| addresses.of(failed) == 1));
    assert_eq!(addresses.choice(), 1);
    addresses.found(5);
    assert_eq!(addresses.of(0), 1);
}
