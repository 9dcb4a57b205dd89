//! A program that is not a test: where its report goes, and how it ends.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{fs, process, thread};

use super::environment::{BadVariable, Environment};
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
    /// Locked while a report is made and written, so that an earlier one never replaces a later one.
    written: Mutex<Written>,
    /// Whether the process ends: from then on, no shutdown writes a report.
    is_ending: AtomicBool,
}

/// What is known of the reports so far.
#[derive(Default)]
struct Written {
    /// The report that standard error already shows.
    shown: String,
    /// Until then, no shutdown writes a report: the last one took long.
    pause: Option<Instant>,
}

/// A report that takes no longer than this is written after each shutdown. A longer one is paused
/// for as long as it took, so that all of them take at most half of the time.
const LONG: Duration = Duration::from_millis(10);

/// How long the end of the process tries to get a lock. A thread in a call has it only for a moment,
/// or for as long as a report takes, but one that is gone has it for ever.
const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 100 } else { 5_000 });

/// The process that has read its environment, or 0. One that was forked from it is not the program.
static PROGRAM: AtomicU32 = AtomicU32::new(0);

fn is_program() -> bool {
    PROGRAM.load(Ordering::Relaxed) == process::id()
}

impl Program {
    pub(super) fn new(environment: Environment) -> Self {
        let Environment { builder, rules, report, exit_code } = environment;
        let emulator = builder.build();
        for rule in rules {
            emulator.keep(rule, None);
        }
        if report.is_some() || exit_code.is_some() {
            PROGRAM.store(process::id(), Ordering::Relaxed);
            register();
        }
        let written = Mutex::new(Written::default());
        Self { emulator, report, exit_code, written, is_ending: AtomicBool::new(false) }
    }

    pub(super) fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Creates the log file, as the DLL does: wrappers read it. A path that is not absolute on this
    /// platform, such as one with a drive on Unix, is not touched, and neither is what is there
    /// already: it may be a pipe, and its open could wait for ever.
    pub(super) fn initialized(&self, log_file: &ImagePath) {
        let file = Path::new(log_file.as_ref());
        if file.is_absolute() {
            // The DLL goes on without its log, too.
            let _ = File::create_new(file);
        }
    }

    /// Writes the report after a shutdown, refused or not: the program may end without a last one.
    pub(super) fn shut_down(&self) {
        let Some(destination) = self.report.as_ref().filter(|_| is_program()) else { return };
        let mut written = self.written.lock();
        let begun = Instant::now();
        let is_paused = written.pause.is_some_and(|pause| begun < pause);
        if is_paused || self.is_ending.load(Ordering::Relaxed) {
            return;
        }
        let (Ok(report) | Err(report)) = self.emulator.verify();
        // Standard error shows what is wrong by now. That a rule has not fired yet is not.
        if !matches!(destination, Destination::Stderr) || !report.mistakes().is_empty() {
            written.write(destination, &report);
        }
        let took = begun.elapsed();
        written.pause = (took > LONG).then(|| begun + 2 * took);
    }

    /// Writes the report at the end of the process. Returns the code with which it has to end, if
    /// that is not its own.
    ///
    /// Other threads may be in a call, or gone in the middle of one, so no lock is waited for.
    fn end(&self) -> Option<c_int> {
        // Threads that shut down again and again do not keep the lock, and the process does not end
        // in the middle of a report of theirs.
        self.is_ending.store(true, Ordering::Relaxed);
        let ended = insist(|| self.written.try_lock())
            .and_then(|written| Some((written, insist(|| self.emulator.try_verify())?)));
        let Some((mut written, Ok(report) | Err(report))) = ended else {
            say(BUSY);
            return None;
        };
        if let Some(destination) = &self.report {
            written.write(destination, &report);
        }
        self.exit_code
            .filter(|_| !report.mistakes().is_empty() || report.remarks().iter().any(Remark::fails))
    }
}

impl Written {
    fn write(&mut self, destination: &Destination, report: &Report) {
        let written = match destination {
            Destination::Stderr => {
                let text = report.to_string();
                if self.shown == text {
                    return;
                }
                let written = to_stderr(&text);
                self.shown = text;
                written.map_err(|error| ("standard error".into(), error))
            }
            Destination::Text(file) => save(file, report.to_string().as_bytes()),
            #[cfg(feature = "json")]
            Destination::Json(file) => save(file, json(report).as_bytes()),
        };
        if let Err((target, error)) = written {
            say(&format!("the report cannot be written to {target}: {error}"));
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

/// Ends the process, since a variable cannot be read. Output that is buffered is flushed.
pub(super) fn refuse(bad: &BadVariable) -> ! {
    const CODE: c_int = 2;
    static SAID: Once = Once::new();
    static IS_ENDING: AtomicBool = AtomicBool::new(false);
    // Other threads may be here, too. They wait, so that none ends the process before this is said.
    SAID.call_once(|| say(&bad.to_string()));
    // An exit handler of the program may call DISM.
    if IS_ENDING.swap(true, Ordering::Relaxed) {
        // SAFETY: it ends the process.
        unsafe { terminate(CODE) }
    }
    // SAFETY: the handlers were registered by others, for this.
    unsafe { libc::exit(CODE) }
}

const BUSY: &str = "a thread was in a call when the process ended, so there is no report";

/// Writes one line to standard error, the only channel to a program that only calls C functions.
fn say(line: &str) {
    let _ = to_stderr(&format!("dism-emu: {line}\n"));
}

/// Writes to standard error past the lock of the standard library, which a thread that is gone may
/// hold.
fn to_stderr(text: &str) -> io::Result<()> {
    #[cfg(unix)]
    let stderr = std::os::fd::AsFd::as_fd(&io::stderr()).try_clone_to_owned()?;
    #[cfg(windows)]
    let stderr = std::os::windows::io::AsHandle::as_handle(&io::stderr()).try_clone_to_owned()?;
    File::from(stderr).write_all(text.as_bytes())
}

/// Tries something until it succeeds, but not for long.
fn insist<T>(attempt: impl Fn() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        let done = attempt();
        if done.is_some() || begun.elapsed() > PATIENCE {
            return done;
        }
        thread::sleep(Duration::from_millis(1));
    }
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

/// Registers the handler when the library is loaded. Handlers run in reverse order, so this one runs
/// after the destructors of a program's globals, which may close sessions and shut DISM down. On
/// Windows, a library's handlers are the last ones anyway.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__mod_init_func"))]
static LOADED: extern "C" fn() = {
    extern "C" fn loaded() {
        use super::environment::{EXIT_CODE, REPORT};

        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if is_set(REPORT) || is_set(EXIT_CODE) {
            register();
        }
    }
    loaded
};

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

/// Ends the process at once.
#[cfg(unix)]
unsafe fn terminate(code: c_int) -> ! {
    // SAFETY: it ends the process.
    unsafe { libc::_exit(code) }
}

/// Ends the process at once: the system may be detaching its libraries already.
#[cfg(windows)]
unsafe fn terminate(code: c_int) -> ! {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentProcess() -> *mut c_void;
        fn TerminateProcess(hProcess: *mut c_void, uExitCode: u32) -> i32;
    }
    // SAFETY: it ends the process.
    unsafe { TerminateProcess(GetCurrentProcess(), code as u32) };
    process::abort()
}

/// Ends the program's part at exit. A panic must not leave a handler.
fn end() -> Option<c_int> {
    let ended = std::panic::catch_unwind(|| {
        if !is_program() {
            return None;
        }
        let Some(running) = insist(running_program) else {
            say(BUSY);
            return None;
        };
        running?.program()?.end()
    });
    ended.ok().flatten()
}

/// Keeps the library loaded until the process ends, since the handler is in it.
#[cfg(unix)]
fn pin() {
    // SAFETY: the address is in this library, or in the program itself, which stays anyway. The
    // library is loaded already, so this only counts one more user, who never closes it.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(register as *const c_void, &mut info) != 0 && !info.dli_fname.is_null() {
            let _ = libc::dlopen(info.dli_fname, libc::RTLD_NOW);
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

#[cfg(all(test, not(any(loom, dism_loom, shuttle, dism_shuttle))))]
mod tests {
    use super::{Environment, Program};

    fn program() -> Program {
        let exit_code = ("DISM_EMU_EXITCODE".into(), "42".into());
        let mut environment = Environment::read([exit_code]).unwrap();
        // This binary is a test, and has its own code.
        let code = environment.exit_code.take();
        let program = Program { exit_code: code, ..Program::new(environment) };
        program.emulator.dism().initialize().unwrap();
        program
    }

    #[test]
    fn the_end_of_a_process_waits_for_no_lock() {
        let program = program();
        let written = program.written.lock();
        assert_eq!(program.end(), None);
        drop(written);
        assert_eq!(program.emulator.while_locked(|| program.end()), None);
        assert_eq!(program.end(), Some(42));
    }
}
