//! Rounding as PostgreSQL rounds.

use super::*;

#[test]
fn ratios_round_half_away_from_zero() {
    for (n, d, digits, expect) in [
        (1, 4, 1, "0.3"),
        (-1, 4, 1, "-0.3"),
        (1, 3, 2, "0.33"),
        (5, 2, 0, "3"),
        (-5, 2, 0, "-3"),
        (7, 1, 3, "7"),
        (0, 9, 1, "0"),
        (1, 20, 2, "0.05"),
        (1001, 10, 3, "100.1"),
        (i64::MAX / 100, 1, 1, "9.223372036854776e+16"),
    ] {
        let mut out = Vec::new();
        Decimal::ratio(n, d, digits).unwrap().write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expect, "{n}/{d} to {digits}");
    }
    assert_eq!(Decimal::ratio(i64::MAX, 1, 1), None);
}

#[test]
fn a_ratio_prints_as_its_nearest_float() {
    for n in -2000i64..2000 {
        for d in [1, 3, 7, 64, 365] {
            let decimal = Decimal::ratio(n * 17, d, 3).unwrap();
            let (mut ours, mut float) = (Vec::new(), Vec::new());
            decimal.write(&mut ours);
            store::value::write_float(decimal.number(), &mut float);
            assert_eq!(ours, float);
        }
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
