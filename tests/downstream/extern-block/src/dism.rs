//! What the tool uses of DismApi.dll, declared as in DismApi.h.

use std::ffi::c_void;

// The emulator has functions of the names below.
#[cfg(feature = "emulated")]
use dism_emu as _;

/// `HRESULT`: a failure is negative.
pub type Hresult = i32;

/// `DISM_PROGRESS_CALLBACK`.
pub type ProgressCallback =
    Option<unsafe extern "system" fn(current: u32, total: u32, user_data: *mut c_void)>;

/// `DismString`.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed)]
pub struct DismString {
    /// UTF-16, up to a 0.
    pub value: *const u16,
}

/// `DismLogErrorsWarnings`.
pub const LOG_ERRORS_WARNINGS: i32 = 1;
/// `DISM_ONLINE_IMAGE`.
pub const ONLINE_IMAGE: &str = "DISM_{53BFAE52-B167-4E2F-A258-0A37B57FF845}";

#[allow(non_snake_case, reason = "the header's names")]
#[allow(missing_docs, reason = "described by Microsoft")]
#[cfg_attr(not(feature = "emulated"), link(name = "DismApi"))]
unsafe extern "system" {
    pub fn DismInitialize(
        log_level: i32,
        log_file: *const u16,
        scratch_directory: *const u16,
    ) -> Hresult;
    pub fn DismShutdown() -> Hresult;
    pub fn DismOpenSession(
        image_path: *const u16,
        windows_directory: *const u16,
        system_drive: *const u16,
        session: *mut u32,
    ) -> Hresult;
    pub fn DismCloseSession(session: u32) -> Hresult;
    pub fn DismEnableFeature(
        session: u32,
        feature_name: *const u16,
        identifier: *const u16,
        package_identifier: i32,
        limit_access: i32,
        source_paths: *const *const u16,
        source_path_count: u32,
        enable_all: i32,
        cancel_event: *mut c_void,
        progress: ProgressCallback,
        user_data: *mut c_void,
    ) -> Hresult;
    pub fn DismGetLastErrorMessage(error_message: *mut *mut DismString) -> Hresult;
    pub fn DismDelete(dism_structure: *mut c_void) -> Hresult;
}

/// Returns the text as UTF-16 that ends in a 0.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
