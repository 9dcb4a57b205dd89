//! The arguments of the functions that take more than a number.

use std::ffi::OsStr;
use std::fmt;

use super::ImagePath;

/// The arguments of `DismOpenSession`: a path and, for an offline image, optionally the location of
/// Windows in it.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Hresult, OpenSession};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let offline = OpenSession::new(r"D:\").windows_directory("Windows.old");
/// dism.close_session(dism.open_session_with(offline)?)?;
///
/// // Rule O4: the online image takes neither.
/// let online = OpenSession::new(DISM_ONLINE_IMAGE).system_drive("S:");
/// assert_eq!(dism.open_session_with(online).unwrap_err().code(), Hresult::E_INVALIDARG);
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct OpenSession {
    pub(crate) path: ImagePath,
    /// Boxed, since it is rarely set, and every journal entry would have to have room for it.
    pub(crate) placement: Option<Box<Placement>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Placement {
    pub(crate) windows_directory: Option<ImagePath>,
    pub(crate) system_drive: Option<ImagePath>,
}

impl OpenSession {
    /// Creates the arguments that open the image at `path`, or the running system if `path` is
    /// [`DISM_ONLINE_IMAGE`](crate::DISM_ONLINE_IMAGE).
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self { path: ImagePath::new(path), placement: None }
    }

    /// Sets the Windows directory, relative to the path.
    #[must_use]
    pub fn windows_directory(mut self, directory: impl AsRef<OsStr>) -> Self {
        self.placement.get_or_insert_default().windows_directory = Some(ImagePath::new(directory));
        self
    }

    /// Sets the drive with the boot manager.
    #[must_use]
    pub fn system_drive(mut self, drive: impl AsRef<OsStr>) -> Self {
        self.placement.get_or_insert_default().system_drive = Some(ImagePath::new(drive));
        self
    }

    /// Returns the image's path as it was passed.
    #[must_use]
    pub fn path(&self) -> &ImagePath {
        &self.path
    }
}

/// Writes `"D:\" windows directory "Windows.old"`.
impl fmt::Display for OpenSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        let Some(placement) = &self.placement else { return Ok(()) };
        if let Some(directory) = &placement.windows_directory {
            write!(f, " windows directory {directory}")?;
        }
        if let Some(drive) = &placement.system_drive {
            write!(f, " system drive {drive}")?;
        }
        Ok(())
    }
}

/// The arguments of `DismMountImage`: the path to mount at, the image file, the image in it, and
/// the mode.
///
/// ```
/// use dism_emu::{Emulator, MountImage};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// dism.mount_image(MountImage::new(r"C:\mount", r"D:\sources\install.wim").index(2).read_only())?;
/// assert_eq!(dism.mounted_images()?.len(), 1);
/// dism.unmount_image(r"C:\mount")?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MountImage {
    pub(crate) path: ImagePath,
    pub(crate) file: ImagePath,
    pub(crate) image: ImageIdentifier,
    pub(crate) mode: MountMode,
}

impl MountImage {
    /// Creates the arguments that mount the first image of `file` at `path`, for reading and
    /// writing.
    pub fn new(path: impl AsRef<OsStr>, file: impl AsRef<OsStr>) -> Self {
        Self {
            path: ImagePath::new(path),
            file: ImagePath::new(file),
            image: ImageIdentifier::Index(1),
            mode: MountMode::ReadWrite,
        }
    }

    /// Selects another image by its number in the file, from 1.
    #[must_use]
    pub fn index(mut self, index: u32) -> Self {
        self.image = ImageIdentifier::Index(index);
        self
    }

    /// Selects another image by its name.
    #[must_use]
    pub fn name(mut self, name: impl AsRef<OsStr>) -> Self {
        self.image = ImageIdentifier::Name(ImagePath::new(name));
        self
    }

    /// Mounts the image for reading only.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.mode = MountMode::ReadOnly;
        self
    }

    /// Returns the path to mount at, as it was passed.
    #[must_use]
    pub const fn path(&self) -> &ImagePath {
        &self.path
    }

    /// Returns the file with the image.
    #[must_use]
    pub const fn file(&self) -> &ImagePath {
        &self.file
    }

    /// Returns which image of the file is mounted.
    #[must_use]
    pub const fn image(&self) -> &ImageIdentifier {
        &self.image
    }

    /// Returns the mode in which the image is mounted.
    #[must_use]
    pub const fn mode(&self) -> MountMode {
        self.mode
    }
}

/// Writes `image 2 of "D:\install.wim" at "C:\mount"`, followed by `read-only` if that is the mode.
impl fmt::Display for MountImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, file, image, mode } = self;
        write!(f, "{image} of {file} at {path}")?;
        match mode {
            MountMode::ReadWrite => Ok(()),
            MountMode::ReadOnly => f.write_str(" read-only"),
        }
    }
}

/// The identifier of an image in a file: `DismImageIdentifier`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "DismImageIdentifier")]
pub enum ImageIdentifier {
    /// The image's number, from 1.
    Index(u32),
    /// The image's name.
    Name(ImagePath),
}

/// Writes `image 2`, or `image "Windows 11 Pro"`.
impl fmt::Display for ImageIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "image {index}"),
            Self::Name(name) => write!(f, "image {name:?}"),
        }
    }
}

/// The mode in which an image is mounted: `DismMountMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[doc(alias = "DismMountMode")]
pub enum MountMode {
    /// For reading and writing.
    #[default]
    ReadWrite,
    /// For reading only.
    ReadOnly,
}
