//! Blocks of memory that are handed to callers, and texts that callers hand in.

use std::borrow::Cow;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::slice;

use super::types::PCWSTR;

/// The units before the terminating 0; `None` for NULL.
///
/// # Safety
///
/// `text` is NULL or points to 16-bit units of which one is 0, which nobody changes meanwhile.
pub(super) unsafe fn text<'a>(text: PCWSTR) -> Option<Cow<'a, [u16]>> {
    if text.is_null() {
        return None;
    }
    // SAFETY: the caller vouches for every unit up to the 0. Structures without padding and
    // buffers of bytes have texts at odd addresses, too.
    let unit = |at: usize| unsafe { text.add(at).read_unaligned() };
    let length = (0..).take_while(|at| unit(*at) != 0).count();
    Some(if text.is_aligned() {
        // SAFETY: so many units were just read from there.
        Cow::Borrowed(unsafe { slice::from_raw_parts(text, length) })
    } else {
        Cow::Owned((0..length).map(unit).collect())
    })
}

/// One allocation that a caller gives back as a whole (rule D1): structures without padding, and
/// behind them the texts that they point to.
#[derive(Debug)]
pub(super) struct Block(NonNull<[u16]>);

// SAFETY: a block owns its memory, as the box does that it comes from; nobody reads or writes
// through it but the caller that it was handed to.
unsafe impl Send for Block {}

impl Block {
    /// A block with `count` structures, made by `make` from the places of the texts.
    pub(super) fn of<T: Copy, const TEXTS: usize>(
        texts: &[[&[u16]; TEXTS]],
        mut make: impl FnMut(usize, [PCWSTR; TEXTS]) -> T,
    ) -> Self {
        let head = (size_of::<T>() * texts.len()).div_ceil(size_of::<u16>());
        let mut units = vec![0_u16; head];
        let mut places = Vec::with_capacity(texts.len());
        for row in texts {
            places.push(row.map(|text| {
                let at = units.len();
                units.extend_from_slice(text);
                units.push(0);
                at
            }));
        }
        let units = NonNull::from(Box::leak(units.into_boxed_slice()));
        let base: *mut u16 = units.as_ptr().cast();
        for (at, row) in places.into_iter().enumerate() {
            // SAFETY: each place lies inside the allocation.
            let structure = make(at, row.map(|place| unsafe { base.add(place) }.cast_const()));
            // SAFETY: the head has room for so many structures; they need no alignment.
            unsafe { base.cast::<T>().add(at).write_unaligned(structure) };
        }
        Self(units)
    }

    pub(super) fn address(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: it was leaked from a box of this type and length in `of`, and is dropped once.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Writes through a caller's pointer.
///
/// # Safety
///
/// `place` points to writable memory of that size.
pub(super) unsafe fn give<T>(place: *mut T, value: T) {
    // SAFETY: the caller's; structures without padding may lie anywhere.
    unsafe { ptr::write_unaligned(place, value) };
}
