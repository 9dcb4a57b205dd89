//! The images that scenarios open, by name, and their paths on this machine.

use std::path::{Path, PathBuf};
use std::{env, io};

use dism_emu::DISM_ONLINE_IMAGE;

/// How a scenario calls an image, such as `online` or `image-1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// `null`: no path.
    Null,
    /// `empty`: the empty path.
    Empty,
    /// `online`: `DISM_ONLINE_IMAGE`.
    Online,
    /// `online-with-windows`: the same, with a Windows directory beside it.
    OnlineWithWindows,
    /// `online-in-lower-case`: the same, in other letters.
    OnlineInLowerCase,
    /// `online-with-wrong-guid`: the same, with a mistake in its last digit.
    OnlineWithWrongGuid,
    /// `system-drive`: the root of the drive that has the online image.
    SystemDrive,
    /// `missing-1`: a path at which there is nothing.
    Missing(usize),
    /// `image-1`: a folder of the user, with an offline image.
    Offline(usize, Spelling),
}

/// Another path of the same folder, such as `image-1-junction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the name says it")]
pub enum Spelling {
    AsGiven,
    Separator,
    Slashes,
    UpperCase,
    Relative,
    Junction,
    Short,
}

impl Image {
    /// Reads the name of an image.
    #[must_use]
    pub fn read(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "empty" => Self::Empty,
            "online" => Self::Online,
            "online-with-windows" => Self::OnlineWithWindows,
            "online-in-lower-case" => Self::OnlineInLowerCase,
            "online-with-wrong-guid" => Self::OnlineWithWrongGuid,
            "system-drive" => Self::SystemDrive,
            "missing-1" => Self::Missing(1),
            "missing-2" => Self::Missing(2),
            "image-1" => Self::Offline(1, Spelling::AsGiven),
            "image-2" => Self::Offline(2, Spelling::AsGiven),
            "image-1-separator" => Self::Offline(1, Spelling::Separator),
            "image-1-slashes" => Self::Offline(1, Spelling::Slashes),
            "image-1-upper-case" => Self::Offline(1, Spelling::UpperCase),
            "image-1-relative" => Self::Offline(1, Spelling::Relative),
            "image-1-junction" => Self::Offline(1, Spelling::Junction),
            "image-1-short" => Self::Offline(1, Spelling::Short),
            _ => return None,
        })
    }
}

/// The paths of the images.
#[derive(Debug)]
pub struct Images {
    offline: Vec<PathBuf>,
    /// To the first one.
    junction: PathBuf,
    /// Of the first one.
    short: String,
}

impl Images {
    /// Takes the absolute paths of the user's folders, and that of a junction to the first one. The
    /// first one's parent becomes the working directory of this process.
    ///
    /// # Errors
    ///
    /// If the first one is a root.
    pub fn of_user(offline: Vec<PathBuf>, junction: PathBuf) -> io::Result<Self> {
        let mut short = String::new();
        if let Some(first) = offline.first() {
            let parent = first.parent().ok_or_else(|| io::Error::other("an image is a root"))?;
            env::set_current_dir(parent)?;
            short = short_path(&first.display().to_string());
        }
        Ok(Self { offline, junction, short })
    }

    /// Returns paths for the emulator, which has no file system.
    #[must_use]
    pub fn emulated() -> Self {
        let offline = vec![r"C:\images\one".into(), r"C:\images\two".into()];
        Self { offline, junction: r"C:\junction".into(), short: r"C:\images\ONE~1".into() }
    }

    /// Returns the path of an image; `None` is a null pointer.
    ///
    /// # Panics
    ///
    /// If it is an image that the user has not brought.
    #[must_use]
    pub fn path(&self, image: Image) -> Option<String> {
        Some(match image {
            Image::Null => return None,
            Image::Empty => String::new(),
            Image::Online | Image::OnlineWithWindows => DISM_ONLINE_IMAGE.to_owned(),
            Image::OnlineInLowerCase => DISM_ONLINE_IMAGE.to_lowercase(),
            Image::OnlineWithWrongGuid => DISM_ONLINE_IMAGE.replace("45}", "46}"),
            Image::SystemDrive => {
                env::var("SystemDrive").unwrap_or_else(|_| "C:".to_owned()) + "\\"
            }
            Image::Missing(number) => missing(&format!("image-{number}")),
            Image::Offline(number, spelling) => self.spelled(&self.offline[number - 1], spelling),
        })
    }

    fn spelled(&self, folder: &Path, spelling: Spelling) -> String {
        let text = folder.display().to_string();
        match spelling {
            Spelling::AsGiven => text,
            Spelling::Separator => text + std::path::MAIN_SEPARATOR_STR,
            Spelling::Slashes => text.replace('\\', "/"),
            Spelling::UpperCase => text.to_uppercase(),
            Spelling::Relative => text.rsplit(['/', '\\']).next().unwrap_or_default().to_owned(),
            Spelling::Junction => self.junction.display().to_string(),
            Spelling::Short => self.short.clone(),
        }
    }
}

/// Returns a path at which there is nothing, and whose parent is missing, too.
#[must_use]
pub fn missing(name: &str) -> String {
    env::temp_dir().join("dism-emu-probe-missing").join(name).display().to_string()
}

/// Creates a junction to a folder.
///
/// # Errors
///
/// If that is not possible.
#[cfg(windows)]
pub fn link(folder: &Path, junction: &Path) -> io::Result<()> {
    let mut shell = std::process::Command::new("cmd");
    let made = shell.args(["/C", "mklink", "/J"]).args([junction, folder]).output()?;
    if made.status.success() { Ok(()) } else { Err(io::Error::other("no junction can be made")) }
}

/// Creates a symbolic link to a folder: there are no junctions here.
///
/// # Errors
///
/// If that is not possible.
#[cfg(not(windows))]
pub fn link(folder: &Path, junction: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(folder, junction)
}

/// Returns the path with the short names of folders, or the path itself if they have none.
#[cfg(windows)]
fn short_path(path: &str) -> String {
    use windows_sys::Win32::Storage::FileSystem::GetShortPathNameW;
    let long: Vec<u16> = path.encode_utf16().chain([0]).collect();
    let mut short = [0; 1024];
    // SAFETY: the text has its 0, and the buffer has the length that is passed.
    let length = unsafe { GetShortPathNameW(long.as_ptr(), short.as_mut_ptr(), 1024) } as usize;
    match short.get(..length) {
        Some(short) if length > 0 => String::from_utf16_lossy(short),
        _ => path.to_owned(),
    }
}

/// There are no short names here, so it is the path of no image.
#[cfg(not(windows))]
fn short_path(path: &str) -> String {
    path.to_owned() + "~1"
}
