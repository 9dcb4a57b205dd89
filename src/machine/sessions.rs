//! The sessions of one initialized period, and who performs or awaits what on them.

use super::index::Index;
use crate::call::image::ImageKey;
use crate::call::{Session, ThreadId};

/// Handle 1 belongs to the DLL itself (rule O2).
const FIRST: u32 = 2;

/// The table of sessions.
///
/// Entries lie in a slab and are found by handle and by image, through an index each. Those who
/// wait are few; they stand in a short list beside it and cost a session at rest nothing.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    slab: Vec<Place>,
    /// The first vacant place of the slab, `VACANT_END` if none.
    vacant: u32,
    by_handle: Index,
    /// Without the closing sessions: their image can be opened anew (rule C9).
    by_image: Index,
    /// The next handle to give out; beyond `u32` once the last one was.
    next: u64,
    /// Who waits for which session, in the order of arrival (rule P2). A closer waits like an
    /// operation; since none arrives after it, it is the last of its session (rule C4).
    waits: Vec<(Session, ThreadId)>,
}

#[derive(Clone, Debug)]
enum Place {
    Vacant { next: u32 },
    Taken(Entry),
}

/// No place has this number: there are at most `u32::MAX - 1` handles.
const VACANT_END: u32 = u32::MAX;

/// A session that is open, or closing.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    image: ShortPath,
    image_hash: u32,
    handle: Session,
    /// 0 while closing.
    pub(crate) references: u32,
    /// Whether it is anybody's turn, and whose: who performs an operation, or closes what has
    /// drained. Two fields, since an `Option` would be eight bytes longer.
    is_held: bool,
    holder: ThreadId,
    /// Whether anybody may wait behind the holder; without, nobody has to be looked for among all
    /// that wait.
    has_queue: bool,
    /// Whether an operation asked for a reboot (rule C6).
    pub(crate) reboot: bool,
}

/// Bytes of a path that lie in the entry itself: most paths need no allocation of their own.
const INLINE: usize = 30;

#[derive(Clone, Debug)]
enum ShortPath {
    Inline { length: u8, bytes: [u8; INLINE] },
    Long(Box<[u8]>),
}

impl ShortPath {
    #[inline]
    fn new(path: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..path.len()) {
            Some(head) => {
                head.copy_from_slice(path);
                Self::Inline { length: path.len() as u8, bytes }
            }
            None => Self::Long(path.into()),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Self::Long(path) => path,
        }
    }
}

impl Entry {
    fn take_turn(&mut self, thread: ThreadId, waits: &mut Vec<(Session, ThreadId)>) -> bool {
        if self.is_held {
            waits.push((self.handle, thread));
            self.has_queue = true;
            return false;
        }
        self.is_held = true;
        self.holder = thread;
        true
    }

    pub(crate) fn handle(&self) -> Session {
        self.handle
    }

    /// The path as it was first spelt, without trailing separators.
    #[inline]
    pub(crate) fn image(&self) -> &[u8] {
        self.image.bytes()
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.references == 0
    }

    /// Whether it is this thread's turn.
    pub(crate) fn is_held_by(&self, thread: ThreadId) -> bool {
        self.is_held && self.holder == thread
    }
}

/// Where in the slab a session lies; good until the session is removed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(u32);

impl Sessions {
    pub(crate) fn new() -> Self {
        Self {
            slab: Vec::new(),
            vacant: VACANT_END,
            by_handle: Index::new(),
            by_image: Index::new(),
            next: FIRST as u64,
            waits: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn set_next(&mut self, next: u64) {
        self.next = next;
    }

    /// How many are open, closing ones included.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.by_handle.len()
    }

    #[inline]
    pub(crate) fn find(&self, session: Session) -> Option<Slot> {
        let is_it = |slot| self.entry(Slot(slot)).handle == session;
        self.by_handle.find(hash_of(session), is_it).map(Slot)
    }

    #[inline]
    pub(crate) fn entry(&self, slot: Slot) -> &Entry {
        match &self.slab[slot.0 as usize] {
            Place::Taken(entry) => entry,
            Place::Vacant { .. } => unreachable!("the indexes hold no vacant slot"),
        }
    }

    #[inline]
    pub(crate) fn entry_mut(&mut self, slot: Slot) -> &mut Entry {
        taken(&mut self.slab, slot)
    }

    /// The open session of an image.
    #[inline]
    pub(crate) fn find_image(&self, image: ImageKey<'_>) -> Option<Slot> {
        let is_it = |slot| image.names(self.entry(Slot(slot)).image.bytes());
        self.by_image.find(image.hash(), is_it).map(Slot)
    }

    /// Whether a session is on the image, one that is closing included. Closing ones are in no
    /// index of images, so all are looked at; few calls ask.
    pub(crate) fn is_on(&self, image: ImageKey<'_>) -> bool {
        self.slab.iter().any(|place| match place {
            Place::Taken(entry) => image.names(entry.image()),
            Place::Vacant { .. } => false,
        })
    }

    /// Whether a handle up to `last` is left.
    #[inline]
    pub(crate) fn has_next(&self, last: u32) -> bool {
        self.next <= u64::from(last)
    }

    /// Opens a session on an image that no session has open; the caller has made sure that there
    /// [is a handle](Self::has_next) for it.
    #[inline]
    pub(crate) fn add(&mut self, image: ImageKey<'_>) -> Session {
        let handle = Session::from_raw(self.next as u32);
        self.next += 1;
        let entry = Place::Taken(Entry {
            image: ShortPath::new(image.path()),
            image_hash: image.hash(),
            handle,
            references: 1,
            is_held: false,
            holder: ThreadId::new(0),
            has_queue: false,
            reboot: false,
        });
        let slot = match self.slab.get_mut(self.vacant as usize) {
            Some(place) => {
                let Place::Vacant { next } = *place else {
                    unreachable!("a list of vacant places")
                };
                *place = entry;
                std::mem::replace(&mut self.vacant, next)
            }
            None => {
                self.slab.push(entry);
                (self.slab.len() - 1) as u32
            }
        };
        self.by_handle.insert(hash_of(handle), slot);
        self.by_image.insert(image.hash(), slot);
        handle
    }

    /// The last reference is given back: no operation is accepted any more, and the image counts
    /// as not open. Whose close it was gets its turn as for an operation.
    #[inline]
    pub(crate) fn start_closing(&mut self, slot: Slot, thread: ThreadId) -> bool {
        let entry = taken(&mut self.slab, slot);
        entry.references = 0;
        self.by_image.remove(entry.image_hash, slot.0);
        entry.take_turn(thread, &mut self.waits)
    }

    /// A closing session is gone.
    #[inline]
    pub(crate) fn remove(&mut self, slot: Slot) {
        let handle = self.entry(slot).handle;
        self.by_handle.remove(hash_of(handle), slot.0);
        self.slab[slot.0 as usize] = Place::Vacant { next: self.vacant };
        self.vacant = slot.0;
    }

    /// Gives the thread its turn now, or puts it behind those that arrived before; `true` for now.
    #[inline]
    pub(crate) fn take_turn(&mut self, slot: Slot, thread: ThreadId) -> bool {
        taken(&mut self.slab, slot).take_turn(thread, &mut self.waits)
    }

    /// Passes the turn on to the next in line.
    #[inline]
    pub(crate) fn pass_turn(&mut self, slot: Slot) {
        let next = self.first_wait(slot).map(|at| self.waits.remove(at).1);
        let entry = taken(&mut self.slab, slot);
        match next {
            Some(next) => entry.holder = next,
            None => {
                entry.is_held = false;
                entry.has_queue = false;
            }
        }
    }

    /// Whether the thread has its turn on the session, or waits for it.
    #[inline]
    pub(crate) fn is_busy(&self, slot: Slot, thread: ThreadId) -> bool {
        let entry = self.entry(slot);
        entry.is_held_by(thread) || entry.has_queue && self.waits.contains(&(entry.handle, thread))
    }

    /// Whether it is the closer's turn: nobody stands behind a closer.
    #[inline]
    pub(crate) fn is_drained(&self, slot: Slot) -> bool {
        self.entry(slot).is_closing() && self.first_wait(slot).is_none()
    }

    #[inline]
    fn first_wait(&self, slot: Slot) -> Option<usize> {
        let Entry { handle, has_queue: true, .. } = *self.entry(slot) else { return None };
        self.waits.iter().position(|(session, _)| *session == handle)
    }

    /// How many wait, for a turn or for a session to drain.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waits.len()
    }
}

#[inline]
fn taken(slab: &mut [Place], slot: Slot) -> &mut Entry {
    match &mut slab[slot.0 as usize] {
        Place::Taken(entry) => entry,
        Place::Vacant { .. } => unreachable!("the indexes hold no vacant slot"),
    }
}

/// Eight handles in a row lie in a row, so that those given out last are in the cache; the rows
/// are scattered, so that no pattern of survivors piles up.
#[inline]
fn hash_of(session: Session) -> u32 {
    let row = (session.raw() >> 3).wrapping_mul(0x9E37_79B9);
    (row.rotate_right(16) << 3) | (session.raw() & 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C2: a number is not an open session because it hashes like one.
    #[test]
    fn a_hash_is_not_a_handle() {
        let (open, twin) = (Session::from_raw(16), Session::from_raw(1_364_394_000));
        assert_eq!(hash_of(open), hash_of(twin));
        let mut sessions = Sessions::new();
        sessions.set_next(16);
        assert_eq!(sessions.add(ImageKey::new(b"image")), open);
        assert!(sessions.find(open).is_some());
        assert!(sessions.find(twin).is_none());
    }

    /// O6: nor is an image open because its path hashes like one that is.
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
