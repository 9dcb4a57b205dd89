//! What tests begin with, and how they read what they are told.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::{Builder, Contract, Emulator, Hresult, Session, Step, replay};

use super::Lifecycle;

pub const CONTRACTS: [Contract; 2] = [Contract::Documented, Contract::Recorded];

pub const IMAGE: &str = r"C:\mount";
pub const OTHER: &str = r"D:\other";
/// A path on which no session is opened, for an image that is to be remounted or unmounted.
pub const MOUNTED: &str = r"D:\mounted";

/// What a test scripts unless the number is the claim: no call answers it by itself.
pub const BUSY: Hresult = Hresult::DISMAPI_E_BUSY;
pub const REBOOT: Hresult = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;

/// A process whose client may make mistakes, and leave everything as it is.
pub fn unverified() -> Builder {
    Emulator::builder().verify_on_drop(false)
}

pub fn initialized(builder: Builder) -> Emulator {
    let dism = builder.build();
    assert_eq!(dism.initialize(), Ok(Hresult::S_OK));
    dism
}

pub fn up(contract: Contract) -> Emulator {
    initialized(unverified().contract(contract))
}

/// Initializes the process and opens a session.
pub fn start(dism: &impl Lifecycle) -> Session {
    dism.initialize().unwrap();
    dism.open(IMAGE).unwrap()
}

/// A process with one session open.
pub fn one_session(contract: Contract) -> (Emulator, Session) {
    let dism = unverified().contract(contract).build();
    let session = start(&dism);
    (dism, session)
}

/// A client that makes no mistake, so that a verification reports what else there is.
pub fn blameless(dism: &Emulator) {
    dism.initialize().unwrap();
    dism.shutdown().unwrap();
}

/// Waits until such a step of another thread is in the journal.
#[track_caller]
pub fn wait_for(dism: &Emulator, is_it: impl Fn(&Step) -> bool) {
    let start = Instant::now();
    while !dism.journal().steps().iter().any(&is_it) {
        assert!(start.elapsed() < Duration::from_secs(10), "never happened in\n{}", dism.journal());
        thread::yield_now();
    }
}

/// The journal replays, and leads to the state that the process is in.
#[track_caller]
pub fn replays(dism: &impl Lifecycle) {
    let machine = replay(dism.config(), &dism.steps());
    let machine = machine.unwrap_or_else(|it| panic!("{it}\n{}", shown(dism)));
    assert_eq!(machine.state(), dism.state(), "{}", shown(dism));
}

/// The journal, a line a step.
pub fn shown(dism: &impl Lifecycle) -> String {
    dism.steps().iter().map(|step| format!("{step}\n")).collect()
}

/// What a verification reports, on one line however it is broken.
#[track_caller]
pub fn told(dism: &Emulator) -> String {
    let report = dism.verify().expect_err("there is something to report").to_string();
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What `test` says when it panics.
#[track_caller]
pub fn failing<T>(test: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(test)) {
        Ok(_) => panic!("it does not panic"),
        Err(panic) => said(panic),
    }
}

/// What a thread said when it panicked.
pub fn said(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or_default().to_owned(),
    }
}
