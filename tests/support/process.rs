//! What tests begin with, and how they read reports and panics.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::sync::Once;
use std::thread;
use std::time::{Duration, Instant};

use dism_emu::machine::Step;
use dism_emu::{Builder, Contract, Dism, Emulator, Hresult, Journal, Session};

use super::{Double, Lifecycle};

pub const IMAGE: &str = r"C:\mount";
pub const OTHER: &str = r"D:\other";
/// A path on which no session is opened, for an image that is to be remounted or unmounted.
pub const MOUNTED: &str = r"D:\mounted";

/// The answer that tests script unless they check a certain number. No call returns it by itself.
pub const BUSY: Hresult = Hresult::DISMAPI_E_BUSY;
pub const REBOOT: Hresult = Hresult::ERROR_SUCCESS_REBOOT_REQUIRED;

/// Builds a process whose client may make mistakes and leave sessions open.
pub fn unverified() -> Builder {
    Emulator::builder().verify_on_drop(false)
}

pub fn initialized(builder: Builder) -> Emulator {
    let emulator = builder.build();
    assert_eq!(emulator.dism().initialize(), Ok(Hresult::S_OK));
    emulator
}

pub fn up(contract: Contract) -> Emulator {
    initialized(unverified().contract(contract))
}

/// Initializes the process and opens a session.
pub fn start(dism: &impl Lifecycle) -> Session {
    dism.initialize().unwrap();
    dism.open(IMAGE).unwrap()
}

/// Starts a process with one session open.
pub fn one_session(contract: Contract) -> (Emulator, Dism, Session) {
    let emulator = unverified().contract(contract).build();
    let dism = emulator.dism();
    let session = start(&dism);
    (emulator, dism, session)
}

/// Acts as a client that makes no mistake, so that a verification reports everything else.
pub fn blameless(dism: &Dism) {
    dism.initialize().unwrap();
    dism.shutdown().unwrap();
}

/// Waits until another thread has taken a step that matches.
#[track_caller]
pub fn wait_for(emulator: &Emulator, matches: impl Fn(&Step) -> bool) {
    let start = Instant::now();
    while !emulator.journal().steps().iter().any(&matches) {
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "no step matches in\n{}",
            emulator.journal()
        );
        thread::yield_now();
    }
}

/// Asserts that the journal replays, and leads to the state that the process is in.
#[track_caller]
pub fn replays(emulator: &impl Double) {
    let machine = Journal::from_steps(emulator.config(), emulator.steps()).replay();
    let machine = machine.unwrap_or_else(|it| panic!("{it}\n{}", shown(emulator)));
    assert_eq!(machine.state(), emulator.state(), "{}", shown(emulator));
}

/// Returns the journal as text, one line for each step.
pub fn shown(emulator: &impl Double) -> String {
    emulator.steps().iter().map(|step| format!("{step}\n")).collect()
}

/// Returns what a verification reports, as one line.
#[track_caller]
pub fn reported(emulator: &Emulator) -> String {
    let report = emulator.verify().expect_err("there is something to report").to_string();
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the message of the panic that `test` ends with.
#[track_caller]
pub fn failing<T>(test: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(test)) {
        Ok(_) => panic!("it does not panic"),
        Err(panic) => panic_message(panic),
    }
}

/// Returns the message of a panic, without the colours that it has in a terminal.
pub fn panic_message(panic: Box<dyn Any + Send>) -> String {
    let message = match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or_default().to_owned(),
    };
    #[cfg(feature = "color")]
    let message = anstream::adapter::strip_str(&message).to_string();
    message
}

thread_local! {
    /// The file and the line of this thread's last panic.
    static PANICKED_AT: Cell<Option<(String, u32)>> = const { Cell::new(None) };
}

/// Returns the line at which `test` panics, which has to be in the caller's file.
#[track_caller]
pub fn line_of_panic(test: impl FnOnce()) -> u32 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICKED_AT.set(panic.location().map(|it| (it.file().to_owned(), it.line())));
            others(panic);
        }));
    });
    failing(test);
    let (file, line) = PANICKED_AT.take().expect("the hook has been called");
    assert_eq!(file, Location::caller().file());
    line
}
