//! Asks the `DismApi.dll` of a machine what it answers, and compares that with what the emulator
//! answers under both contracts, rule by rule.
//!
//! A scenario is a list of calls, in the form of the recordings (`scenarios.rec`). It has no
//! expected answers: those are the emulator's, beside which the probe is built. Each scenario runs
//! in a process of its own, so that a hang or a crash is a result and disturbs no other scenario.
//! The result is the same list with the answers, so it can be compared again later.

pub mod child;
pub mod compare;
pub mod dism;
pub mod images;
pub mod machine;
pub mod player;
pub mod recording;

use recording::Recording;

/// Returns all scenarios, in the order in which they run.
///
/// # Panics
///
/// Never: the tests read the file, too.
#[must_use]
pub fn scenarios() -> Vec<Recording> {
    recording::read_all(include_str!("scenarios.rec")).expect("the scenarios can be read")
}
