//! The laws find what made the numbers.

use super::*;

fn points(rate: impl Fn(f64) -> f64) -> Points {
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
        .into_iter()
        .map(|users| (users, vec![rate(users) * 0.99, rate(users), rate(users) * 1.01]))
        .collect()
}

#[test]
fn a_hard_limit_is_a_bound() {
    let curve = curve(&points(|users| (users * 93.0).min(749.0)), 1).unwrap();
    assert_eq!(curve.best, Law::Bound);
    let bound = curve.fits.iter().find(|fit| fit.law == Law::Bound).unwrap();
    assert!((bound.parameters[1] - 749.0).abs() < 1.0, "{bound:?}");
}

#[test]
fn nothing_that_limits_is_linear() {
    assert_eq!(curve(&points(|users| users * 91.0), 1).unwrap().best, Law::Linear);
}

#[test]
fn retrograde_throughput_is_coherency_loss() {
    let truth = usl::Usl {
        lambda: 100.0,
        sigma: 0.03,
        kappa: 0.001,
    };
    let curve = curve(&points(|users| truth.rate(users)), 1).unwrap();
    assert_eq!(curve.best, Law::Usl);
    let kappa = curve.kappa.unwrap();
    assert!(kappa.includes(0.001), "{kappa:?}");
    let fit = usl::fit(&means(&points(|users| truth.rate(users)))).unwrap();
    assert!(
        (fit.sigma - 0.03).abs() < 1e-4 && (fit.kappa - 0.001).abs() < 1e-5,
        "{fit:?}"
    );
}

#[test]
fn a_bound_has_no_coherency_loss_that_excludes_zero_below_its_knee() {
    assert_eq!(curve(&points(|users| users * 91.0), 1).unwrap().kappa, None);
}

#[test]
fn little_holds_for_a_closed_loop() {
    assert!(little_error(16.0, 1374.0, 11.6) < 0.02);
    assert!(little_error(16.0, 1000.0, 11.6) > 0.2);
}
