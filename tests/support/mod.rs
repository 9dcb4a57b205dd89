//! What several test targets need: the reference, the alphabet of generated calls, and a client
//! that makes them.

#![allow(dead_code, unreachable_pub, reason = "each target uses its part")]

pub mod client;
pub mod reference;

use std::any::Any;

use dism_emu::{
    Builder, Call, Config, Contract, DISM_ONLINE_IMAGE, Emulator, Function, Hresult, OpenSession,
    Session,
};

pub const CONTRACTS: [Contract; 2] = [Contract::Documented, Contract::Recorded];

/// A process whose client may make mistakes, and leave everything as it is.
pub fn unverified() -> Builder {
    Emulator::builder().verify_on_drop(false)
}

/// Spellings of few images, so that generated opens meet.
pub const PATHS: &[&str] = &[
    DISM_ONLINE_IMAGE,
    "dism_{53bfae52-b167-4e2f-a258-0a37b57ff845}/",
    r"C:\mount",
    "c:/MOUNT//",
    r"D:\",
    "D:",
    "d:/",
    r"\",
    "/",
    "",
    r"C:\bücher\straße",
    r"c:\BÜCHER\STRAßE\",
    r"C:\BÜCHER\STRASSE",
    "[",
    "{",
];

/// Results of operations: successes of all sorts, and failures.
pub const RESULTS: &[u32] = &[0, 0, 1, 3010, 0x800F_080C, 0x8007_06BE, 0xFFFF_FFFF, 0x7FFF_FFFF];

/// A call in which numbers stand for choices, so that they can be drawn blindly and shrink well.
#[derive(Clone, Copy, Debug)]
pub enum Pick {
    Initialize,
    Open { path: usize, placed: bool },
    Begin { session: Handle, function: usize },
    End { session: Handle, result: usize },
    Close { session: Handle },
    Finish { session: Handle },
    Shutdown,
    LastError,
}

#[derive(Clone, Copy, Debug)]
pub enum Handle {
    /// This number, valid or not.
    Raw(u32),
    /// That many before the next number that will be given out.
    Back(u32),
}

impl Handle {
    pub fn session(self, next: u32) -> Session {
        Session::from_raw(match self {
            Self::Raw(number) => number,
            Self::Back(back) => next.wrapping_sub(1).wrapping_sub(back),
        })
    }
}

impl Pick {
    /// The call that is meant where `next` is the next session number.
    pub fn call(self, next: u32) -> Call {
        match self {
            Self::Initialize => Call::Initialize,
            Self::Open { path, placed } => {
                let open = OpenSession::new(PATHS[path % PATHS.len()]);
                Call::OpenSession(if placed { open.windows_directory("Windows") } else { open })
            }
            Self::Begin { session, function } => Call::BeginOperation {
                session: session.session(next),
                function: Function::ALL[function % Function::ALL.len()],
            },
            Self::End { session, result } => Call::EndOperation {
                session: session.session(next),
                result: Hresult::new(RESULTS[result % RESULTS.len()]),
            },
            Self::Close { session } => Call::CloseSession { session: session.session(next) },
            Self::Finish { session } => Call::FinishClose { session: session.session(next) },
            Self::Shutdown => Call::Shutdown,
            Self::LastError => Call::GetLastErrorMessage,
        }
    }
}

/// A configuration out of every disputed choice; each number is taken modulo what there is.
pub fn config(contract: usize, elevated: bool, codes: [usize; 3], last_session: u32) -> Config {
    let code = |choices: &[Hresult], choice: usize| choices[choice % choices.len()];
    let mut config = Config::default();
    config.contract = CONTRACTS[contract % CONTRACTS.len()];
    config.elevated = elevated;
    config.already_initialized = code(
        &[Hresult::ERROR_ALREADY_INITIALIZED, Hresult::new(0xC004_0000), Hresult::new(0xC004_0008)],
        codes[0],
    );
    config.closed_session =
        code(&[Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::E_INVALIDARG], codes[1]);
    config.closing_session = code(
        &[Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS],
        codes[2],
    );
    config.last_session = last_session;
    config
}

/// What a verification reports, on one line however it is broken.
#[track_caller]
pub fn told(dism: &Emulator) -> String {
    let report = dism.verify().expect_err("there is something to report").to_string();
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a thread said when it panicked.
pub fn said(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or_default().to_owned(),
    }
}
