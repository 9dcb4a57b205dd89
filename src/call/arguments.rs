//! The arguments of the functions that take more than a number.

use std::ffi::OsStr;
use std::fmt;

use super::{CommitFlags, Function, ImagePath, MountFlags, Text};

/// The arguments of `DismInitialize`: the log level, the log file and the scratch directory.
///
/// They are in the journal and have no other effect. Only a program that calls the [C
/// functions](crate::docs::capi#the-log-file) gets its log file.
///
/// ```
/// use dism_emu::{Emulator, Initialize};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize_with(Initialize::new().log_level(2).log_file(r"C:\logs\tool.log"))?;
/// dism.shutdown()?;
/// let journal = emulator.journal().to_string();
/// assert!(journal.contains(r#"initialize log level 2 log file "C:\logs\tool.log""#));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Initialize {
    pub(crate) log_level: u32,
    /// Boxed, since it is rarely set, and every journal entry would have to have room for it.
    pub(crate) paths: Option<Box<InitializePaths>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct InitializePaths {
    pub(crate) log_file: Option<ImagePath>,
    pub(crate) scratch_directory: Option<ImagePath>,
}

impl Initialize {
    /// Creates the default arguments: log level 0 and no paths.
    #[must_use]
    pub const fn new() -> Self {
        Self { log_level: 0, paths: None }
    }

    #[cfg(feature = "capi")]
    pub(crate) fn with_paths(
        log_level: u32,
        log_file: Option<ImagePath>,
        scratch_directory: Option<ImagePath>,
    ) -> Self {
        let has_paths = log_file.is_some() || scratch_directory.is_some();
        let paths = has_paths.then(|| Box::new(InitializePaths { log_file, scratch_directory }));
        Self { log_level, paths }
    }

    /// Sets the log level, `DismLogLevel`: 0 logs errors, 1 also warnings, 2 everything. Any number
    /// is accepted.
    #[must_use]
    pub fn log_level(mut self, level: u32) -> Self {
        self.log_level = level;
        self
    }

    /// Sets the path of the log file.
    #[must_use]
    pub fn log_file(mut self, path: impl AsRef<OsStr>) -> Self {
        self.paths.get_or_insert_default().log_file = Some(ImagePath::new(path));
        self
    }

    /// Sets the folder for temporary files.
    #[must_use]
    pub fn scratch_directory(mut self, path: impl AsRef<OsStr>) -> Self {
        self.paths.get_or_insert_default().scratch_directory = Some(ImagePath::new(path));
        self
    }
}

/// Writes ` log level 2 log file "C:\logs\tool.log"`: what is set, each after a space.
impl fmt::Display for Initialize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.log_level > 0 {
            write!(f, " log level {}", self.log_level)?;
        }
        let Some(paths) = &self.paths else { return Ok(()) };
        if let Some(path) = &paths.log_file {
            write!(f, " log file {path}")?;
        }
        if let Some(path) = &paths.scratch_directory {
            write!(f, " scratch directory {path}")?;
        }
        Ok(())
    }
}

/// What an operation does: its [`Function`], and the name of the feature, package, capability or
/// driver that it is called for, or the flags of a commit.
///
/// [`Function::named`] and [`Function::with_flags`] create an action. A function alone is one, too,
/// so [`perform`](crate::Dism::perform) takes either. Journal and reports have the name as the
/// client wrote it, and [`Rule::named`](crate::Rule::named) matches it.
///
/// ```
/// use dism_emu::{DISM_ONLINE_IMAGE, Emulator, Function};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(DISM_ONLINE_IMAGE)?;
/// dism.perform(session, Function::EnableFeature.named("TelnetClient"))?;
/// dism.close_session(session)?;
/// dism.shutdown()?;
/// assert!(emulator.journal().to_string().contains(r#"DismEnableFeature "TelnetClient""#));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action<'a> {
    pub(crate) function: Function,
    pub(crate) name: Text<'a>,
    pub(crate) flags: CommitFlags,
}

impl Function {
    /// Returns this function with the name of the feature, package, capability or driver that it is
    /// called for. The name may be a path, as it often is for packages and drivers.
    #[must_use]
    pub fn named<'a>(self, name: &'a (impl AsRef<OsStr> + ?Sized)) -> Action<'a> {
        Action { name: Text::Os(name.as_ref()), ..self.into() }
    }

    /// Returns this function with flags. Only [`Function::CommitImage`] takes flags; all others
    /// ignore them.
    ///
    /// ```
    /// use dism_emu::{CommitFlags, Emulator, Function, MountImage};
    ///
    /// let emulator = Emulator::new();
    /// let dism = emulator.dism();
    /// dism.initialize()?;
    /// dism.mount_image(MountImage::new(r"C:\mount", r"D:\install.wim"))?;
    /// let session = dism.open_session(r"C:\mount")?;
    /// dism.perform(session, Function::CommitImage.with_flags(CommitFlags::APPEND))?;
    /// dism.close_session(session)?;
    /// dism.unmount_image(r"C:\mount", CommitFlags::DISCARD)?;
    /// dism.shutdown()?;
    /// # Ok::<(), dism_emu::Error>(())
    /// ```
    #[must_use]
    pub fn with_flags(self, flags: CommitFlags) -> Action<'static> {
        Action { flags, ..self.into() }
    }
}

/// Converts to the action without a name and without flags.
impl From<Function> for Action<'_> {
    #[inline]
    fn from(function: Function) -> Self {
        Self { function, name: Text::None, flags: CommitFlags::COMMIT }
    }
}

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
/// the flags.
///
/// ```
/// use dism_emu::{CommitFlags, Emulator, MountImage};
///
/// let emulator = Emulator::new();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// dism.mount_image(MountImage::new(r"C:\mount", r"D:\sources\install.wim").index(2).read_only())?;
/// assert_eq!(dism.mounted_images()?.len(), 1);
/// dism.unmount_image(r"C:\mount", CommitFlags::DISCARD)?;
/// dism.shutdown()?;
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct MountImage {
    pub(crate) path: ImagePath,
    pub(crate) file: ImagePath,
    pub(crate) image: ImageIdentifier,
    pub(crate) flags: MountFlags,
}

impl MountImage {
    /// Creates the arguments that mount the first image of `file` at `path`, for reading and
    /// writing.
    pub fn new(path: impl AsRef<OsStr>, file: impl AsRef<OsStr>) -> Self {
        Self {
            path: ImagePath::new(path),
            file: ImagePath::new(file),
            image: ImageIdentifier::Index(1),
            flags: MountFlags::empty(),
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

    /// Mounts the image for reading only: adds [`MountFlags::READ_ONLY`].
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.flags |= MountFlags::READ_ONLY;
        self
    }

    /// Sets all flags.
    #[must_use]
    pub fn flags(mut self, flags: MountFlags) -> Self {
        self.flags = flags;
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

    /// Returns the flags with which the image is mounted.
    #[must_use]
    pub const fn mount_flags(&self) -> MountFlags {
        self.flags
    }

    /// Returns the mode in which the image is mounted, which is one of its flags.
    #[must_use]
    pub const fn mode(&self) -> MountMode {
        if self.flags.contains(MountFlags::READ_ONLY) {
            MountMode::ReadOnly
        } else {
            MountMode::ReadWrite
        }
    }
}

/// Writes `image 2 of "D:\install.wim" at "C:\mount"`, followed by the flags if there are any.
impl fmt::Display for MountImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, file, image, flags } = self;
        write!(f, "{image} of {file} at {path}")?;
        if flags.is_empty() { Ok(()) } else { write!(f, " {flags}") }
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
    /// An identifier of neither kind, which C programs can pass. Every mount refuses it.
    Unknown(i32),
}

/// Writes `image 2`, `image "Windows 11 Pro"`, or `image with the identifier 7`.
impl fmt::Display for ImageIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index(index) => write!(f, "image {index}"),
            Self::Name(name) => write!(f, "image {name:?}"),
            Self::Unknown(identifier) => write!(f, "image with the identifier {identifier}"),
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
