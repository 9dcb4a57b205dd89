use std::cell::Cell;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use crate::{Failed, Flaw, Servicing, Step};

const S_OK: u32 = 0;
const S_FALSE: u32 = 1;
const ERROR_SUCCESS_REBOOT_REQUIRED: u32 = 3010;
const DISMAPI_E_BUSY: i32 = 0x800F_0902_u32 as i32;
/// Microsoft has never published the code for "already initialized"; this is a guess, and only
/// the tool with a flaw looks at it.
const ALREADY_INITIALIZED: i32 = 0x8007_04DF_u32 as i32;

/// What is to be deployed.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The path of the image.
    pub image: String,
    /// Packages to add, in this order.
    pub packages: Vec<String>,
    /// Features to enable, in this order.
    pub features: Vec<String>,
    /// How often a package is tried again while the image is busy.
    pub retries: u32,
    /// How long to wait before each of these.
    pub pause: Duration,
    /// A mistake to make on purpose.
    pub flaw: Flaw,
}

/// The result of a deployment that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployed {
    /// Whether the changes need a reboot.
    pub reboot_required: bool,
    /// The names of the image's features.
    pub features: Vec<String>,
}

/// Runs a deployment: initializes DISM, opens the image, adds the packages, enables the features,
/// lists what there is, closes the image and shuts DISM down.
///
/// Whatever fails, and even if the callback panics, the image is closed and DISM is shut down.
///
/// # Errors
///
/// The first step that failed; what was added before it stays added.
pub fn deploy<S: Servicing>(
    dism: &S,
    plan: &Plan,
    mut on_progress: impl FnMut(u32, u32) -> ControlFlow<()>,
) -> Result<Deployed, Failed> {
    // They are dropped in the reverse order: first the session, then the API.
    let api = Api::start(dism, plan.flaw)?;
    let mut session = api.open(&plan.image)?;
    for package in &plan.packages {
        session.add_package(package, plan, &mut on_progress)?;
    }
    for feature in &plan.features {
        session.enable_feature(feature)?;
    }
    let features = session.list_features()?;
    let reboot_required = session.close()?;
    api.shut_down()?;
    Ok(Deployed { reboot_required, features })
}

/// DISM, initialized. It is shut down when this is dropped, if not before.
struct Api<'a, S: Servicing> {
    dism: &'a S,
    flaw: Flaw,
    is_up: Cell<bool>,
}

impl<'a, S: Servicing> Api<'a, S> {
    fn start(dism: &'a S, flaw: Flaw) -> Result<Self, Failed> {
        match dism.initialize() {
            Ok(S_FALSE) if flaw == Flaw::SFalseTakenForFailure => {
                return Err(Failed { step: Step::Initialize, code: S_FALSE as i32 });
            }
            // 1 says that other code in this process has initialized DISM before. The call counts:
            // it needs its own shutdown.
            Ok(_) => {}
            Err(ALREADY_INITIALIZED) if flaw == Flaw::OverlappingPairs => {}
            Err(_) if flaw == Flaw::FailedInitializeIgnored => {}
            Err(code) => return Err(Failed { step: Step::Initialize, code }),
        }
        Ok(Self { dism, flaw, is_up: Cell::new(true) })
    }

    fn open(&self, image: &str) -> Result<Session<'_, S>, Failed> {
        let opened = self.dism.open_session(image);
        if opened.is_err() && self.flaw == Flaw::LeftAfterFailedOpen {
            self.is_up.set(false);
        }
        let handle = opened.map_err(|code| Failed { step: Step::OpenSession, code })?;
        Ok(Session { api: self, handle, is_open: true, reboot_required: false })
    }

    fn shut_down(self) -> Result<(), Failed> {
        // From here on the drop does not shut down, even if this call fails: it could do no better.
        self.is_up.set(false);
        if self.flaw == Flaw::NeverShutDown {
            return Ok(());
        }
        let shut_down = self.dism.shutdown();
        if let (Err(code), Flaw::ShutdownWithOpenSession) = (shut_down, self.flaw) {
            println!("warning: shutting DISM down failed with {code:#010X}");
            return Ok(());
        }
        shut_down.map_err(|code| Failed { step: Step::Shutdown, code })
    }
}

impl<S: Servicing> Drop for Api<'_, S> {
    fn drop(&mut self) {
        if self.is_up.get() {
            // The failure that led here is the one to report.
            let _ = self.dism.shutdown();
        }
    }
}

/// An image that is open. It is closed when this is dropped, if not before.
struct Session<'a, S: Servicing> {
    api: &'a Api<'a, S>,
    handle: u32,
    is_open: bool,
    reboot_required: bool,
}

impl<S: Servicing> Session<'_, S> {
    fn add_package(
        &mut self,
        package: &str,
        plan: &Plan,
        on_progress: &mut dyn FnMut(u32, u32) -> ControlFlow<()>,
    ) -> Result<(), Failed> {
        let (dism, handle) = (self.api.dism, self.handle);
        let mut on_progress = |current, total| {
            if self.api.flaw == Flaw::CallInsideOperation && current == 0 {
                let _ = dism.enable_feature(handle, "NetFx3");
            }
            on_progress(current, total)
        };
        let mut retries = plan.retries;
        let code = loop {
            match dism.add_package(handle, package, &mut on_progress) {
                // Another program services the image. No other failure goes away by itself.
                Err(DISMAPI_E_BUSY) if retries > 0 => {
                    retries -= 1;
                    thread::sleep(plan.pause);
                }
                Err(code) => return Err(Failed { step: Step::AddPackage, code }),
                Ok(code) => break code,
            }
        };
        self.note(code);
        Ok(())
    }

    fn enable_feature(&mut self, feature: &str) -> Result<(), Failed> {
        let enabled = self.api.dism.enable_feature(self.handle, feature);
        let code = enabled.map_err(|code| Failed { step: Step::EnableFeature, code })?;
        self.note(code);
        Ok(())
    }

    fn list_features(&self) -> Result<Vec<String>, Failed> {
        let failed = |code| Failed { step: Step::ListFeatures, code };
        let features = self.api.dism.features(self.handle).map_err(failed)?;
        // The names are the tool's own copy, so the array is deleted at once, before anything else
        // can fail.
        if self.api.flaw != Flaw::MemoryKept {
            self.api.dism.delete(features.memory).map_err(failed)?;
        }
        Ok(features.names)
    }

    /// Closes the image, and returns whether the changes need a reboot.
    fn close(mut self) -> Result<bool, Failed> {
        // Before anything can fail: a handle that was passed to a close is never passed again.
        self.is_open = self.api.flaw == Flaw::CloseTwice;
        if self.api.flaw == Flaw::ShutdownWithOpenSession {
            return Ok(self.reboot_required);
        }
        let closed = self.api.dism.close_session(self.handle);
        let code = closed.map_err(|code| Failed { step: Step::CloseSession, code })?;
        if self.api.flaw == Flaw::RebootTakenForFailure && code != S_OK {
            self.is_open = true;
            return Err(Failed { step: Step::CloseSession, code: code as i32 });
        }
        if self.api.flaw == Flaw::HandleNotOpen {
            let _ = self.api.dism.enable_feature(self.handle, "NetFx3");
        }
        self.note(code);
        Ok(self.reboot_required)
    }

    /// Notes whether a success is 3010, which asks for a reboot.
    fn note(&mut self, code: u32) {
        self.reboot_required |= code == ERROR_SUCCESS_REBOOT_REQUIRED;
    }
}

impl<S: Servicing> Drop for Session<'_, S> {
    fn drop(&mut self) {
        if self.is_open {
            // As above.
            let _ = self.api.dism.close_session(self.handle);
        }
    }
}
