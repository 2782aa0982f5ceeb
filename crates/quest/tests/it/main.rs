//! The crate from outside: quests against rigged servers, and the verdicts of recorded ones.

mod endings;
mod fixes;
mod proofs;
mod replay;
mod rig;
mod verdicts;
