//! A session that closes itself.

use std::fmt;
use std::mem;
use std::panic::Location;

use super::Dism;
use crate::call::{Error, Hresult, Session};
use crate::sync::in_drop;

/// A session that closes itself when it is dropped.
///
/// Dropping it calls `DismCloseSession` like any other close. That may wait for operations. It may
/// also fail, for example inside an operation of the same thread (rule C7), and then the session
/// stays open. Only [`close`](Self::close) returns the failure.
/// [`into_session`](Self::into_session) leaves the session open. In the journal, the close of a
/// session that is dropped has the location at which the session was opened.
///
/// It owns a number, as real wrappers do. If the session is closed by its raw handle and the API is
/// shut down and initialized again, the number may belong to another session. Dropping this then
/// closes that other session, and verification cannot see it.
///
/// ```
/// use dism_emu::{Emulator, Hresult};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// {
///     let _session = dism.open_owned_session(r"C:\mount")?;
///     assert_eq!(emulator.state().open_sessions(), 1);
/// }
/// assert_eq!(emulator.state().open_sessions(), 0);
///
/// let session = dism.open_owned_session(r"C:\mount")?;
/// assert_eq!(session.close()?, Hresult::S_OK);
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[must_use = "dropping this closes the session: bind it to a variable, or call `close`"]
pub struct OwnedSession {
    pub(super) dism: Dism,
    pub(super) session: Session,
    /// The location of the open, since `drop` does not know its own.
    pub(super) opened: &'static Location<'static>,
}

impl OwnedSession {
    /// Returns the handle, for the calls that take one.
    #[must_use]
    pub const fn handle(&self) -> Session {
        self.session
    }

    /// Closes the session and returns the result.
    ///
    /// # Errors
    ///
    /// Those of [`Dism::close_session`]. The close is not tried again: after
    /// [`Error::PossibleDeadlock`] the session is still open, and the error names it.
    #[track_caller]
    pub fn close(mut self) -> Result<Hresult, Error> {
        let session = self.give_up();
        self.dism.close_session(session)
    }

    /// Gives up ownership and leaves the session open.
    #[must_use = "the session stays open: close it with the handle that this returns"]
    pub fn into_session(mut self) -> Session {
        self.give_up()
    }

    /// Leaves 0 behind, which is never an open session, so that `drop` closes nothing.
    fn give_up(&mut self) -> Session {
        mem::replace(&mut self.session, Session::DEFAULT)
    }
}

impl Drop for OwnedSession {
    fn drop(&mut self) {
        if self.session != Session::DEFAULT {
            in_drop(|| {
                let caller = self.dism.caller_at(self.opened);
                let _ = self.dism.shared.close(caller, self.session);
            });
        }
    }
}

impl fmt::Debug for OwnedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnedSession").field(&self.session.raw()).finish()
    }
}
