//! Trend, changes and outliers on series whose answer is known.

use super::*;

#[test]
fn a_line_is_found_exactly() {
    let xs: Vec<f64> = (0..10).map(f64::from).collect();
    let ys: Vec<f64> = xs.iter().map(|x| 3.0 - 0.5 * x).collect();
    let found = trend(&xs, &ys).unwrap();
    assert!((found.slope + 0.5).abs() < 1e-12 && (found.intercept - 3.0).abs() < 1e-12);
    assert!((found.r2 - 1.0).abs() < 1e-12);
    assert_eq!(trend(&[1.0, 2.0], &[1.0, 2.0]), None);
    assert_eq!(trend(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), None);
}

/// Noise of unit size that is the same every time.
fn noise(at: usize) -> f64 {
    // One step of splitmix64: neighbours have nothing to do with each other.
    let mut bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits >> 11) as f64 / (1u64 << 53) as f64 - 0.5) * 2.0
}

#[test]
fn a_change_of_level_is_found_and_noise_is_not() {
    let level = |at: usize| if at < 30 { 10.0 } else { 16.0 };
    let values: Vec<f64> = (0..60).map(|at| level(at) + noise(at)).collect();
    let found = changes(&values);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].first, 30);
    assert!((found[0].before - 10.0).abs() < 0.5 && (found[0].after - 16.0).abs() < 0.5);
    let quiet: Vec<f64> = (0..60).map(noise).collect();
    assert_eq!(changes(&quiet), []);
    assert_eq!(changes(&[5.0; 40]), []);
    assert_eq!(changes(&[1.0, 2.0, 3.0]), []);
}

#[test]
fn a_point_far_out_is_found_with_its_score() {
    let mut values: Vec<f64> = (0..40).map(noise).collect();
    values[17] = 25.0;
    let found = outliers(&values);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].at, 17);
    assert!(found[0].score > 10.0);
    assert_eq!(outliers(&[3.0; 10]), []);
    let mostly_equal = [3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 90.0];
    assert_eq!(outliers(&mostly_equal).len(), 1);
}
