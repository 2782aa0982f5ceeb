//! The texts of the kernel's files.

/// Where a process is in the trees: version 2's path, and version 1's by controller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) unified: Option<String>,
    pub(super) controllers: Vec<(String, String)>,
}

/// `/proc/self/cgroup`.
pub(super) fn membership(text: &str) -> Membership {
    let mut membership = Membership::default();
    for line in text.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(number), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if number == "0" && controllers.is_empty() {
            membership.unified = Some(path.to_owned());
        }
        for controller in controllers.split(',').filter(|name| !name.is_empty()) {
            membership
                .controllers
                .push((controller.to_owned(), path.to_owned()));
        }
    }
    membership
}

/// A value of a file of `key value` lines.
pub(super) fn keyed(text: &str, key: &str) -> Option<f64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

/// A file of one number; `max` and version 1's "no limit" are none.
pub(super) fn single(text: &str) -> Option<f64> {
    const UNLIMITED: f64 = 9.0e18;
    text.trim()
        .parse()
        .ok()
        .filter(|value| (0.0..UNLIMITED).contains(value))
}

/// `cpu.max`: quota and period.
pub(super) fn quota_cores(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then_some(quota / period)
}

/// Total seconds of `some` or `full` in a pressure file.
pub(super) fn pressure_seconds(text: &str, who: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(who))?;
    let total = line.split(' ').find_map(|part| part.strip_prefix("total="))?;
    Some(total.parse::<f64>().ok()? / 1e6)
}
