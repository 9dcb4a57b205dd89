//! What the probe says about the machine: build, version of the library, elevation.

use std::path::{Path, PathBuf};

/// Returns the path of the machine's own `DismApi.dll`, if it is a machine that has one.
#[must_use]
pub fn dll() -> Option<PathBuf> {
    Some(system_folder()?.join("DismApi.dll"))
}

/// Returns the head line of the results.
#[must_use]
pub fn head(dll: &Path) -> String {
    let unknown = || "unknown".to_owned();
    // The system's version as such depends on a program's manifest; that of its files does not.
    let build = system_folder().and_then(|folder| version(&folder.join("ntdll.dll")));
    let elevated = match is_elevated() {
        Some(true) => "yes",
        Some(false) => "no",
        None => "unknown",
    };
    format!(
        "build={} dll={} arch={} elevated={elevated}",
        build.unwrap_or_else(unknown),
        version(dll).unwrap_or_else(unknown),
        std::env::consts::ARCH,
    )
}

fn system_folder() -> Option<PathBuf> {
    let root = std::env::var_os("SystemRoot").filter(|_| cfg!(windows))?;
    Some(Path::new(&root).join("System32"))
}

/// Returns the version of a file, such as `10.0.26100.5074`.
#[cfg(windows)]
fn version(file: &Path) -> Option<String> {
    use std::os::windows::ffi::OsStrExt;
    use std::ptr::null_mut;

    use windows_sys::Win32::Storage::FileSystem::{
        GetFileVersionInfoSizeW, GetFileVersionInfoW, VS_FIXEDFILEINFO, VerQueryValueW,
    };

    let path: Vec<u16> = file.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the text has its 0.
    let size = unsafe { GetFileVersionInfoSizeW(path.as_ptr(), null_mut()) };
    let mut block = vec![0_u8; size as usize];
    let (mut found, mut length) = (null_mut(), 0);
    let root = [u16::from(b'\\'), 0];
    // SAFETY: the block has the size that is passed, each text has its 0, and what is found is a
    // part of the block.
    let fixed = unsafe {
        let is_read = GetFileVersionInfoW(path.as_ptr(), 0, size, block.as_mut_ptr().cast()) != 0;
        let is_found = is_read
            && VerQueryValueW(block.as_ptr().cast(), root.as_ptr(), &mut found, &mut length) != 0;
        if !is_found || (length as usize) < size_of::<VS_FIXEDFILEINFO>() {
            return None;
        }
        found.cast::<VS_FIXEDFILEINFO>().read_unaligned()
    };
    let [high, low] = [fixed.dwFileVersionMS, fixed.dwFileVersionLS];
    Some(format!("{}.{}.{}.{}", high >> 16, high & 0xFFFF, low >> 16, low & 0xFFFF))
}

#[cfg(not(windows))]
fn version(_: &Path) -> Option<String> {
    None
}

/// Returns whether this process is elevated.
#[cfg(windows)]
fn is_elevated() -> Option<bool> {
    use std::ptr::null_mut;

    use windows_sys::Win32::Security::{
        GetTokenInformation, TOKEN_ELEVATION, TOKEN_QUERY, TokenElevation,
    };
    use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

    let mut token = null_mut();
    let mut elevation = TOKEN_ELEVATION { TokenIsElevated: 0 };
    let size = size_of::<TOKEN_ELEVATION>() as u32;
    let mut written = 0;
    // SAFETY: all that is written is a variable of the size that is passed. The token is closed when
    // the process ends.
    let is_known = unsafe {
        OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &mut token) != 0
            && GetTokenInformation(
                token,
                TokenElevation,
                (&raw mut elevation).cast(),
                size,
                &mut written,
            ) != 0
    };
    is_known.then_some(elevation.TokenIsElevated != 0)
}

#[cfg(not(windows))]
fn is_elevated() -> Option<bool> {
    None
}

/// Lets this process crash without a window that waits for the user.
#[cfg(windows)]
pub fn crash_silently() {
    use windows_sys::Win32::System::Diagnostics::Debug::{
        SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SetErrorMode,
    };
    // SAFETY: it changes a mode of the process, and nothing else.
    unsafe { SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX) };
}

/// There are no such windows here.
#[cfg(not(windows))]
pub fn crash_silently() {}
