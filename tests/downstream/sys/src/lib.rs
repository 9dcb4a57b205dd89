//! Declarations of two functions of DismApi.dll, as a crate from elsewhere has them. It is not the
//! user's to change, so its tests are linked with the shared library.

#![allow(missing_docs, reason = "described by Microsoft")]

#[allow(non_snake_case, reason = "the header's names")]
#[link(name = "DismApi")]
unsafe extern "system" {
    pub fn DismInitialize(
        log_level: i32,
        log_file: *const u16,
        scratch_directory: *const u16,
    ) -> i32;
    pub fn DismShutdown() -> i32;
}
