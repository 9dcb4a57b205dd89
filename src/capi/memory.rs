//! Memory that callers get, and memory of theirs that is written to.

use std::ffi::c_void;
use std::ptr::{self, NonNull};

use super::types::PCWSTR;

/// One allocation that a caller gives back as a whole (rule D1): packed structures, followed by the
/// texts that they point to.
#[derive(Debug)]
pub(super) struct Block(NonNull<[u16]>);

// SAFETY: a block owns its memory, like the box that it is made from. Only the caller that it was
// handed to reads or writes through it.
unsafe impl Send for Block {}

impl Block {
    /// Creates a block with one structure for each row of texts. `make` makes it from the row's
    /// number and the addresses of its texts.
    pub(super) fn of<T: Copy, const TEXTS: usize>(
        rows: &[[&[u16]; TEXTS]],
        mut make: impl FnMut(usize, [PCWSTR; TEXTS]) -> T,
    ) -> Self {
        let head = (size_of::<T>() * rows.len()).div_ceil(size_of::<u16>());
        let mut units = vec![0_u16; head];
        let mut offsets = Vec::with_capacity(rows.len());
        for row in rows {
            offsets.push(row.map(|text| {
                let offset = units.len();
                units.extend_from_slice(text);
                units.push(0);
                offset
            }));
        }
        let units = NonNull::from(Box::leak(units.into_boxed_slice()));
        let base: *mut u16 = units.as_ptr().cast();
        for (at, row) in offsets.into_iter().enumerate() {
            // SAFETY: each offset lies inside the allocation.
            let structure = make(at, row.map(|offset| unsafe { base.add(offset) }.cast_const()));
            // SAFETY: the head has room for all structures, which need no alignment.
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
/// `pointer` points to writable memory of that size.
pub(super) unsafe fn write<T>(pointer: *mut T, value: T) {
    // SAFETY: guaranteed by the caller. Packed structures can be at any address.
    unsafe { ptr::write_unaligned(pointer, value) };
}

/// Writes an empty list.
///
/// # Safety
///
/// `list` and `count` are writable.
pub(super) unsafe fn write_empty<T>(list: *mut *mut T, count: *mut u32) {
    // SAFETY: guaranteed by the caller.
    unsafe {
        write(list, ptr::null_mut());
        write(count, 0);
    }
}
