//! Holds: points at which a test stops the threads of its client.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use thiserror::Error;

use crate::call::location::Source;
use crate::call::{Function, Session, ThreadNumber};
use crate::evidence::Remark;

/// A point at which the next call of a function stops, so that a test can force an interleaving
/// that would otherwise be a matter of luck.
///
/// A hold is data: [`Emulator::hold`](crate::Emulator::hold) sets it. It catches the first thread
/// that reaches its point, and no other. A held thread holds no lock, so every other thread goes
/// on.
///
/// ```
/// use std::thread;
///
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Error, Function, Hold};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
///
/// let hold = emulator.hold(Hold::closing());
/// let closer = thread::spawn({
///     let dism = dism.clone();
///     move || dism.close_session(session)
/// });
/// hold.wait();
/// // S2: a session that is being closed still counts as open.
/// assert_eq!(dism.shutdown(), Err(Error::OpenSessionHandles));
/// hold.release();
/// closer.join().expect("no panic")?;
/// dism.shutdown()?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use = "a hold stops no thread until `Emulator::hold` sets it"]
pub struct Hold {
    point: Point,
    function: Function,
    session: Option<Session>,
    deadline: Duration,
    optional: bool,
}

/// The point in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    /// Nothing has happened yet.
    Before,
    /// Between the two instants of an operation or of a last close (rule X1).
    Between,
    /// Everything has happened, but the call has not returned yet.
    Returning,
}

impl Hold {
    /// Creates a hold at the start of a call, before it takes effect.
    pub const fn before(function: Function) -> Self {
        Self::new(Point::Before, function)
    }

    /// Creates a hold in the close of a last reference, between its two instants: the session
    /// accepts no new operation, and is not gone yet (rule C4). Operations that began before may go
    /// on. When the thread is released, the close waits for those that are left.
    pub const fn closing() -> Self {
        Self::new(Point::Between, Function::CloseSession)
    }

    /// Creates a hold in an operation, between its two instants: its turn has come, and it is being
    /// performed (rule P2).
    ///
    /// # Panics
    ///
    /// If the function is not an operation.
    #[track_caller]
    pub const fn performing(function: Function) -> Self {
        assert!(function.is_operation(), "only an operation can be held while it is performed");
        Self::new(Point::Between, function)
    }

    /// Creates a hold at the end of a call, just before it returns.
    pub const fn returning(function: Function) -> Self {
        Self::new(Point::Returning, function)
    }

    const fn new(point: Point, function: Function) -> Self {
        Self { point, function, session: None, deadline: Duration::from_secs(10), optional: false }
    }

    /// Catches only a call that passes this session. An open passes none.
    pub const fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// Sets how long [`wait`](crate::HoldGuard::wait) waits for a thread, and how long a thread is
    /// held at most: 10 seconds by default.
    ///
    /// A model has no time, and so no deadline: a hold that is never released is reported as a
    /// deadlock.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Allows the hold never to be reached. Without this,
    /// [`Emulator::verify`](crate::Emulator::verify) reports a hold that no thread reached.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// Writes `DismCloseSession of session 2, between closing and gone`.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.function)?;
        if let Some(session) = self.session {
            write!(f, " of {session}")?;
        }
        f.write_str(match (self.point, self.function) {
            (Point::Before, _) => ", before it takes effect",
            (Point::Between, Function::CloseSession) => ", between closing and gone",
            (Point::Between, _) => ", while it is being performed",
            (Point::Returning, _) => ", before it returns",
        })
    }
}

/// The holds that are set.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    active: Vec<ActiveHold>,
    /// How many deadlines have let a thread go.
    expired: u64,
}

#[derive(Debug)]
pub(super) struct ActiveHold {
    hold: Hold,
    id: u64,
    location: &'static Location<'static>,
    /// The thread that it caught.
    thread: Option<ThreadNumber>,
    /// Whether its deadline released the thread.
    is_expired: bool,
}

impl ActiveHold {
    pub(super) fn unreached(&self) -> Option<Remark> {
        let is_unreached = self.thread.is_none() && !self.hold.optional;
        is_unreached
            .then(|| Remark::UnreachedHold { hold: self.hold.to_string(), location: self.location })
    }

    pub(super) fn expired(&self) -> Option<Remark> {
        self.is_expired
            .then(|| Remark::ExpiredHold { hold: self.hold.to_string(), location: self.location })
    }
}

/// The reason why no thread is held although the test waits for one.
#[derive(Debug, Error)]
pub(crate) enum HoldError {
    #[error("no thread reached the hold on {hold} within {:?} (set at {})", hold.deadline, Source(location))]
    Unreached { hold: Hold, location: &'static Location<'static> },
    #[error("{0}")]
    Expired(Remark),
}

impl Holds {
    pub(super) fn add(&mut self, hold: Hold, id: u64, location: &'static Location<'static>) {
        self.active.push(ActiveHold { hold, id, location, thread: None, is_expired: false });
    }

    /// Catches the thread if there is a hold for it. Returns the number of the hold, and how long
    /// it holds the thread at most.
    pub(crate) fn catch(
        &mut self,
        point: Point,
        function: Option<Function>,
        session: Option<Session>,
        thread: ThreadNumber,
    ) -> Option<(u64, Duration)> {
        let active = self.active.iter_mut().find(|active| {
            let Hold { point: at, function: of, session: on, .. } = active.hold;
            active.thread.is_none()
                && (at, Some(of)) == (point, function)
                && on.is_none_or(|on| Some(on) == session)
        })?;
        active.thread = Some(thread);
        Some((active.id, active.hold.deadline))
    }

    /// Returns whether the hold is still set.
    pub(crate) fn is_set(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    pub(crate) fn expire(&mut self, id: u64) {
        if let Some(active) = self.active.iter_mut().find(|active| active.id == id) {
            active.is_expired = true;
            self.expired += 1;
        }
    }

    pub(crate) fn expired(&self) -> u64 {
        self.expired
    }

    /// Returns how long to wait for a thread, and the error if none comes. Returns `None` if there
    /// is nothing to wait for.
    pub(crate) fn missing(&self, id: u64) -> Result<Option<(Duration, HoldError)>, HoldError> {
        let Some(active) = self.find(id) else { return Ok(None) };
        if let Some(expired) = active.expired() {
            return Err(HoldError::Expired(expired));
        }
        Ok(active.thread.is_none().then(|| {
            let ActiveHold { hold, location, .. } = active;
            (hold.deadline, HoldError::Unreached { hold: hold.clone(), location })
        }))
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<ActiveHold> {
        let at = self.active.iter().position(|active| active.id == id)?;
        Some(self.active.remove(at))
    }

    /// Returns whether the hold holds a thread now.
    pub(crate) fn is_held(&self, id: u64) -> bool {
        self.find(id).is_some_and(|active| active.thread.is_some() && !active.is_expired)
    }

    /// Returns the remarks on holds that no thread reached, and on those that their deadline
    /// released.
    pub(super) fn remarks(&self) -> impl Iterator<Item = Remark> {
        self.active.iter().filter_map(|active| active.expired().or_else(|| active.unreached()))
    }

    fn find(&self, id: u64) -> Option<&ActiveHold> {
        self.active.iter().find(|active| active.id == id)
    }
}
