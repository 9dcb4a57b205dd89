//! A program that is not a test: where its report goes, and how it ends.

use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::{fs, process, thread};

use super::environment::Environment;
use super::process::running_program;
use crate::call::ImagePath;
use crate::emulator::Emulator;
use crate::evidence::{Remark, Report};
use crate::sync::Mutex;

/// Where a report is written.
#[derive(Debug)]
pub(super) enum Destination {
    Stderr,
    Text(PathBuf),
    #[cfg(feature = "json")]
    Json(PathBuf),
}

/// The program, as its environment describes it.
pub(super) struct Program {
    emulator: Emulator,
    report: Option<Destination>,
    exit_code: Option<i32>,
    /// The process that read the environment. One that was forked from it is not the program.
    pid: u32,
    /// The report that standard error already shows.
    shown: Mutex<String>,
}

impl Program {
    pub(super) fn new(environment: Environment) -> Self {
        let Environment { builder, rules, report, exit_code } = environment;
        let emulator = builder.build();
        for rule in rules {
            emulator.script(rule).keep();
        }
        if report.is_some() || exit_code.is_some() {
            register();
        }
        let shown = Mutex::new(String::new());
        Self { emulator, report, exit_code, pid: process::id(), shown }
    }

    pub(super) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Creates the log file, as the DLL does: wrappers read it. A path that is not absolute on this
    /// platform, such as one with a drive on Unix, is not touched.
    pub(super) fn initialized(&self, log_file: &ImagePath) {
        let file = Path::new(log_file.as_ref());
        if file.is_absolute() {
            // The DLL goes on without its log, too.
            let _ = fs::OpenOptions::new().append(true).create(true).open(file);
        }
    }

    /// Writes the report after a shutdown, refused or not: what comes then may end the program
    /// without a last word.
    pub(super) fn shut_down(&self) {
        if let Some(destination) = &self.report {
            let (Ok(report) | Err(report)) = self.emulator.verify();
            // A clean report is for the end: a program may shut down many times.
            if is_failure(&report) || !matches!(destination, Destination::Stderr) {
                self.write(destination, &report);
            }
        }
    }

    /// Writes the report at the end of the process. Returns the code with which it has to end, if
    /// that is not its own.
    ///
    /// Other threads may be in a call, or gone in the middle of one, so no lock is waited for.
    fn end(&self) -> Option<c_int> {
        if self.pid != process::id() {
            return None;
        }
        let Some(report) = insist(|| self.emulator.try_verify()) else {
            say("a thread was in a call when the process ended, so there is no report");
            return None;
        };
        let (Ok(report) | Err(report)) = report;
        if let Some(destination) = &self.report {
            self.write(destination, &report);
        }
        self.exit_code.filter(|_| is_failure(&report))
    }

    fn write(&self, destination: &Destination, report: &Report) {
        let written = match destination {
            Destination::Stderr => {
                let text = report.to_string();
                let Some(mut shown) = self.shown.try_lock() else { return };
                if *shown == text {
                    return;
                }
                let written = io::stderr().write_all(text.as_bytes());
                *shown = text;
                written.map_err(|error| ("standard error".into(), error))
            }
            Destination::Text(file) => save(file, report.to_string().as_bytes()),
            #[cfg(feature = "json")]
            Destination::Json(file) => save(file, json(report).as_bytes()),
        };
        if let Err((place, error)) = written {
            say(&format!("the report cannot be written to {place}: {error}"));
        }
    }
}

fn save(file: &Path, text: &[u8]) -> Result<(), (String, io::Error)> {
    fs::write(file, text).map_err(|error| (file.display().to_string(), error))
}

#[cfg(feature = "json")]
fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_else(|error| format!("{{\"error\": {error:?}}}"))
}

/// Returns whether there is more in the report than what the program cannot help.
fn is_failure(report: &Report) -> bool {
    let is_gap = |remark: &Remark| {
        matches!(
            remark,
            Remark::HandlesLeft { .. } | Remark::JournalOff | Remark::JournalIncomplete { .. }
        )
    };
    !report.mistakes().is_empty() || !report.remarks().iter().all(is_gap)
}

/// Writes one line to standard error, the only channel to a program that only calls C functions.
pub(super) fn say(line: &str) {
    let _ = writeln!(io::stderr(), "dism-emu: {line}");
}

/// Tries something a few times: a thread in a call holds a lock only for a moment.
fn insist<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
    (0..1_000).find_map(|_| {
        let done = attempt();
        if done.is_none() {
            thread::yield_now();
        }
        done
    })
}

/// Lets [`ended`] run at the end of the process, once.
fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        pin();
        // SAFETY: the handler stays where it is, since the library is pinned.
        unsafe {
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            on_exit(ended, std::ptr::null_mut());
            #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
            libc::atexit(ended);
        }
    });
}

/// Writes the report. On this platform the handler sees the program's own code, and keeps one that
/// is not 0. Another `exit` in a handler is well-defined here: the handlers that are left run, and
/// all output is flushed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
extern "C" fn ended(status: c_int, _: *mut c_void) {
    if let (Some(code), 0) = (end(), status) {
        // SAFETY: the handlers that are left were registered by others, for this.
        unsafe { libc::exit(code) };
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
unsafe extern "C" {
    fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
}

/// Writes the report. The program's own code cannot be seen here, and handlers that were registered
/// earlier do not run if the process ends with another code.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
extern "C" fn ended() {
    if let Some(code) = end() {
        // SAFETY: NULL flushes all streams, and the process ends here.
        unsafe {
            libc::fflush(std::ptr::null_mut());
            terminate(code);
        }
    }
}

#[cfg(not(any(windows, all(target_os = "linux", target_env = "gnu"))))]
unsafe fn terminate(code: c_int) {
    // SAFETY: it ends the process.
    unsafe { libc::_exit(code) }
}

/// Ends the process at once: the system is already detaching its libraries.
#[cfg(windows)]
unsafe fn terminate(code: c_int) {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentProcess() -> *mut c_void;
        fn TerminateProcess(hProcess: *mut c_void, uExitCode: u32) -> i32;
    }
    // SAFETY: it ends the process.
    unsafe { TerminateProcess(GetCurrentProcess(), code as u32) };
}

/// Ends the program's part at exit. A panic must not leave a handler.
fn end() -> Option<c_int> {
    let ended = std::panic::catch_unwind(|| insist(running_program).flatten()?.program()?.end());
    ended.ok().flatten()
}

/// Keeps the library loaded until the process ends, since the handler is in it.
#[cfg(unix)]
fn pin() {
    // SAFETY: the address is in this library, or in the program itself, which stays anyway.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(register as *const c_void, &mut info) != 0 && !info.dli_fname.is_null() {
            let flags = libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE;
            let _ = libc::dlopen(info.dli_fname, flags);
        }
    }
}

#[cfg(windows)]
fn pin() {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(
            dwFlags: u32,
            address: *const c_void,
            module: *mut *mut c_void,
        ) -> i32;
    }
    const PIN: u32 = 1;
    const FROM_ADDRESS: u32 = 4;
    let mut module = std::ptr::null_mut();
    // SAFETY: the address is in this library, or in the program itself.
    unsafe { GetModuleHandleExW(PIN | FROM_ADDRESS, register as *const c_void, &mut module) };
}

#[cfg(not(any(unix, windows)))]
fn pin() {}
