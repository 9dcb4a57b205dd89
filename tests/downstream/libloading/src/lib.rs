//! A small tool that counts the packages of the running system, by functions of DismApi.dll that it
//! looks up when it runs.
//!
//! It is here as an example of a program that is tested against `dism-emu` as it is. It keeps what
//! it looked up in a structure of function pointers. There are two ways to fill that with the
//! emulator: from the shared library (`tests/shared.rs`), and with the crate's own functions, which
//! needs no library (`tests/functions.rs`).

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{null, null_mut};

use libloading::{Error, Library};

/// `HRESULT`: a failure is negative.
pub type Hresult = i32;

/// `DISM_ONLINE_IMAGE`.
pub const ONLINE_IMAGE: &str = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}";

/// The functions that the tool needs.
#[derive(Debug)]
#[allow(missing_docs, reason = "described by Microsoft")]
pub struct DismApi {
    pub initialize: unsafe extern "system" fn(i32, *const u16, *const u16) -> Hresult,
    pub shutdown: unsafe extern "system" fn() -> Hresult,
    pub open_session:
        unsafe extern "system" fn(*const u16, *const u16, *const u16, *mut u32) -> Hresult,
    pub close_session: unsafe extern "system" fn(u32) -> Hresult,
    /// The list is an array of `DismPackage`, which this tool does not look into.
    pub get_packages: unsafe extern "system" fn(u32, *mut *mut c_void, *mut u32) -> Hresult,
    pub delete: unsafe extern "system" fn(*mut c_void) -> Hresult,
    /// The library that the functions are from, if it has to stay loaded.
    pub library: Option<Library>,
}

impl DismApi {
    /// Loads the library and looks the functions up.
    ///
    /// # Errors
    ///
    /// If there is no such library, or it lacks one of the functions.
    ///
    /// # Safety
    ///
    /// The library is DismApi.dll, or exports functions of the same types under its names.
    pub unsafe fn load(library: impl AsRef<Path>) -> Result<Self, Error> {
        // SAFETY: guaranteed by the caller, for the library and for the types. The library is kept
        // beside the pointers. A call through a copy of a pointer is unsafe, so code that makes
        // such a call has to keep the library.
        unsafe {
            let library = Library::new(library.as_ref())?;
            Ok(Self {
                initialize: *library.get(b"DismInitialize\0")?,
                shutdown: *library.get(b"DismShutdown\0")?,
                open_session: *library.get(b"DismOpenSession\0")?,
                close_session: *library.get(b"DismCloseSession\0")?,
                get_packages: *library.get(b"DismGetPackages\0")?,
                delete: *library.get(b"DismDelete\0")?,
                library: Some(library),
            })
        }
    }

    /// Returns how many packages the running system has.
    ///
    /// # Errors
    ///
    /// The code of the first call that failed. What was open is closed in any case.
    pub fn count_packages(&self) -> Result<u32, Hresult> {
        let image: Vec<u16> = ONLINE_IMAGE.encode_utf16().chain([0]).collect();
        let (mut session, mut packages, mut count) = (0, null_mut(), 0);
        // SAFETY: every NULL is allowed, the text has its 0, and variables take what is handed out.
        unsafe {
            check((self.initialize)(1, null(), null()))?;
            let opened = check((self.open_session)(image.as_ptr(), null(), null(), &mut session));
            let counted = opened.and_then(|()| {
                let counted = check((self.get_packages)(session, &mut packages, &mut count))
                    .and_then(|()| check((self.delete)(packages)));
                check((self.close_session)(session)).and(counted)
            });
            check((self.shutdown)()).and(counted)?;
        }
        Ok(count)
    }
}

fn check(code: Hresult) -> Result<(), Hresult> {
    if code < 0 { Err(code) } else { Ok(()) }
}
