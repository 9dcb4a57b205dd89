//! Text that a caller passes, before some code looks at it.

use std::ffi::OsStr;

use super::ImagePath;

/// A name or a path as its caller has it, or nothing. It is copied only for a journal or a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Text<'a> {
    #[default]
    None,
    Os(&'a OsStr),
    /// The 16-bit units of C.
    #[cfg(feature = "capi")]
    Wide(&'a [u16]),
}

impl<'a> Text<'a> {
    #[cfg(feature = "capi")]
    pub(crate) fn wide(units: Option<&'a [u16]>) -> Self {
        units.map_or(Self::None, Self::Wide)
    }

    pub(crate) fn to_path(self) -> Option<ImagePath> {
        match self {
            Self::None => None,
            Self::Os(text) => Some(ImagePath::new(text)),
            #[cfg(feature = "capi")]
            Self::Wide(units) => Some(ImagePath::from_wide(units)),
        }
    }
}
