//! Texts of C, at the addresses that callers pass.

use std::borrow::Cow;
use std::slice;

use super::types::PCWSTR;
use crate::call::ImagePath;

/// Returns the units before the terminating 0.
///
/// # Safety
///
/// `text` points to 16-bit units that end in a 0, and no code changes them while the result lives.
pub(super) unsafe fn text<'a>(text: PCWSTR) -> Cow<'a, [u16]> {
    // SAFETY: the caller vouches for every unit up to the 0. Packed structures and buffers of bytes
    // can have texts at odd addresses.
    let unit = |at: usize| unsafe { text.add(at).read_unaligned() };
    let length = (0..).take_while(|at| unit(*at) != 0).count();
    if text.is_aligned() {
        // SAFETY: so many units were just read from there.
        Cow::Borrowed(unsafe { slice::from_raw_parts(text, length) })
    } else {
        Cow::Owned((0..length).map(unit).collect())
    }
}

/// Returns the units of the text; `None` for NULL.
///
/// # Safety
///
/// That of [`text()`], unless it is NULL.
pub(super) unsafe fn optional_text<'a>(units: PCWSTR) -> Option<Cow<'a, [u16]>> {
    // SAFETY: guaranteed by the caller, since it is not NULL.
    (!units.is_null()).then(|| unsafe { text(units) })
}

/// Returns the text as a path.
///
/// # Safety
///
/// That of [`text`].
pub(super) unsafe fn path(path: PCWSTR) -> ImagePath {
    // SAFETY: guaranteed by the caller.
    ImagePath::from_wide(&unsafe { text(path) })
}

/// Returns the text as a path; `None` for NULL.
///
/// # Safety
///
/// That of [`text`], unless it is NULL.
pub(super) unsafe fn optional_path(text: PCWSTR) -> Option<ImagePath> {
    // SAFETY: guaranteed by the caller, since it is not NULL.
    (!text.is_null()).then(|| unsafe { path(text) })
}
