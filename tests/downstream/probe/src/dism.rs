//! The functions of `DismApi.dll` that the probe calls, and no others: none of them changes an
//! image.

use std::ffi::c_void;
use std::path::Path;

use dism_emu::capi::ffi::{
    self, BOOL, DismImageHealthState, DismLogLevel, DismPackage, DismProgressCallback, DismSession,
    DismString, HANDLE, HRESULT, PCWSTR,
};
use libloading::{Error, Library};

/// Declares the list of functions once: what is looked up, and what replaces it for the emulator.
macro_rules! functions {
    ($($field:ident: $name:ident($($argument:ty),*);)+) => {
        /// The names that are looked up.
        pub const FUNCTIONS: &[&str] = &[$(stringify!($name)),+];

        /// The functions of a library, or of the emulator that is linked into the probe.
        #[derive(Debug)]
        #[allow(missing_docs, reason = "described by Microsoft")]
        pub struct DismApi {
            $(pub $field: unsafe extern "system" fn($($argument),*) -> HRESULT,)+
            /// The library that the functions are from, if it has to stay loaded.
            pub library: Option<Library>,
        }

        impl DismApi {
            /// Loads a library and looks the functions up.
            ///
            /// # Errors
            ///
            /// If there is no such library, or it lacks one of the functions.
            ///
            /// # Safety
            ///
            /// The library is `DismApi.dll`, or exports functions of the same types under its
            /// names.
            pub unsafe fn load(path: &Path) -> Result<Self, Error> {
                // SAFETY: guaranteed by the caller. The library is kept beside the pointers.
                unsafe {
                    let library = Library::new(path)?;
                    Ok(Self {
                        $($field: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)+
                        library: Some(library),
                    })
                }
            }

            /// Returns the emulator's own functions, which act on the process of the test guard.
            #[must_use]
            pub fn emulated() -> Self {
                Self { $($field: ffi::$name,)+ library: None }
            }
        }
    };
}

functions! {
    initialize: DismInitialize(DismLogLevel, PCWSTR, PCWSTR);
    shutdown: DismShutdown();
    open_session: DismOpenSession(PCWSTR, PCWSTR, PCWSTR, *mut DismSession);
    close_session: DismCloseSession(DismSession);
    get_packages: DismGetPackages(DismSession, *mut *mut DismPackage, *mut u32);
    check_image_health: DismCheckImageHealth(
        DismSession, BOOL, HANDLE, DismProgressCallback, *mut c_void, *mut DismImageHealthState
    );
    get_last_error_message: DismGetLastErrorMessage(*mut *mut DismString);
    delete: DismDelete(*mut c_void);
}
