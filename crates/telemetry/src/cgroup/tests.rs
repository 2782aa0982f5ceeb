//! Texts of kernels, of both versions.

use super::parse::*;

#[test]
fn a_process_is_found_in_both_trees() {
    let found = membership("12:cpu,cpuacct:/kubepods/pod1\n3:memory:/kubepods/pod1\n0::/init.scope\n");
    assert_eq!(found.unified.as_deref(), Some("/init.scope"));
    let controllers: Vec<&str> = found.controllers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(controllers, ["cpu", "cpuacct", "memory"]);
    assert_eq!(membership("garbage\n:"), Membership::default());
}

#[test]
fn version_2_texts() {
    let stat = "usage_usec 1500000\nuser_usec 1\nnr_periods 10\nnr_throttled 4\nthrottled_usec 250000\n";
    assert_eq!(keyed(stat, "usage_usec"), Some(1_500_000.0));
    assert_eq!(keyed(stat, "throttled"), None);
    assert_eq!(quota_cores("150000 100000\n"), Some(1.5));
    assert_eq!(quota_cores("max 100000\n"), None);
    assert_eq!(single("max\n"), None);
    assert_eq!(single("4096\n"), Some(4096.0));
    let pressure = "some avg10=0.00 avg60=0.00 avg300=0.00 total=1234567\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    assert_eq!(pressure_seconds(pressure, "some"), Some(1.234_567));
    assert_eq!(pressure_seconds(pressure, "full"), Some(0.0));
    assert_eq!(pressure_seconds("", "full"), None);
}

#[test]
fn version_1_says_no_limit_by_a_large_number() {
    assert_eq!(single("9223372036854771712\n"), None);
    assert_eq!(single("-1\n"), None);
}

#[cfg(target_os = "linux")]
#[test]
fn this_machine_can_be_read() {
    // Whatever it has, what is read is no nonsense.
    let readings = super::read();
    for value in [readings.cpu_seconds, readings.memory_bytes]
        .into_iter()
        .flatten()
    {
        assert!(value > 0.0, "{readings:?}");
    }
}
