//! Points at which a test stops the threads of its client.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use crate::call::{Function, Session, ThreadId};
use crate::emulator::Emulator;
use crate::evidence::Remark;
use crate::sync::in_drop;

/// Stops the next call of a function at a given point, so that a test can make an interleaving
/// happen that would otherwise be a matter of luck.
///
/// A hold is data: [`Emulator::hold`] sets it, and it catches the first thread that comes to its
/// point, once. A held thread holds no lock, so every other thread goes on.
///
/// ```
/// use std::thread;
///
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Error, Function, Hold};
///
/// let dism = Emulator::new();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
///
/// let hold = dism.hold(Hold::closing());
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
#[must_use = "a hold stops nobody until `Emulator::hold` has set it"]
pub struct Hold {
    point: Point,
    function: Function,
    session: Option<Session>,
    deadline: Duration,
}

/// Where in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Point {
    /// Nothing has happened yet.
    Before,
    /// Between the two instants of an operation or of a last close (rule X1).
    Between,
    /// All has happened, but the caller does not know it yet.
    Returning,
}

impl Hold {
    /// Before the call takes effect.
    pub const fn before(function: Function) -> Self {
        Self::new(Point::Before, function)
    }

    /// In the close of a last reference, between its two instants: the session takes no new
    /// operation any more and is not gone yet (rule C4). Operations that were begun before may go
    /// on; when the thread is let go, the close waits for those that are left.
    pub const fn closing() -> Self {
        Self::new(Point::Between, Function::CloseSession)
    }

    /// In an operation, between its two instants: its turn has come, and it is being performed
    /// (rule P2).
    ///
    /// # Panics
    ///
    /// If the function is not an operation.
    #[track_caller]
    pub const fn performing(function: Function) -> Self {
        assert!(function.is_operation(), "only an operation is ever being performed");
        Self::new(Point::Between, function)
    }

    /// After all that the call does, just before it returns.
    pub const fn returning(function: Function) -> Self {
        Self::new(Point::Returning, function)
    }

    const fn new(point: Point, function: Function) -> Self {
        Self { point, function, session: None, deadline: Duration::from_secs(10) }
    }

    /// Only a call that names this session. An open names none.
    pub const fn session(mut self, session: Session) -> Self {
        self.session = Some(session);
        self
    }

    /// How long [`wait`](HoldGuard::wait) waits for a thread, and how long a thread is held at the
    /// most: 10 seconds unless said otherwise.
    ///
    /// Inside a model there is no time, and no deadline: a hold that is never released is reported
    /// as a deadlock.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
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

/// A hold that is set; dropped, it lets its thread go, or catches none.
///
/// Values are dropped in the reverse order of their declaration. A guard that is declared after the
/// [`OwnedSession`](crate::OwnedSession)s of a test lets go before their drops have to wait for the
/// held thread, also where an assertion fails.
///
/// A forgotten one holds nobody for ever: when its [deadline](Hold::deadline) has passed, the
/// thread goes on, and the hold is told of by name, where this is released or dropped and by
/// [`Emulator::verify`].
#[derive(Debug)]
#[must_use = "the hold is released where this is dropped, so it needs a name"]
pub struct HoldGuard {
    emulator: Emulator,
    id: u64,
    /// Whether it is still to be released.
    is_set: bool,
}

impl HoldGuard {
    pub(crate) const fn new(emulator: Emulator, id: u64) -> Self {
        Self { emulator, id, is_set: true }
    }

    /// Waits until a thread is held here.
    ///
    /// # Panics
    ///
    /// If none comes before the [deadline](Hold::deadline), or the one that came is gone because
    /// of it.
    #[track_caller]
    pub fn wait(&self) {
        if let Err(missed) = self.emulator.wait_for_hold(self.id) {
            panic!("{missed}");
        }
    }

    /// Lets the thread go, or catches none if none has come.
    ///
    /// # Panics
    ///
    /// If the thread was let go by the [deadline](Hold::deadline) before.
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
        in_drop(|| expired = self.emulator.release_hold(self.id));
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

/// The holds that are set.
#[derive(Debug, Default)]
pub(crate) struct Holds(Vec<Set>);

#[derive(Debug)]
struct Set {
    hold: Hold,
    id: u64,
    place: &'static Location<'static>,
    /// Whom it caught.
    thread: Option<ThreadId>,
    /// Its deadline let the thread go.
    is_expired: bool,
}

impl Set {
    fn expired(&self) -> Remark {
        Remark::ExpiredHold { hold: self.hold.to_string(), place: self.place }
    }
}

/// Why nobody is held where a test waits for it.
pub(crate) enum Missed {
    NobodyCame { hold: Hold, place: &'static Location<'static> },
    Expired(Remark),
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NobodyCame { hold, place } => {
                let deadline = hold.deadline;
                write!(
                    f,
                    "no thread came to the hold on {hold} within {deadline:?} (set at {place})"
                )
            }
            Self::Expired(remark) => write!(f, "{remark}"),
        }
    }
}

impl Holds {
    pub(crate) fn add(&mut self, hold: Hold, id: u64, place: &'static Location<'static>) {
        self.0.push(Set { hold, id, place, thread: None, is_expired: false });
    }

    /// Whether a hold takes this thread: which, and for how long.
    pub(crate) fn catch(
        &mut self,
        point: Point,
        function: Function,
        session: Option<Session>,
        thread: ThreadId,
    ) -> Option<(u64, Duration)> {
        let set = self.0.iter_mut().find(|set| {
            let Hold { point: at, function: of, session: on, .. } = set.hold;
            set.thread.is_none()
                && (at, of) == (point, function)
                && on.is_none_or(|on| Some(on) == session)
        })?;
        set.thread = Some(thread);
        Some((set.id, set.hold.deadline))
    }

    /// Whether the hold still has its thread.
    pub(crate) fn is_set(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    pub(crate) fn expire(&mut self, id: u64) {
        if let Some(set) = self.0.iter_mut().find(|set| set.id == id) {
            set.is_expired = true;
        }
    }

    /// How long to wait for a thread, if none is there; why it is no use to wait.
    pub(crate) fn missing(&self, id: u64) -> Result<Option<Duration>, Missed> {
        match self.find(id) {
            Some(set) if set.is_expired => Err(Missed::Expired(set.expired())),
            Some(Set { thread: None, hold, .. }) => Ok(Some(hold.deadline)),
            _ => Ok(None),
        }
    }

    pub(crate) fn nobody_came(&self, id: u64) -> Option<Missed> {
        let Set { hold, place, .. } = self.find(id)?;
        Some(Missed::NobodyCame { hold: hold.clone(), place })
    }

    /// Lets the thread go; gives what is to be told if it had gone already.
    pub(crate) fn remove(&mut self, id: u64) -> Option<Remark> {
        let at = self.0.iter().position(|set| set.id == id)?;
        let set = self.0.remove(at);
        set.is_expired.then(|| set.expired())
    }

    /// What there is to tell of holds that nobody has released.
    pub(crate) fn remarks(&self) -> impl Iterator<Item = Remark> {
        self.0.iter().filter(|set| set.is_expired).map(Set::expired)
    }

    fn find(&self, id: u64) -> Option<&Set> {
        self.0.iter().find(|set| set.id == id)
    }
}
