//! Users as `/etc/passwd` has them.

use super::*;

const USERS: &str = "root:x:0:0:root:/root:/bin/bash\n\nodd\npostgres:x:101:104:,,,:/var:/bin/bash\n";

#[test]
fn users_are_found() {
    assert_eq!(find(USERS, "postgres"), Some((101, 104)));
    assert_eq!(find(USERS, "nobody"), None);
    assert_eq!(named(USERS, 101), "postgres");
    assert_eq!(named(USERS, 7), "7");
}
