//! Programs that are not tests: what the environment says of them, their reports and their codes.
//!
//! Each is this test binary once more, in which only [`the_program`] runs.

use std::path::{Path, PathBuf};
use std::process::{self, Command, Output};
use std::{env, fs, ptr, thread};

use dism_emu::Hresult;
use dism_emu::capi::ffi::{DismAddPackage, DismInitialize, DismOpenSession};

use crate::c::{close, initialize, open, shutdown};
use crate::exports::code;
use crate::support::IMAGE;

/// What a program does, by its name.
const PROGRAMS: &[(&str, fn())] = &[
    ("good", || {
        assert_eq!(initialize(), Hresult::S_OK);
        assert_eq!(close(open(IMAGE)), Hresult::S_OK);
        assert_eq!(shutdown(), Hresult::S_OK);
    }),
    ("means the online image", || {
        assert_eq!(initialize(), Hresult::S_OK);
        assert_eq!(close(open("DISM_ONLINE_IMAGE")), Hresult::S_OK);
        assert_eq!(shutdown(), Hresult::S_OK);
    }),
    ("leaves a session open", leave_a_session_open),
    ("tries the shutdown again", || {
        assert_eq!(initialize(), Hresult::S_OK);
        let session = open(IMAGE);
        assert_eq!(shutdown(), Hresult::DISMAPI_E_OPEN_SESSION_HANDLES);
        assert_eq!(close(session), Hresult::S_OK);
        assert_eq!(shutdown(), Hresult::S_OK);
    }),
    ("ends with 3", || {
        leave_a_session_open();
        process::exit(3);
    }),
    ("calls nothing", || {}),
    ("never shuts down", || assert_eq!(initialize(), Hresult::S_OK)),
    ("ends at once", || {
        leave_a_session_open();
        // SAFETY: it ends the process.
        unsafe { libc::_exit(0) }
    }),
    ("goes to another folder", || {
        leave_a_session_open();
        env::set_current_dir("/").unwrap();
    }),
    ("shuts down in an exit handler", || {
        extern "C" fn handler() {
            shutdown();
        }
        // SAFETY: the handler stays where it is.
        unsafe { libc::atexit(handler) };
        leave_a_session_open();
    }),
    ("calls from four threads", || {
        let threads: Vec<_> = (0..4).map(|_| thread::spawn(leave_a_session_open)).collect();
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }),
    ("initializes with a log", || {
        // SAFETY: the signal ends a program that waits for ever.
        #[cfg(unix)]
        unsafe {
            libc::alarm(20);
        }
        let absolute = env::current_dir().unwrap().join("absolute.log");
        for log in [absolute.to_str().unwrap(), r"C:\dism.log", "relative.log"] {
            assert_eq!(initialize_with_log(log), Hresult::S_OK);
            assert_eq!(shutdown(), Hresult::S_OK);
        }
    }),
    ("initializes twice, with two logs", || {
        for log in ["first.log", "second.log"] {
            let log = env::current_dir().unwrap().join(log);
            assert!(initialize_with_log(log.to_str().unwrap()).is_success());
        }
    }),
    ("has a mistake on its error path", || {
        if initialize().is_success() {
            let mut session = 0;
            let (path, package, null) = (wide(IMAGE), wide(r"D:\kb2.cab"), ptr::null_mut());
            // SAFETY: the texts have their 0, NULL is allowed, and the number can be written.
            unsafe {
                if DismOpenSession(path.as_ptr(), ptr::null(), ptr::null(), &mut session) < 0 {
                    return;
                }
                if DismAddPackage(session, package.as_ptr(), 0, 0, null, None, null) < 0 {
                    return;
                }
            }
            close(session);
            shutdown();
        }
    }),
];

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn initialize_with_log(log: &str) -> Hresult {
    let log = wide(log);
    // SAFETY: the text has its 0, and NULL is allowed.
    code(unsafe { DismInitialize(2, log.as_ptr(), ptr::null()) })
}

fn leave_a_session_open() {
    initialize();
    open(IMAGE);
    assert_eq!(shutdown(), Hresult::DISMAPI_E_OPEN_SESSION_HANDLES);
}

const PROGRAM: &str = "PROGRAM_OF_TEST";

/// Without variables, a program is not verified, whatever it does.
#[test]
fn the_program() {
    let Ok(name) = env::var(PROGRAM) else {
        for name in ["leaves a session open", "never shuts down", "good"] {
            let ran = run(name, &[]);
            assert_eq!((ran.code, ran.said.as_str()), (0, ""), "{name}");
            // An empty variable is not set.
            let ran = run(name, &[("DISM_EMU_REPORT", ""), ("DISM_EMU_EXITCODE", "")]);
            assert_eq!((ran.code, ran.said.as_str()), (0, ""), "{name}");
        }
        return;
    };
    let (_, program) = PROGRAMS.iter().find(|(it, _)| *it == name).unwrap();
    println!("in the program");
    program();
}

/// How a program ended.
struct Ran {
    code: i32,
    /// What it wrote to standard error.
    said: String,
    printed: String,
}

fn run(name: &str, variables: &[(&str, &str)]) -> Ran {
    end(Command::new(env::current_exe().unwrap()), name, variables)
}

fn run_in(folder: &Folder, name: &str, variables: &[(&str, &str)]) -> Ran {
    let mut program = Command::new(env::current_exe().unwrap());
    program.current_dir(&folder.0);
    end(program, name, variables)
}

fn end(mut program: Command, name: &str, variables: &[(&str, &str)]) -> Ran {
    program.args(["verdict::the_program", "--exact", "--nocapture"]).env(PROGRAM, name);
    for (variable, _) in env::vars_os() {
        if variable.to_string_lossy().starts_with("DISM_EMU_") {
            program.env_remove(variable);
        }
    }
    let Output { status, stdout, stderr } =
        program.envs(variables.iter().copied()).output().unwrap();
    let printed = String::from_utf8(stdout).unwrap();
    // Otherwise the test would pass without having run as the program.
    assert!(printed.contains("in the program"), "{printed}");
    Ran { code: status.code().unwrap(), said: String::from_utf8(stderr).unwrap(), printed }
}

/// A folder of one test, which is removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file, and returns its path.
    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.file(name)
    }

    /// Returns the text of the only file.
    fn only(&self) -> (String, String) {
        let files: Vec<_> = fs::read_dir(&self.0).unwrap().map(|it| it.unwrap().path()).collect();
        let [file] = files.as_slice() else { panic!("not one file: {files:?}") };
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(file).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const STDERR: (&str, &str) = ("DISM_EMU_REPORT", "stderr");
const CODE: (&str, &str) = ("DISM_EMU_EXITCODE", "42");

#[test]
fn a_program_with_a_mistake_is_reported_and_ends_with_the_code() {
    let ran = run("leaves a session open", &[STDERR, CODE]);
    assert!(ran.said.contains("shutdown with a session open: call 3"), "{}", ran.said);
    assert_eq!(ran.said.matches("dism-emu").count(), 1, "the same twice: {}", ran.said);
    assert_eq!(ran.code, 42);
    assert_eq!(run("leaves a session open", &[STDERR]).code, 0);
    // Without a report, the code alone.
    let ran = run("leaves a session open", &[CODE]);
    assert_eq!((ran.code, ran.said.as_str()), (42, ""));
}

#[test]
fn a_program_that_never_shuts_down_is_reported_at_its_end() {
    let ran = run("never shuts down", &[STDERR, CODE]);
    assert!(ran.said.starts_with("dism-emu: never shut down, call 1\n"), "{}", ran.said);
    assert_eq!(ran.code, 42);
}

#[test]
fn a_program_without_a_mistake_is_reported_once_and_ends_well() {
    let ran = run("good", &[STDERR, CODE]);
    assert!(ran.said.starts_with("dism-emu: no mistakes found"), "{}", ran.said);
    assert_eq!(ran.said.matches("dism-emu").count(), 1, "{}", ran.said);
    assert_eq!(ran.code, 0);
}

/// As in a test, where it fails the verification.
#[test]
fn a_program_with_a_remark_on_what_it_does_ends_with_the_code_and_the_report_says_why() {
    let ran = run("means the online image", &[STDERR, CODE]);
    let why =
        "no mistakes found under the contract Documented, but a remark fails the verification\n";
    assert!(ran.said.contains(why), "{}", ran.said);
    assert!(ran.said.contains("remark: a path looks like DISM_ONLINE_IMAGE"), "{}", ran.said);
    assert_eq!(ran.code, 42);
}

/// What the journal lacks is not the program's fault.
#[test]
fn a_program_whose_journal_is_incomplete_ends_well() {
    let ran = run("good", &[STDERR, CODE, ("DISM_EMU_JOURNAL_LIMIT", "2")]);
    assert!(ran.said.contains("no mistakes found under the contract Documented\n"), "{}", ran.said);
    assert!(ran.said.contains("remark: the first 3 steps"), "{}", ran.said);
    assert_eq!(ran.code, 0);
}

/// The report after the first shutdown cannot know that another one follows.
#[test]
fn a_refused_shutdown_is_reported_at_once_and_forgiven_at_a_good_end() {
    let ran = run("tries the shutdown again", &[STDERR, CODE]);
    let (refused, _) = ran.said.split_once("\ndism-emu: no mistakes found").expect("a good end");
    assert!(refused.starts_with("dism-emu: shutdown with a session open, call 3\n"), "{refused}");
    assert_eq!(ran.code, 0);
}

/// Only glibc lets a handler see the code.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn a_code_of_the_program_is_kept() {
    let ran = run("ends with 3", &[STDERR, CODE]);
    assert!(ran.said.contains("shutdown with a session open"), "{}", ran.said);
    assert_eq!(ran.code, 3);
}

/// `_exit` runs no handler.
#[test]
fn a_report_is_in_the_file_after_a_refused_shutdown() {
    let folder = Folder::new("refused");
    let report = folder.file("report.txt");
    let ran = run("ends at once", &[("DISM_EMU_REPORT", &report), CODE]);
    assert!(folder.only().1.contains("shutdown with a session open"));
    assert_eq!((ran.code, ran.said.as_str()), (0, ""));
}

#[test]
fn a_file_has_the_last_report_and_the_number_of_the_process() {
    let folder = Folder::new("number");
    let report = folder.file("%p.txt");
    run("tries the shutdown again", &[("DISM_EMU_REPORT", &report)]);
    let (name, text) = folder.only();
    assert!(name.trim_end_matches(".txt").parse::<u32>().is_ok(), "{name}");
    assert!(text.starts_with("dism-emu: no mistakes found"), "{text}");
    assert!(text.ends_with("  5  shutdown -> S_OK\n"), "{text}");
}

#[test]
fn a_program_that_calls_nothing_leaves_the_file_of_an_earlier_run() {
    let folder = Folder::new("nothing");
    let report = folder.write("report.txt", "earlier");
    let ran = run("calls nothing", &[("DISM_EMU_REPORT", &report), CODE]);
    assert_eq!((ran.code, ran.said.as_str()), (0, ""));
    assert_eq!(folder.only().1, "earlier");
}

#[test]
fn a_file_is_in_the_folder_in_which_the_program_was_when_it_began() {
    let folder = Folder::new("folder");
    run_in(&folder, "goes to another folder", &[("DISM_EMU_REPORT", "report")]);
    assert!(folder.only().1.contains("shutdown with a session open"));
}

#[cfg(feature = "json")]
#[test]
fn a_file_for_machines_is_json() {
    let folder = Folder::new("json");
    let report = folder.file("report.json");
    run("leaves a session open", &[("DISM_EMU_REPORT", &report)]);
    let report: serde_json::Value = serde_json::from_str(&folder.only().1).unwrap();
    assert_eq!(report["mistakes"][0]["name"], "shutdown with a session open");
}

#[cfg(not(feature = "json"))]
#[test]
fn a_file_for_machines_needs_its_feature() {
    let ran = run("good", &[("DISM_EMU_REPORT", "report.json")]);
    assert!(ran.said.contains("without the feature `json`"), "{}", ran.said);
    assert_eq!(ran.code, 2);
}

#[test]
fn a_report_that_cannot_be_written_is_said_and_the_code_counts() {
    let folder = Folder::new("unwritable");
    let report = folder.file("missing/report.txt");
    let ran = run("never shuts down", &[("DISM_EMU_REPORT", &report), CODE]);
    assert!(ran.said.starts_with("dism-emu: the report cannot be written to "), "{}", ran.said);
    // The platform may spell the path in another way.
    assert!(ran.said.contains("report.txt: "), "{}", ran.said);
    assert_eq!((ran.said.lines().count(), ran.code), (1, 42));
    let ran = run("good", &[("DISM_EMU_REPORT", &report), CODE]);
    assert_eq!(ran.code, 0);
}

#[test]
fn a_bad_value_is_one_line_and_ends_the_program_with_2() {
    let folder = Folder::new("bad");
    let rules = folder.write("rules", "# A comment.\n\nDismShutdown, fails\n");
    let missing = folder.file("missing");
    let bad = [
        ("DISM_EMU_CONTRACT", "nonsense", "neither `documented` nor `recorded`"),
        ("DISM_EMU_CONTRAKT", "recorded", "no such variable; the nearest: DISM_EMU_CONTRACT"),
        ("DISM_EMU_EXITCODE", "0", "not a number from 1 to 255"),
        ("DISM_EMU_RULES", &rules, "line 3: a rule has no part `fails`"),
        ("DISM_EMU_RULES", &missing, "No such file"),
    ];
    for (variable, value, why) in bad {
        if cfg!(windows) && why == "No such file" {
            continue; // Windows has other words for it.
        }
        let programs = [
            "good",
            "shuts down in an exit handler",
            "calls from four threads",
            "never shuts down",
        ];
        for program in programs {
            let ran = run(program, &[(variable, value)]);
            let begin = format!("dism-emu: {variable} is {value:?}: ");
            assert!(ran.said.starts_with(&begin) && ran.said.contains(why), "{}", ran.said);
            assert_eq!((ran.said.lines().count(), ran.code), (1, 2), "{program}: {}", ran.said);
        }
    }
}

#[test]
fn rules_are_from_a_file() {
    let folder = Folder::new("rules");
    let rule = "DismAddPackage named \"KB2.cab\", answers DISMAPI_E_BUSY";
    let rules = folder.write("rules", &format!("\u{feff}# In use.\r\n\r\n  {rule}\r\n"));
    let ran = run("has a mistake on its error path", &[("DISM_EMU_RULES", &rules), STDERR]);
    assert!(ran.said.contains("kb2.cab\" on session 2 -> 0x800F0902"), "{}", ran.said);
    assert!(ran.said.contains("1 mistake"), "{}", ran.said);
    // A rule that never fires is a failure, as in a test, but only at the end.
    let ran = run("good", &[("DISM_EMU_RULES", &rules), STDERR, CODE]);
    let unused =
        "remark: a rule of the test never fired: DismAddPackage named \"KB2.cab\", answers";
    assert_eq!(ran.said.matches(unused).count(), 1, "{}", ran.said);
    assert!(!ran.said.contains(".rs:"), "a line of the crate: {}", ran.said);
    assert_eq!(ran.code, 42);
}

/// The loop of the page, for programs in other languages.
#[test]
fn each_call_fails_in_turn() {
    let folder = Folder::new("each");
    let code = |n: u32| {
        let rule = format!("any call, call {n} only, answers 0x80070005, optional");
        let rules = folder.write("rules", &rule);
        run("has a mistake on its error path", &[("DISM_EMU_RULES", &rules), CODE]).code
    };
    // Initialize, open, add, close, shutdown, and none. What a failing close leaves behind is not
    // the program's fault.
    assert_eq!((1..=6).map(code).collect::<Vec<_>>(), [0, 42, 42, 0, 0, 0]);
}

#[test]
fn a_log_file_is_created_if_its_path_is_absolute_here() {
    let folder = Folder::new("log");
    let ran = run_in(&folder, "initializes with a log", &[]);
    assert_eq!(ran.code, 0, "{}", ran.printed);
    if !cfg!(windows) {
        assert_eq!(folder.only(), ("absolute.log".to_owned(), String::new()));
    }
}

/// I3 Recorded: the arguments of a second initialize are ignored.
#[test]
fn only_the_initialize_that_begins_a_period_creates_its_log_file() {
    let folder = Folder::new("logs");
    let recorded = ("DISM_EMU_CONTRACT", "recorded");
    let ran = run_in(&folder, "initializes twice, with two logs", &[recorded]);
    assert_eq!(ran.code, 0, "{}", ran.printed);
    assert_eq!(folder.only(), ("first.log".to_owned(), String::new()));
}

/// The open of a pipe waits for a reader.
#[cfg(unix)]
#[test]
fn what_is_at_the_path_of_a_log_file_is_not_opened() {
    let folder = Folder::new("pipe");
    let pipe = std::ffi::CString::new(folder.file("absolute.log")).unwrap();
    // SAFETY: the path ends in a 0.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    let ran = run_in(&folder, "initializes with a log", &[]);
    assert_eq!(ran.code, 0, "{}", ran.printed);
}
