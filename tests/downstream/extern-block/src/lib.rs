//! A small tool that enables features of the running system, by functions of DismApi.dll that it
//! declares itself.
//!
//! It is here as an example of a program that is tested against `dism-emu` without a seam: the
//! emulator has functions of the same names, and with the feature `emulated` they are linked
//! instead of the library (see `dism`). The tests are below and in `tests`.

pub mod dism;

use std::ffi::c_void;
use std::fmt;
use std::ptr::{null, null_mut};

use dism::Hresult;

/// What went wrong, with DISM's message if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which function failed.
    pub function: &'static str,
    /// What it returned.
    pub code: Hresult,
    /// What `DismGetLastErrorMessage` had to say.
    pub message: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed with {:#010X}: {}", self.function, self.code, self.message.trim_end())
    }
}

impl std::error::Error for Failed {}

/// Enables a feature of the running system, and returns whether a restart is needed.
///
/// # Errors
///
/// The first failure. What was open is closed in any case.
pub fn enable_feature(name: &str, mut on_progress: impl FnMut(u32, u32)) -> Result<bool, Failed> {
    let api = Api::start()?;
    let session = api.open(dism::ONLINE_IMAGE)?;
    let needs_restart = session.enable_feature(name, &mut on_progress)?;
    // A close can ask for a restart, too.
    Ok(needs_restart | session.close()?)
}

/// `ERROR_SUCCESS_REBOOT_REQUIRED`.
const REBOOT_REQUIRED: Hresult = 3010;

/// The API, from `DismInitialize` to `DismShutdown`.
struct Api(());

impl Api {
    fn start() -> Result<Self, Failed> {
        // SAFETY: NULL means the default for both paths.
        let code = unsafe { dism::DismInitialize(dism::LOG_ERRORS_WARNINGS, null(), null()) };
        check("DismInitialize", code)?;
        Ok(Self(()))
    }

    fn open(&self, image: &str) -> Result<Session<'_>, Failed> {
        let (image, mut number) = (dism::wide(image), 0);
        // SAFETY: a text with its 0, and a variable for the number.
        let code = unsafe { dism::DismOpenSession(image.as_ptr(), null(), null(), &mut number) };
        check("DismOpenSession", code)?;
        Ok(Session { number, api: self })
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // SAFETY: no arguments.
        unsafe { dism::DismShutdown() };
    }
}

/// A session, which cannot outlive the API.
struct Session<'a> {
    number: u32,
    #[allow(dead_code, reason = "only its lifetime is used")]
    api: &'a Api,
}

impl Session<'_> {
    fn enable_feature(
        &self,
        name: &str,
        on_progress: &mut dyn FnMut(u32, u32),
    ) -> Result<bool, Failed> {
        unsafe extern "system" fn forward(current: u32, total: u32, user_data: *mut c_void) {
            // SAFETY: what was passed below, and still lives there.
            let on_progress = unsafe { &mut *user_data.cast::<&mut dyn FnMut(u32, u32)>() };
            on_progress(current, total);
        }
        let (name, mut on_progress) = (dism::wide(name), on_progress);
        // SAFETY: a text with its 0, and data that lives as long as the call.
        let code = unsafe {
            dism::DismEnableFeature(
                self.number,
                name.as_ptr(),
                null(),
                0,
                0,
                null(),
                0,
                1,
                null_mut(),
                Some(forward),
                (&raw mut on_progress).cast(),
            )
        };
        check("DismEnableFeature", code)
    }

    fn close(self) -> Result<bool, Failed> {
        let number = self.number;
        // The drop would close it a second time.
        std::mem::forget(self);
        // SAFETY: any number is allowed.
        check("DismCloseSession", unsafe { dism::DismCloseSession(number) })
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        // SAFETY: any number is allowed.
        unsafe { dism::DismCloseSession(self.number) };
    }
}

/// Returns whether a restart is needed, or why the function failed.
fn check(function: &'static str, code: Hresult) -> Result<bool, Failed> {
    if code < 0 {
        return Err(Failed { function, code, message: last_error_message() });
    }
    Ok(code == REBOOT_REQUIRED)
}

fn last_error_message() -> String {
    let mut message = null_mut();
    // SAFETY: a variable for the pointer.
    if unsafe { dism::DismGetLastErrorMessage(&mut message) } != 0 || message.is_null() {
        return String::new();
    }
    // SAFETY: the function succeeded, so there is a structure, with a text that ends in 0; neither
    // is touched after `DismDelete`.
    unsafe {
        let text = (*message).value;
        let length = (0..).take_while(|&at| *text.add(at) != 0).count();
        let copied = String::from_utf16_lossy(std::slice::from_raw_parts(text, length));
        dism::DismDelete(message.cast());
        copied
    }
}

#[cfg(all(test, feature = "emulated"))]
mod tests {
    use dism_emu::capi::Process;
    use dism_emu::{Emulator, Function, Hresult, Rule};

    use super::*;

    #[test]
    fn a_failure_has_the_message_of_dism() {
        let process = Process::start(Emulator::builder());
        let unknown = Rule::on(Function::OpenSession).fail(Hresult::DISMAPI_E_NEEDS_REMOUNT);
        let _unknown = process.emulator().script(unknown);

        let api = Api::start().unwrap();
        let Err(failed) = api.open(r"C:\mount") else { panic!("the rule did not fire") };
        assert_eq!(failed.code as u32, 0xC151_0114);
        assert!(failed.message.contains("needs to be remounted"), "{failed}");
    }

    #[test]
    fn a_session_that_is_dropped_is_closed_once() {
        let process = Process::start(Emulator::builder());
        let api = Api::start().unwrap();
        drop(api.open(dism::ONLINE_IMAGE).unwrap());
        drop(api);
        process.emulator().verify().unwrap();
    }
}
