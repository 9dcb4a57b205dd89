//! The numbers by which callers and the emulator refer to things.

use std::fmt;

use crate::sync;

/// A raw session handle, `DismSession`: a number, copied freely, valid or not.
///
/// Like the real handle, it proves nothing: it can be closed twice, used after the close, or made
/// up. [`Dism::open_owned_session`](crate::Dism::open_owned_session) returns a session that closes
/// itself.
///
/// ```
/// use dism_emu::{Emulator, Error, Session};
///
/// let emulator = Emulator::builder().verify_on_drop(false).build();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// assert!(matches!(dism.close_session(Session::DEFAULT), Err(Error::InvalidSession { .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(transparent)]
#[doc(alias = "DismSession")]
pub struct Session(u32);

impl Session {
    /// `DISM_SESSION_DEFAULT`: 0, which is never an open session.
    #[doc(alias = "DISM_SESSION_DEFAULT")]
    pub const DEFAULT: Self = Self(0);

    /// Returns the handle with this number.
    #[must_use]
    pub const fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

/// Writes `session 2`.
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session {}", self.0)
    }
}

/// Memory that a function handed out, and that [`Dism::delete`](crate::Dism::delete) deletes. In C
/// it is a pointer.
///
/// It is a number, copied freely, valid or not: it can be deleted twice, too late, or never
/// (mistake 11 of [`docs::mistakes`](crate::docs::mistakes)).
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function, Memory};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
/// dism.operation(session, Function::GetFeatures)?.end()?;
/// let features: Memory = dism.hand_out(Function::GetFeatures)?;
/// dism.delete(features)?;
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[repr(transparent)]
pub struct Memory(u32);

impl Memory {
    /// `NULL`: deleting it is a success (rule D2).
    pub const NULL: Self = Self(0);

    /// Returns the memory with this number.
    #[must_use]
    pub const fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// Returns the number: 1, 2, 3, … in the order in which memory was handed out.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }
}

/// Writes `memory 1`, or `NULL`; `unknown memory` for a pointer that no function handed out.
impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NULL => f.write_str("NULL"),
            Self(u32::MAX) => f.write_str("unknown memory"),
            Self(number) => write!(f, "memory {number}"),
        }
    }
}

/// The number of a thread, by which the machine tells callers apart.
///
/// Threads are numbered across the test program, not per emulator, in the order in which they first
/// call an [`Emulator`](crate::Emulator). Callers that drive a [`Machine`](crate::machine::Machine)
/// by hand may choose numbers of their own.
///
/// Such a number may differ from run to run. Reports, timelines and journals, as text and as JSON,
/// therefore number the threads of a journal 1, 2, 3, … in the order of its steps.
///
/// ```
/// use dism_emu::{Emulator, ThreadNumber};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// assert_eq!(emulator.journal().steps()[0].thread, ThreadNumber::current());
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct ThreadNumber(u64);

impl ThreadNumber {
    /// Returns the thread with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number of the calling thread. It is the same in the journals of all emulators.
    #[must_use]
    #[inline]
    pub fn current() -> Self {
        Self(sync::thread_number())
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// Writes `t7`.
impl fmt::Display for ThreadNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}
