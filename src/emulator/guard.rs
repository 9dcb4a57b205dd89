//! What a test keeps while a rule is in force, or a hold is set.

use super::Emulator;
use crate::sync::in_drop;

/// A rule in force; dropped, the rule is taken back.
///
/// ```
/// use dism_emu::{Emulator, Function, Rule};
///
/// let dism = Emulator::new();
/// {
///     let _refused = dism.script(Rule::on(Function::Initialize).answer(0x8007_0005_u32));
///     assert!(dism.initialize().is_err());
/// }
/// dism.initialize()?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping this takes the rule back: bind it to a variable, or call `keep`"]
pub struct RuleGuard {
    pub(super) emulator: Emulator,
    pub(super) id: u64,
    pub(super) is_kept: bool,
}

impl RuleGuard {
    /// How many calls it has answered so far.
    #[must_use]
    pub fn fired(&self) -> u64 {
        self.emulator.shared.with_script(|script| script.rules.fired(self.id))
    }

    /// Leaves the rule in force for as long as the emulated process lives.
    pub fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for RuleGuard {
    fn drop(&mut self) {
        if !self.is_kept {
            in_drop(|| self.emulator.shared.with_script(|script| script.rules.remove(self.id)));
        }
    }
}

/// A hold that is set; dropped, it lets its thread go, or catches none.
///
/// Values are dropped in the reverse order of their declaration. A guard that is declared after the
/// [`OwnedSession`](crate::OwnedSession)s of a test lets go before their drops have to wait for the
/// held thread, also where an assertion fails.
///
/// A forgotten one holds nobody for ever: when its [deadline](crate::Hold::deadline) has passed,
/// the thread goes on, and the hold is told of by name, where this is released or dropped and by
/// [`Emulator::verify`].
#[derive(Debug)]
#[must_use = "dropping this releases the hold: bind it to a variable"]
pub struct HoldGuard {
    pub(super) emulator: Emulator,
    pub(super) id: u64,
    /// Whether it is still to be released.
    pub(super) is_set: bool,
}

impl HoldGuard {
    /// Waits until a thread is held here.
    ///
    /// # Panics
    ///
    /// If none comes before the [deadline](crate::Hold::deadline), or the one that came is gone
    /// because of it.
    #[track_caller]
    pub fn wait(&self) {
        if let Err(missed) = self.emulator.shared.wait_for_hold(self.id) {
            panic!("{missed}");
        }
    }

    /// Lets the thread go, or catches none if none has come.
    ///
    /// # Panics
    ///
    /// If the thread was let go by the [deadline](crate::Hold::deadline) before.
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
        in_drop(|| expired = self.emulator.shared.release_hold(self.id));
        // A test that fails already has its reason, and one panic is enough.
        if let (Some(expired), false) = (expired, std::thread::panicking()) {
            panic!("{expired}");
        }
    }
}

/// As [`release`](Self::release), but quiet while the thread is panicking.
impl Drop for HoldGuard {
    fn drop(&mut self) {
        self.end();
    }
}
