//! The sessions of one initialized period, and the threads that use them or wait for them.

use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

use crate::call::image::ImageKey;
use crate::call::{Session, ThreadNumber};

/// Handle 1 belongs to the DLL itself (rule O2).
const FIRST: u32 = 2;

/// The table of sessions: entries in a slab, found by handle and by image.
///
/// Few threads wait. They are in a short list of their own, so a session that no thread uses pays
/// nothing for it.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    entries: Slab<Entry>,
    by_handle: HashTable<Slot>,
    /// The sessions that are not closing: the image of a closing one can be opened anew (rule C9).
    by_image: HashTable<Slot>,
    /// The next handle to give out. It is beyond `u32` after the last one.
    next: u64,
    /// Which thread waits for which session, in the order of arrival (rule P2). A closer waits like
    /// an operation. No operation arrives after it, so it is the last of its session (rule C4).
    waits: Vec<(Session, ThreadNumber)>,
}

/// A session that is open, or closing.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// The path. Most paths are so short that they need no allocation of their own.
    image: SmallVec<[u8; 32]>,
    image_hash: u32,
    pub(super) handle: Session,
    /// The number of references, 0 while closing.
    pub(super) references: u32,
    /// The thread whose turn it is, if any. It performs an operation, or closes a session that has
    /// drained.
    holder: Option<ThreadNumber>,
    /// Whether a thread may wait behind the holder. If not, the list of waiting threads need not be
    /// searched.
    has_queue: bool,
    /// Whether an operation asked for a reboot (rule C6).
    pub(super) reboot: bool,
}

impl Entry {
    #[inline]
    fn take_turn(
        &mut self,
        thread: ThreadNumber,
        waits: &mut Vec<(Session, ThreadNumber)>,
    ) -> bool {
        if self.holder.is_some() {
            waits.push((self.handle, thread));
            self.has_queue = true;
            return false;
        }
        self.holder = Some(thread);
        true
    }

    /// Returns the path as it was first written, without trailing separators.
    #[inline]
    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    pub(super) fn is_closing(&self) -> bool {
        self.references == 0
    }

    /// Returns whether it is this thread's turn.
    pub(super) fn is_held_by(&self, thread: ThreadNumber) -> bool {
        self.holder == Some(thread)
    }
}

/// The index of a session in the slab, valid until the session is removed.
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
            entries: Slab::new(),
            by_handle: HashTable::new(),
            by_image: HashTable::new(),
            next: FIRST as u64,
            waits: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn set_next(&mut self, next: u64) {
        self.next = next;
    }

    /// Returns how many sessions are open, including closing ones.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    pub(super) fn find(&self, session: Session) -> Option<Slot> {
        let is_open = |slot: &Slot| self.entry(*slot).handle == session;
        self.by_handle.find(spread(session.raw()), is_open).copied()
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
        let is_same = |slot: &Slot| image.matches(self.entry(*slot).image());
        self.by_image.find(spread(image.hash()), is_same).copied()
    }

    /// Returns whether a session is on the image, including one that is closing. Closing sessions
    /// are not in the index of images, so this looks at all sessions; few calls need it.
    pub(super) fn is_on(&self, image: ImageKey<'_>) -> bool {
        self.entries.iter().any(|(_, entry)| image.matches(entry.image()))
    }

    /// Returns whether a handle up to `last` is left.
    #[inline]
    pub(super) fn has_next(&self, last: u32) -> bool {
        self.next <= u64::from(last)
    }

    /// Opens a session on an image that no session has open. The caller has checked that a handle
    /// [is left](Self::has_next).
    #[inline]
    pub(super) fn add(&mut self, image: ImageKey<'_>) -> Session {
        let handle = Session::from_raw(self.next as u32);
        self.next += 1;
        let key = self.entries.insert(Entry {
            image: SmallVec::from_slice(image.path()),
            image_hash: image.hash(),
            handle,
            references: 1,
            holder: None,
            has_queue: false,
            reboot: false,
        });
        // There are fewer than `u32::MAX` handles.
        let slot = Slot(key as u32);
        let Self { entries, by_handle, by_image, .. } = self;
        by_handle.insert_unique(spread(handle.raw()), slot, |slot| {
            spread(entries[slot.key()].handle.raw())
        });
        by_image.insert_unique(spread(image.hash()), slot, |slot| {
            spread(entries[slot.key()].image_hash)
        });
        handle
    }

    /// Releases the last reference: no operation is accepted any more, and the image counts as not
    /// open. Takes the turn for the closing thread, as for an operation.
    #[inline]
    pub(super) fn start_closing(&mut self, slot: Slot, thread: ThreadNumber) -> bool {
        let entry = &mut self.entries[slot.key()];
        entry.references = 0;
        take_out(&mut self.by_image, spread(entry.image_hash), slot);
        entry.take_turn(thread, &mut self.waits)
    }

    /// Removes a closing session.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let handle = self.entry(slot).handle;
        take_out(&mut self.by_handle, spread(handle.raw()), slot);
        self.entries.remove(slot.key());
    }

    /// Takes the turn for the thread and returns `true`, or puts the thread behind those that
    /// arrived before it and returns `false`.
    #[inline]
    pub(super) fn take_turn(&mut self, slot: Slot, thread: ThreadNumber) -> bool {
        self.entries[slot.key()].take_turn(thread, &mut self.waits)
    }

    /// Passes the turn on to the next in line.
    #[inline]
    pub(super) fn pass_turn(&mut self, slot: Slot) {
        let next = self.first_wait(slot).map(|at| self.waits.remove(at).1);
        let entry = self.entry_mut(slot);
        entry.holder = next;
        entry.has_queue &= next.is_some();
    }

    /// Returns whether the thread has its turn on the session, or waits for it.
    #[inline]
    pub(super) fn is_busy(&self, slot: Slot, thread: ThreadNumber) -> bool {
        let entry = self.entry(slot);
        entry.is_held_by(thread) || entry.has_queue && self.waits.contains(&(entry.handle, thread))
    }

    /// Returns whether it is the closer's turn: no thread waits behind a closer.
    #[inline]
    pub(super) fn is_drained(&self, slot: Slot) -> bool {
        self.entry(slot).is_closing() && self.first_wait(slot).is_none()
    }

    #[inline]
    fn first_wait(&self, slot: Slot) -> Option<usize> {
        let Entry { handle, has_queue: true, .. } = *self.entry(slot) else { return None };
        self.waits.iter().position(|(session, _)| *session == handle)
    }

    /// Returns how many threads wait, for a turn or for a session to drain.
    #[inline]
    pub(super) fn waiting(&self) -> usize {
        self.waits.len()
    }
}

#[inline]
fn take_out(index: &mut HashTable<Slot>, hash: u64, slot: Slot) {
    if let Ok(found) = index.find_entry(hash, |other| *other == slot) {
        found.remove();
    }
}

/// Hashes a number. An index looks at the lowest and the highest bits of a hash, so both depend on
/// all bits of the number.
#[inline]
fn spread(number: u32) -> u64 {
    let product = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

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
