//! Guards: what a test keeps while a rule is in force, or a hold is set.

use std::fmt;
use std::sync::Arc;

use super::core::Shared;
use crate::sync::in_drop;

/// Keeps a rule in force until dropped.
///
/// ```
/// use dism_emu::{Emulator, Function, Rule};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// {
///     let _refused = emulator.script(Rule::on(Function::Initialize).fail(0x8007_0005));
///     assert!(dism.initialize().is_err());
/// }
/// dism.initialize()?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[must_use = "dropping this takes the rule back: bind it to a variable, or call `keep`"]
pub struct RuleGuard {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    pub(super) is_kept: bool,
}

impl RuleGuard {
    /// Returns how many calls the rule has answered so far.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.shared.with_script(|script| script.rules.fired(self.id))
    }

    /// Leaves the rule in force for as long as the emulated process lives.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        if !self.is_kept {
            in_drop(|| self.shared.with_script(|script| script.remove_rule(self.id)));
        }
    }
}

/// A hold that is set. Dropping it releases its thread, if it has one.
///
/// Declare the guard after any [`OwnedSession`](crate::OwnedSession): it is then dropped first, so
/// the sessions do not wait for the held thread.
///
/// A forgotten hold does not hold for ever: when its [deadline](crate::Hold::deadline) has passed,
/// the thread goes on. Releasing or dropping the guard then panics with the hold's name. Until
/// then, [`Emulator::verify`](crate::Emulator::verify) reports the hold.
#[must_use = "dropping this releases the hold: bind it to a variable"]
pub struct HoldGuard {
    pub(super) shared: Arc<Shared>,
    pub(super) id: u64,
    /// Whether it is still to be released.
    pub(super) is_set: bool,
}

impl HoldGuard {
    /// Waits until a thread is held here.
    ///
    /// # Panics
    ///
    /// If no thread comes before the [deadline](crate::Hold::deadline), or the deadline has
    /// released the one that came.
    #[track_caller]
    pub fn wait(&self) {
        if let Err(error) = self.shared.wait_for_hold(self.id) {
            panic!("dism-emu: {error}");
        }
    }

    /// Returns whether a thread is held here now, without waiting.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.shared.with_script(|script| script.holds.is_held(self.id))
    }

    /// Releases the thread. If none has come yet, the hold catches none.
    ///
    /// # Panics
    ///
    /// If the [deadline](crate::Hold::deadline) has already released the thread.
    #[track_caller]
    pub fn release(mut self) {
        self.end();
    }

    #[track_caller]
    fn end(&mut self) {
        if !std::mem::take(&mut self.is_set) {
            return;
        }
        let mut expired = None;
        in_drop(|| expired = self.shared.release_hold(self.id));
        let Some(expired) = expired else { return };
        // If the thread is panicking, the test has its reason to fail already, and one panic is
        // enough. If the test catches that panic, the verification reports the hold.
        if std::thread::panicking() {
            in_drop(|| self.shared.with_script(|script| script.report(Some(expired))));
        } else {
            panic!("dism-emu: {expired}");
        }
    }
}

/// Releases the hold, as [`release`](Self::release) does, but never panics while the thread is
/// panicking.
impl Drop for HoldGuard {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for RuleGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleGuard").field("fired", &self.fired()).finish_non_exhaustive()
    }
}

impl fmt::Debug for HoldGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldGuard").field("is_held", &self.is_held()).finish_non_exhaustive()
    }
}
