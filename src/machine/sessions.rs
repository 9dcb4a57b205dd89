//! The sessions of one initialized period, and who performs or awaits what on them.

use hashbrown::HashTable;
use slab::Slab;
use smallvec::SmallVec;

use crate::call::image::ImageKey;
use crate::call::{Session, ThreadNumber};

/// Handle 1 belongs to the DLL itself (rule O2).
const FIRST: u32 = 2;

/// The table of sessions: entries in a slab, found by handle and by image.
///
/// Those who wait are few; they are in a short list of their own and cost a session at rest
/// nothing.
#[derive(Clone, Debug)]
pub(super) struct Sessions {
    entries: Slab<Entry>,
    by_handle: HashTable<Slot>,
    /// Without the closing sessions: their image can be opened anew (rule C9).
    by_image: HashTable<Slot>,
    /// The next handle to give out; beyond `u32` once the last one was.
    next: u64,
    /// Who waits for which session, in the order of arrival (rule P2). A closer waits like an
    /// operation; since none arrives after it, it is the last of its session (rule C4).
    waits: Vec<(Session, ThreadNumber)>,
}

/// A session that is open, or closing.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Most paths are so short that they need no allocation of their own.
    image: SmallVec<[u8; 32]>,
    image_hash: u32,
    pub(super) handle: Session,
    /// 0 while closing.
    pub(super) references: u32,
    /// Whose turn it is, if it is anybody's: who performs an operation, or closes what has drained.
    holder: Option<ThreadNumber>,
    /// Whether anybody may wait behind the holder; without, nobody has to be looked for among all
    /// that wait.
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

    /// The path as it was first spelt, without trailing separators.
    #[inline]
    pub(super) fn image(&self) -> &[u8] {
        &self.image
    }

    pub(super) fn is_closing(&self) -> bool {
        self.references == 0
    }

    /// Whether it is this thread's turn.
    pub(super) fn is_held_by(&self, thread: ThreadNumber) -> bool {
        self.holder == Some(thread)
    }
}

/// Where in the slab a session is; good until the session is removed.
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

    /// How many are open, closing ones included.
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

    /// The open session of an image.
    #[inline]
    pub(super) fn find_image(&self, image: ImageKey<'_>) -> Option<Slot> {
        let is_same = |slot: &Slot| image.matches(self.entry(*slot).image());
        self.by_image.find(spread(image.hash()), is_same).copied()
    }

    /// Whether a session is on the image, one that is closing included. Closing ones are in no
    /// index of images, so all are looked at; few calls ask.
    pub(super) fn is_on(&self, image: ImageKey<'_>) -> bool {
        self.entries.iter().any(|(_, entry)| image.matches(entry.image()))
    }

    /// Whether a handle up to `last` is left.
    #[inline]
    pub(super) fn has_next(&self, last: u32) -> bool {
        self.next <= u64::from(last)
    }

    /// Opens a session on an image that no session has open; the caller has made sure that there
    /// [is a handle](Self::has_next) for it.
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

    /// The last reference is given back: no operation is accepted any more, and the image counts
    /// as not open. Whose close it was gets its turn as for an operation.
    #[inline]
    pub(super) fn start_closing(&mut self, slot: Slot, thread: ThreadNumber) -> bool {
        let entry = &mut self.entries[slot.key()];
        entry.references = 0;
        take_out(&mut self.by_image, spread(entry.image_hash), slot);
        entry.take_turn(thread, &mut self.waits)
    }

    /// A closing session is gone.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) {
        let handle = self.entry(slot).handle;
        take_out(&mut self.by_handle, spread(handle.raw()), slot);
        self.entries.remove(slot.key());
    }

    /// Gives the thread its turn now, or puts it behind those that arrived before; `true` for now.
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

    /// Whether the thread has its turn on the session, or waits for it.
    #[inline]
    pub(super) fn is_busy(&self, slot: Slot, thread: ThreadNumber) -> bool {
        let entry = self.entry(slot);
        entry.is_held_by(thread) || entry.has_queue && self.waits.contains(&(entry.handle, thread))
    }

    /// Whether it is the closer's turn: nobody is behind a closer.
    #[inline]
    pub(super) fn is_drained(&self, slot: Slot) -> bool {
        self.entry(slot).is_closing() && self.first_wait(slot).is_none()
    }

    #[inline]
    fn first_wait(&self, slot: Slot) -> Option<usize> {
        let Entry { handle, has_queue: true, .. } = *self.entry(slot) else { return None };
        self.waits.iter().position(|(session, _)| *session == handle)
    }

    /// How many wait, for a turn or for a session to drain.
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

/// An index looks at the lowest bits of a hash and at the highest ones, so both depend on all.
#[inline]
fn spread(number: u32) -> u64 {
    let product = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// O6: an image is not open because its path hashes like one that is.
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
