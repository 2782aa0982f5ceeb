//! Rounding as PostgreSQL rounds.

use super::*;

#[test]
fn ratios_round_half_away_from_zero() {
    for (n, d, digits, expect) in [
        (1, 4, 1, 0.3),
        (-1, 4, 1, -0.3),
        (1, 3, 2, 0.33),
        (5, 2, 0, 3.0),
        (-5, 2, 0, -3.0),
        (7, 1, 3, 7.0),
        (0, 9, 1, 0.0),
    ] {
        assert_eq!(ratio(n, d, digits), expect, "{n}/{d} to {digits}");
    }
}

#[test]
fn floats_round_by_their_decimal_form() {
    for (value, digits, expect) in [
        (2.675, 2, 2.68),
        (-2.675, 2, -2.68),
        (0.05, 1, 0.1),
        (1e20, 2, 1e20),
        (1e-20, 2, 0.0),
        (123456.789, 0, 123457.0),
        (0.5, 0, 1.0),
        (0.0, 3, 0.0),
    ] {
        assert_eq!(round(value, digits), expect, "{value} to {digits}");
    }
    assert!(round(f64::NAN, 2).is_nan());
}
