//! No sockets where there is no Linux.

use super::{Family, Side, Socket};
use crate::observer::State;

pub(super) fn sockets(_: Family, _: Side, _: u16) -> Result<Vec<Socket>, State> {
    Err(State::Absent("TCP tells of its sockets on Linux only".to_owned()))
}
