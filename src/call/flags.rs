//! The flags of the functions that mount, unmount and commit (rule N5).

use std::fmt;

bitflags::bitflags! {
    /// The flags of `DismMountImage`. Only [`READ_ONLY`](Self::READ_ONLY) has an effect here.
    ///
    /// A mount with any other bit fails (rule N5). To pass one, create the flags with
    /// [`from_bits_retain`](Self::from_bits_retain).
    ///
    /// ```
    /// use dism_emu::{MountFlags, MountImage, MountMode};
    ///
    /// let mount = MountImage::new(r"C:\mount", r"D:\install.wim")
    ///     .flags(MountFlags::READ_ONLY | MountFlags::CHECK_INTEGRITY);
    /// assert_eq!(mount.mode(), MountMode::ReadOnly);
    /// assert_eq!(mount.mount_flags().bits(), 5);
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize))]
    pub struct MountFlags: u32 {
        /// `DISM_MOUNT_READONLY`: mounts the image for reading only.
        const READ_ONLY = 1;
        /// `DISM_MOUNT_OPTIMIZE`.
        const OPTIMIZE = 2;
        /// `DISM_MOUNT_CHECK_INTEGRITY`.
        const CHECK_INTEGRITY = 4;
        /// `DISM_MOUNT_SUPPORT_EA`, which newer headers have.
        const SUPPORT_EXTENDED_ATTRIBUTES = 8;
    }
}

bitflags::bitflags! {
    /// The flags of `DismUnmountImage` and `DismCommitImage`. They commit the changes of an image,
    /// or discard them if [`DISCARD`](Self::DISCARD) is set. The other flags have no effect here.
    ///
    /// A call with any other bit fails, and so does one with the whole `DISM_COMMIT_MASK` (rule N5).
    /// To pass one, create the flags with [`from_bits_retain`](Self::from_bits_retain).
    ///
    /// ```
    /// use dism_emu::{CommitFlags, Emulator, Hresult, MountImage};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.mount_image(MountImage::new(r"C:\mount", r"D:\install.wim"))?;
    /// let mask = CommitFlags::from_bits_retain(0xFFFF_0000);
    /// let refused = dism.unmount_image(r"C:\mount", mask).unwrap_err();
    /// assert_eq!(refused.code(), Hresult::E_INVALIDARG);
    /// dism.unmount_image(r"C:\mount", CommitFlags::DISCARD)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[cfg_attr(feature = "serde", derive(serde::Serialize))]
    pub struct CommitFlags: u32 {
        /// `DISM_DISCARD_IMAGE`: discards the changes, whatever else is set (rule N6).
        const DISCARD = 1;
        /// `DISM_COMMIT_GENERATE_INTEGRITY`.
        const GENERATE_INTEGRITY = 0x1_0000;
        /// `DISM_COMMIT_APPEND`.
        const APPEND = 0x2_0000;
        /// `DISM_COMMIT_SUPPORT_EA`, which newer headers have.
        const SUPPORT_EXTENDED_ATTRIBUTES = 0x4_0000;
    }
}

impl CommitFlags {
    /// `DISM_COMMIT_IMAGE`: no flag. The changes are committed.
    pub const COMMIT: Self = Self::empty();

    /// Returns whether the changes are discarded.
    #[must_use]
    pub const fn discards(self) -> bool {
        self.contains(Self::DISCARD)
    }
}

/// Writes `READ_ONLY | OPTIMIZE`, unknown bits as a number, and nothing if none is set.
impl fmt::Display for MountFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// Writes `COMMIT`, or `DISCARD | APPEND`, and unknown bits as a number.
impl fmt::Display for CommitFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("COMMIT");
        }
        bitflags::parser::to_writer(self, f)
    }
}
