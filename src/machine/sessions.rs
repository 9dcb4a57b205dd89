//! The sessions of one initialized period, and the threads that use them or wait for them.

use std::collections::{BTreeMap, VecDeque};

use hashbrown::HashTable;

use super::{spread, take_out};
use crate::call::image::{ImageKey, OwnedPath};
use crate::call::{Session, ThreadNumber};

/// Handle 1 belongs to the DLL itself (rule O2).
const FIRST: u32 = 2;

/// The table of sessions: entries, found by handle and by image.
///
/// Few threads wait. Their queues are apart, so a session that no thread waits for pays nothing.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    entries: Vec<Entry>,
    /// The slots of closed sessions, which the next ones take.
    vacant: Vec<Slot>,
    /// The session that was opened or used last, unless one was removed since. Most calls are on it.
    recent: Option<Slot>,
    by_handle: HashTable<Slot>,
    /// An image may have closing sessions beside the open one (rule C9).
    by_image: HashTable<Slot>,
    /// The next handle to give out. It is beyond `u32` after the last one.
    next: u64,
    /// `None` until a thread waits, so that a process in which none does pays nothing.
    queues: Option<Box<Queues>>,
}

/// The threads that wait: a queue for each session that a thread waits for.
#[derive(Clone, Debug, Default)]
struct Queues {
    /// The queues in the order of arrival (rule P2); none is empty. A closer waits like an
    /// operation. No operation arrives after it, so it is the last of its session (rule C4).
    by_session: BTreeMap<Session, VecDeque<ThreadNumber>>,
    /// The same threads once more, since every arrival asks whether its thread waits already.
    all: HashTable<(Session, ThreadNumber)>,
}

impl Queues {
    #[cold]
    fn push(&mut self, session: Session, thread: ThreadNumber) {
        self.by_session.entry(session).or_default().push_back(thread);
        self.all.insert_unique(
            hash_of_waiter(&(session, thread)),
            (session, thread),
            hash_of_waiter,
        );
    }

    /// Takes the first thread out of a session's queue. Returns also whether another is behind it.
    #[cold]
    fn pop(&mut self, session: Session) -> Option<(ThreadNumber, bool)> {
        let queue = self.by_session.get_mut(&session)?;
        let thread = queue.pop_front()?;
        let has_more = !queue.is_empty();
        if !has_more {
            self.by_session.remove(&session);
        }
        take_out(&mut self.all, hash_of_waiter(&(session, thread)), (session, thread));
        Some((thread, has_more))
    }

    fn has(&self, session: Session, thread: ThreadNumber) -> bool {
        let is_same = |waiter: &_| *waiter == (session, thread);
        self.all.find(hash_of_waiter(&(session, thread)), is_same).is_some()
    }
}

/// A session that is open or closing, or what is left of one that is closed: one cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Entry {
    /// The path of the image as it was first written, and its hash.
    path: OwnedPath,
    hash: u32,
    pub(super) handle: Session,
    /// The number of references, 0 while closing.
    pub(super) references: u32,
    /// The thread whose turn it is, if any. It performs an operation, or closes a session that has
    /// drained.
    holder: Option<ThreadNumber>,
    /// Whether a thread waits behind the holder.
    has_queue: bool,
    /// Whether an operation asked for a reboot (rule C6).
    pub(super) reboot: bool,
}

impl Entry {
    #[inline]
    fn take_turn(&mut self, thread: ThreadNumber, queues: &mut Option<Box<Queues>>) -> bool {
        if self.holder.is_some() {
            queues.get_or_insert_default().push(self.handle, thread);
            self.has_queue = true;
            return false;
        }
        self.holder = Some(thread);
        true
    }

    #[inline]
    pub(super) fn image(&self) -> ImageKey<'_> {
        ImageKey::with_hash(&self.path, self.hash)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.references == 0
    }

    /// Returns the thread whose turn it is.
    pub(super) fn holder(&self) -> Option<ThreadNumber> {
        self.holder
    }

    /// Returns whether it is this thread's turn.
    pub(super) fn is_held_by(&self, thread: ThreadNumber) -> bool {
        self.holder == Some(thread)
    }
}

/// The index of a session's entry, valid until the session is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(u32);

impl Slot {
    fn key(self) -> usize {
        self.0 as usize
    }
}

impl Sessions {
    pub(super) const fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: Vec::new(),
            recent: None,
            by_handle: HashTable::new(),
            by_image: HashTable::new(),
            next: FIRST as u64,
            queues: None,
        }
    }

    #[cfg(test)]
    pub(super) fn set_next(&mut self, next: u64) {
        self.next = next;
    }

    /// Returns how many sessions are open, including closing ones.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.entries.len() - self.vacant.len()
    }

    #[inline]
    pub(super) fn find(&self, session: Session) -> Option<Slot> {
        let is_open = |slot: &Slot| self.entry(*slot).handle == session;
        let find = || self.by_handle.find(hash_of(session), is_open).copied();
        self.recent.filter(is_open).or_else(find)
    }

    #[inline]
    pub(super) fn entry(&self, slot: Slot) -> &Entry {
        &self.entries[slot.key()]
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        &mut self.entries[slot.key()]
    }

    /// Returns the open session of an image.
    #[inline]
    pub(super) fn find_image(&self, image: ImageKey<'_>) -> Option<Slot> {
        self.find_on(image, |entry| !entry.is_closing())
    }

    /// Returns whether a session is on the image, including one that is closing.
    pub(super) fn is_on(&self, image: ImageKey<'_>) -> bool {
        self.find_on(image, |_| true).is_some()
    }

    #[inline]
    fn find_on(&self, image: ImageKey<'_>, wanted: impl Fn(&Entry) -> bool) -> Option<Slot> {
        // The index compares only a few bits of a hash, and folding a path takes longer than a call.
        let matches = |slot: &Slot| {
            let entry = self.entry(*slot);
            wanted(entry) && image.is_same(entry.image())
        };
        self.by_image.find(spread(image.hash()), matches).copied()
    }

    /// Returns whether a handle up to `last` is left.
    #[inline]
    pub(super) fn has_next(&self, last: u32) -> bool {
        self.next <= u64::from(last)
    }

    /// Uses up the next handle, which no session gets (rule O10). The caller has checked that one
    /// [is left](Self::has_next).
    #[cold]
    pub(super) fn skip(&mut self) {
        self.next += 1;
    }

    /// Opens a session on an image that no session has open. The caller has checked that a handle
    /// [is left](Self::has_next).
    #[inline]
    pub(super) fn add(&mut self, image: ImageKey<'_>) -> Session {
        let handle = Session::from_raw(self.next as u32);
        self.next += 1;
        // Built before the indexes change: a processor waits to copy what it has just written.
        let entry = Entry {
            path: OwnedPath::from_slice(image.path()),
            hash: image.hash(),
            handle,
            references: 1,
            holder: None,
            has_queue: false,
            reboot: false,
        };
        // There are fewer than `u32::MAX` handles.
        let slot = self.vacant.pop().unwrap_or(Slot(self.entries.len() as u32));
        let Self { entries, by_handle, by_image, .. } = self;
        by_handle.insert_unique(hash_of(handle), slot, |slot| hash_of(entries[slot.key()].handle));
        by_image.insert_unique(spread(image.hash()), slot, |slot| {
            spread(entries[slot.key()].image().hash())
        });
        match entries.get_mut(slot.key()) {
            Some(vacant) => *vacant = entry,
            None => entries.push(entry),
        }
        self.recent = Some(slot);
        handle
    }

    /// Releases the last reference: no operation is accepted any more, and the image counts as not
    /// open. Takes the turn for the closing thread, as for an operation.
    #[inline]
    pub(super) fn start_closing(&mut self, slot: Slot, thread: ThreadNumber) -> bool {
        self.recent = Some(slot);
        let entry = &mut self.entries[slot.key()];
        entry.references = 0;
        entry.take_turn(thread, &mut self.queues)
    }

    /// Removes a closing session.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let entry = &mut self.entries[slot.key()];
        take_out(&mut self.by_handle, hash_of(entry.handle), slot);
        take_out(&mut self.by_image, spread(entry.image().hash()), slot);
        // A closed session does not keep the allocation of a long path.
        entry.path = OwnedPath::new();
        self.vacant.push(slot);
        self.recent = None;
    }

    /// Takes the turn for the thread and returns `true`, or puts the thread behind those that
    /// arrived before it and returns `false`.
    #[inline]
    pub(super) fn take_turn(&mut self, slot: Slot, thread: ThreadNumber) -> bool {
        self.recent = Some(slot);
        self.entries[slot.key()].take_turn(thread, &mut self.queues)
    }

    /// Passes the turn on to the next in line.
    #[inline]
    pub(super) fn pass_turn(&mut self, slot: Slot) {
        let Self { entries, queues, .. } = self;
        let entry = &mut entries[slot.key()];
        entry.holder = None;
        if entry.has_queue {
            let next = queues.as_mut().and_then(|queues| queues.pop(entry.handle));
            entry.holder = next.map(|(thread, _)| thread);
            entry.has_queue = next.is_some_and(|(_, has_more)| has_more);
        }
    }

    /// Returns whether the thread has its turn on the session, or waits for it.
    #[inline]
    pub(super) fn is_busy(&self, slot: Slot, thread: ThreadNumber) -> bool {
        let entry = self.entry(slot);
        let queues = self.queues.as_ref().filter(|_| entry.has_queue);
        entry.is_held_by(thread) || queues.is_some_and(|it| it.has(entry.handle, thread))
    }

    /// Returns whether it is the closer's turn: no thread waits behind a closer.
    #[inline]
    pub(super) fn is_drained(&self, slot: Slot) -> bool {
        let entry = self.entry(slot);
        entry.is_closing() && !entry.has_queue
    }
}

/// Hashes a handle. Sixteen in a row are beside each other, in one cache line of the index, so that
/// those of new sessions are in the cache however many are open. The rows are scattered, whatever the
/// pattern of those that stay.
#[inline]
fn hash_of(session: Session) -> u64 {
    let (row, column) = (session.raw() / 16, u64::from(session.raw() % 16));
    // The lowest bits are a location in the index. The highest ones tell neighbors apart.
    spread(row) ^ column ^ (column << 60)
}

fn hash_of_waiter((session, thread): &(Session, ThreadNumber)) -> u64 {
    spread(session.raw()).rotate_left(32) ^ spread(thread.number() as u32)
}

const _: () = assert!(size_of::<Entry>() == 64);

#[cfg(test)]
mod tests {
    use super::*;

    /// O6: a path that only has the same hash as an open image does not match it.
    #[test]
    fn a_hash_is_not_a_path() {
        let (open, twin) = (ImageKey::new(b"["), ImageKey::new(b"{"));
        assert_eq!(open.hash(), twin.hash());
        let mut sessions = Sessions::new();
        sessions.add(open);
        assert!(sessions.find_image(open).is_some());
        assert!(sessions.find_image(twin).is_none());
    }
}
