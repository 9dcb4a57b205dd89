//! The sessions of one initialized period, and who performs or awaits what on them.

use crate::image::ImageKey;
use crate::index::Index;
use crate::{Session, ThreadId};

/// Handle 1 belongs to the DLL itself (rule O2).
const FIRST: u32 = 2;

/// The table of sessions.
///
/// Entries lie in a slab and are found by handle and by image, through an index each. Those who
/// wait are few; they stand in two short lists beside it and cost a session at rest nothing.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    slab: Vec<Place>,
    /// The first vacant place of the slab, `VACANT_END` if none.
    vacant: u32,
    open: usize,
    by_handle: Index,
    /// Without the closing sessions: their image can be opened anew (rule C9).
    by_image: Index,
    /// Written again by every open, and kept for its allocation.
    key: ImageKey,
    /// The next handle to give out; beyond `u32` once the last one was.
    next: u64,
    /// Operations that wait for their turn, in the order of arrival (rule P2).
    waiting: Vec<(Session, ThreadId)>,
    /// Who is closing which session (rule C4).
    closing: Vec<(Session, ThreadId)>,
}

#[derive(Clone, Debug)]
enum Place {
    Vacant { next: u32 },
    Taken(Entry),
}

const VACANT_END: u32 = u32::MAX;

/// A session that is open, or closing.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In the spelling of its key (rule O6).
    image: Box<[u8]>,
    image_hash: u32,
    handle: Session,
    /// 0 while closing.
    pub(crate) references: u32,
    /// Whose operation is being performed.
    pub(crate) running: Option<ThreadId>,
    /// Whether an operation asked for a reboot (rule C6).
    pub(crate) reboot: bool,
}

impl Entry {
    pub(crate) fn handle(&self) -> Session {
        self.handle
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.references == 0
    }
}

/// Where in the slab a session lies; good until the session is removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(u32);

impl Sessions {
    pub(crate) const fn new() -> Self {
        Self {
            slab: Vec::new(),
            vacant: VACANT_END,
            open: 0,
            by_handle: Index::new(),
            by_image: Index::new(),
            key: ImageKey::new(),
            next: FIRST as u64,
            waiting: Vec::new(),
            closing: Vec::new(),
        }
    }

    /// How many are open, closing ones included.
    pub(crate) fn count(&self) -> usize {
        self.open
    }

    pub(crate) fn find(&self, session: Session) -> Option<Slot> {
        let is_it = |slot| self.entry(Slot(slot)).handle == session;
        self.by_handle.find(hash_of(session), is_it).map(Slot)
    }

    pub(crate) fn entry(&self, slot: Slot) -> &Entry {
        match &self.slab[slot.0 as usize] {
            Place::Taken(entry) => entry,
            Place::Vacant { .. } => unreachable!("the indexes hold no vacant slot"),
        }
    }

    pub(crate) fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        match &mut self.slab[slot.0 as usize] {
            Place::Taken(entry) => entry,
            Place::Vacant { .. } => unreachable!("the indexes hold no vacant slot"),
        }
    }

    /// The key of a path, ready for [`find_image`](Self::find_image) and [`add`](Self::add).
    pub(crate) fn set_key(&mut self, path: &[u8]) -> &ImageKey {
        self.key.set(path);
        &self.key
    }

    /// The open session of the image whose key was set.
    pub(crate) fn find_image(&self) -> Option<Slot> {
        let is_it = |slot| *self.entry(Slot(slot)).image == *self.key.bytes();
        self.by_image.find(self.key.hash(), is_it).map(Slot)
    }

    /// Opens a session on the image whose key was set and that no session has open; `None` if no
    /// handle up to `last` is left.
    pub(crate) fn add(&mut self, last: u32) -> Option<Session> {
        if self.next > u64::from(last) {
            return None;
        }
        let handle = Session::from_raw(self.next as u32);
        self.next += 1;
        let entry = Place::Taken(Entry {
            image: self.key.bytes().into(),
            image_hash: self.key.hash(),
            handle,
            references: 1,
            running: None,
            reboot: false,
        });
        let slot = self.vacant;
        let slot = match self.slab.get_mut(slot as usize) {
            Some(place) => {
                let Place::Vacant { next } = *place else {
                    unreachable!("a list of vacant places")
                };
                self.vacant = next;
                *place = entry;
                slot
            }
            None => {
                self.slab.push(entry);
                (self.slab.len() - 1) as u32
            }
        };
        self.open += 1;
        self.by_handle.insert(hash_of(handle), slot);
        self.by_image.insert(self.key.hash(), slot);
        Some(handle)
    }

    /// The last reference is given back: no operation is accepted any more, and the image counts
    /// as not open.
    pub(crate) fn start_closing(&mut self, slot: Slot, thread: ThreadId) {
        let entry = self.entry_mut(slot);
        entry.references = 0;
        let (handle, image_hash) = (entry.handle, entry.image_hash);
        self.by_image.remove(image_hash, slot.0);
        self.closing.push((handle, thread));
    }

    /// Whether this thread is the one that closes the session.
    pub(crate) fn is_closer(&self, session: Session, thread: ThreadId) -> bool {
        self.closing.contains(&(session, thread))
    }

    /// A closing session is gone.
    pub(crate) fn remove(&mut self, slot: Slot) {
        let handle = self.entry(slot).handle;
        self.closing.retain(|(closing, _)| *closing != handle);
        self.by_handle.remove(hash_of(handle), slot.0);
        self.slab[slot.0 as usize] = Place::Vacant { next: self.vacant };
        self.vacant = slot.0;
        self.open -= 1;
    }

    /// Performs the thread's operation now, or puts it behind those that arrived before; `true`
    /// for now.
    pub(crate) fn enqueue(&mut self, slot: Slot, thread: ThreadId) -> bool {
        let entry = self.entry_mut(slot);
        if entry.running.is_none() {
            entry.running = Some(thread);
            return true;
        }
        let handle = entry.handle;
        self.waiting.push((handle, thread));
        false
    }

    /// The operation that is being performed is over; the next in line is performed.
    pub(crate) fn dequeue(&mut self, slot: Slot) {
        let handle = self.entry(slot).handle;
        let next = self.waiting.iter().position(|(session, _)| *session == handle);
        let next = next.map(|at| self.waiting.remove(at).1);
        self.entry_mut(slot).running = next;
    }

    /// Whether the thread performs an operation on the session, or waits to.
    pub(crate) fn is_busy(&self, slot: Slot, thread: ThreadId) -> bool {
        let entry = self.entry(slot);
        entry.running == Some(thread) || self.waiting.contains(&(entry.handle, thread))
    }

    /// Whether anybody waits: for a turn, or for a session to drain.
    pub(crate) fn anyone_waits(&self) -> bool {
        !self.waiting.is_empty() || !self.closing.is_empty()
    }
}

/// Eight handles in a row lie in a row, so that those given out last are in the cache; the rows
/// are scattered, so that no pattern of survivors piles up.
fn hash_of(session: Session) -> u32 {
    let row = (session.raw() >> 3).wrapping_mul(0x9E37_79B9);
    (row.rotate_right(16) << 3) | (session.raw() & 7)
}
