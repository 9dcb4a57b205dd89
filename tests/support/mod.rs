//! What several test targets share: processes to begin with, a reference for the contract and one
//! for rules, the alphabet of generated calls, and a client that makes them.

#![allow(dead_code, unreachable_pub, reason = "each target uses its part")]

pub mod client;
mod lifecycle;
mod process;
pub mod reference;
pub mod rules;

use dism_emu::machine::{Call, Config, Scripted};
use dism_emu::{
    CommitFlags, Contract, DISM_ONLINE_IMAGE, Function, Hresult, ImagePath, Initialize, Memory,
    MountFlags, MountImage, OpenSession, Rule, Session,
};

pub use lifecycle::*;
pub use process::*;
pub use rules::{Cancel, Fires};

/// Spellings of few images, so that generated opens often match the same one.
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
    r"E:\junction",
    "[",
    "{",
];

/// Paths that every generated configuration declares to be another one's image (O6).
pub const SAME: &[(&str, &str)] =
    &[(r"E:\junction", r"C:\mount"), (r"F:\copy.wim", r"D:\install.wim")];

/// Results of operations and answers of rules: successes of all sorts, and failures.
pub const RESULTS: &[u32] =
    &[0, 0, 1, 3010, 0x800F_080C, 0x8007_06BE, 0xFFFF_FFFF, 0x7FFF_FFFF, 0x8004_0154];

/// Operations that are called more often than others, so that generated rules match generated
/// calls. `DismCommitImage` is one of them because it depends on what is mounted (P1).
const OPERATIONS: &[Function] =
    &[Function::AddPackage, Function::GetFeatures, Function::CommitImage];

/// Functions that a rule can match and that are not operations.
const OTHERS: &[Function] = &[
    Function::Initialize,
    Function::OpenSession,
    Function::CloseSession,
    Function::Shutdown,
    Function::GetLastErrorMessage,
    Function::MountImage,
    Function::Delete,
    Function::UnmountImage,
    Function::RemountImage,
    Function::GetMountedImageInfo,
    Function::GetImageInfo,
    Function::CleanupMountpoints,
];

/// Functions for which memory is handed out. Two of them fail without a last error (E2).
const HANDING_OUT: &[Function] =
    &[Function::GetFeatures, Function::GetLastErrorMessage, Function::Shutdown];

/// Paths of image files, and an empty one, which is refused.
pub const FILES: &[&str] = &[r"D:\install.wim", "install.wim", ""];

/// Functions with an argument that must not be NULL. Three of them take no session, and one of
/// these neither sets the last error (E2) nor needs an initialize (E5).
pub const WITH_ARGUMENT: &[Function] = &[
    Function::MountImage,
    Function::OpenSession,
    Function::GetLastErrorMessage,
    Function::GetFeatures,
    Function::AddPackage,
];

/// Where images are mounted: spellings of two paths, the online image, and an empty path.
pub const MOUNT_PATHS: &[&str] =
    &[r"C:\mount", "c:/MOUNT//", r"D:\", "d:/", r"e:\JUNCTION", DISM_ONLINE_IMAGE, "", r"C:\MOUNT"];

/// Flags of an unmount or a commit: good ones, and the mask of the header, which is refused (N5).
const COMMIT_FLAGS: &[u32] = &[0, 1, 0, 1, 0x2_0000, 0x7_0001, 0xFFFF_0000];

/// Names of packages, features and the like, and none.
pub const NAMES: &[Option<&str>] =
    &[None, Some("kb1.cab"), Some(r"C:\updates\KB1.cab"), Some("Telnet")];

/// Names that rules have: whole ones, and the last part of a path.
const RULE_NAMES: &[&str] = &["KB1.cab", "telnet", r"c:/updates\kb1.cab", "kb2.cab"];

/// Picks one of a few functions half of the time, and any function the other half.
fn function(few: &[Function], choice: usize) -> Function {
    let from = if choice & 1 == 0 { few } else { Function::ALL };
    from[choice / 2 % from.len()]
}

pub fn result(choice: usize) -> Hresult {
    Hresult::new(RESULTS[choice % RESULTS.len()])
}

/// Returns an answer that may take effect though it is a failure (I6).
fn answer(choice: usize) -> Scripted {
    Scripted { takes_effect: choice / RESULTS.len() % 2 == 1, ..result(choice).into() }
}

/// A call whose arguments are numbers of choices, so that random numbers work and shrink well.
#[derive(Clone, Debug)]
pub enum Pick {
    Initialize,
    Open {
        path: usize,
        placed: bool,
    },
    /// An open of a path that is not in a list.
    OpenText {
        path: String,
        placed: bool,
    },
    Begin {
        session: Handle,
        function: usize,
        about: usize,
    },
    End {
        session: Handle,
        result: usize,
    },
    Close {
        session: Handle,
    },
    Finish {
        session: Handle,
    },
    Shutdown,
    LastError,
    MountedImages,
    ImageInfo {
        file: usize,
    },
    CleanupMountpoints,
    HandOut {
        function: usize,
    },
    Delete {
        memory: Handle,
    },
    /// Of eight choices, one has an image that no file has, and one has a file without a name.
    Mount {
        path: usize,
        image: usize,
    },
    Unmount {
        path: usize,
        flags: usize,
    },
    Remount {
        path: usize,
    },
    WithoutArgument {
        function: usize,
    },
}

fn mount_path(choice: usize) -> &'static str {
    MOUNT_PATHS[choice % MOUNT_PATHS.len()]
}

fn commit_flags(choice: usize) -> CommitFlags {
    CommitFlags::from_bits_retain(COMMIT_FLAGS[choice % COMMIT_FLAGS.len()])
}

fn mount(path: usize, image: usize) -> MountImage {
    let path = mount_path(path);
    match image % 8 {
        0 => MountImage::new(path, "install.wim").index(0),
        1 => MountImage::new(path, ""),
        2 => MountImage::new(path, "install.wim").name("Pro"),
        3 => MountImage::new(path, r"D:\install.wim").read_only(),
        4 => MountImage::new(path, r"f:/copy.wim"),
        5 => MountImage::new(path, "install.wim").flags(MountFlags::from_bits_retain(0x10)),
        image => MountImage::new(path, "install.wim").index(image as u32),
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Handle {
    /// This number, valid or not.
    Raw(u32),
    /// The latest number for 0, the one before it for 1, and so on.
    Back(u32),
}

impl Handle {
    fn number(self, next: u32) -> u32 {
        match self {
            Self::Raw(number) => number,
            Self::Back(back) => next.wrapping_sub(1).wrapping_sub(back),
        }
    }

    pub fn session(self, next: Next) -> Session {
        Session::from_raw(self.number(next.session))
    }

    fn memory(self, next: Next) -> Memory {
        Memory::from_raw(self.number(next.memory))
    }
}

/// The numbers that will be handed out next.
#[derive(Clone, Copy, Debug)]
pub struct Next {
    pub session: u32,
    pub memory: u32,
}

impl Pick {
    /// Returns the call.
    pub fn call(&self, next: Next) -> Call {
        match *self {
            Self::Initialize => Call::Initialize(Initialize::new()),
            Self::Open { path, placed } => {
                let open = OpenSession::new(PATHS[path % PATHS.len()]);
                Call::OpenSession(if placed { open.windows_directory("Windows") } else { open })
            }
            Self::OpenText { ref path, placed } => {
                let open = OpenSession::new(path);
                Call::OpenSession(if placed { open.system_drive("S:") } else { open })
            }
            Self::Begin { session, function: choice, about } => {
                let session = session.session(next);
                let function = function(OPERATIONS, choice);
                match NAMES[about % NAMES.len()] {
                    _ if function == Function::CommitImage => {
                        Call::begin(session, function.with_flags(commit_flags(about)))
                    }
                    Some(name) => Call::begin(session, function.named(name)),
                    None => Call::begin(session, function),
                }
            }
            Self::End { session, result: choice } => {
                Call::EndOperation { session: session.session(next), result: result(choice) }
            }
            Self::Close { session } => Call::CloseSession { session: session.session(next) },
            Self::Finish { session } => Call::FinishClose { session: session.session(next) },
            Self::Shutdown => Call::Shutdown,
            Self::LastError => Call::GetLastErrorMessage,
            Self::MountedImages => Call::GetMountedImageInfo,
            Self::ImageInfo { file } => {
                Call::GetImageInfo { file: ImagePath::new(FILES[file % FILES.len()]) }
            }
            Self::CleanupMountpoints => Call::CleanupMountpoints,
            Self::HandOut { function: choice } => {
                Call::HandOut { function: function(HANDING_OUT, choice) }
            }
            Self::Delete { memory } => Call::Delete { memory: memory.memory(next) },
            Self::Mount { path, image } => Call::MountImage(mount(path, image)),
            Self::Unmount { path, flags } => Call::UnmountImage {
                path: ImagePath::new(mount_path(path)),
                flags: commit_flags(flags),
            },
            Self::Remount { path } => Call::RemountImage { path: ImagePath::new(mount_path(path)) },
            Self::WithoutArgument { function } => Call::CallWithoutArgument {
                function: WITH_ARGUMENT[function % WITH_ARGUMENT.len()],
            },
        }
    }
}

/// What a test does next with an emulator: a call of its client, or a step of its script.
#[derive(Clone, Debug)]
pub enum Act {
    Call(Pick),
    /// Ends an operation, if there is one on the session.
    End {
        session: Handle,
        ending: Ending,
    },
    /// Begins an operation and ends it.
    Perform {
        session: Handle,
        function: usize,
        about: usize,
    },
    /// Puts a rule in force.
    Script(RulePick),
    /// Puts the rule of a dead host in force.
    DeadHost {
        session: Handle,
    },
    /// Takes back what one of the two above put in force.
    TakeBack {
        at: usize,
    },
    /// Keeps what one of them put in force until the end.
    Keep {
        at: usize,
    },
    /// Makes a call on another thread, which a hold stops.
    Held(Held),
}

#[derive(Clone, Copy, Debug)]
pub enum Ending {
    With(Hresult),
    End,
    /// With a progress callback that cancels at a report, counted from 1.
    Run(u32),
    Drop,
}

/// The choices that a [`Rule`] is made from.
#[derive(Clone, Debug)]
pub struct RulePick {
    /// `None` for every operation.
    pub function: Option<usize>,
    pub session: Option<Handle>,
    pub image: Option<usize>,
    pub name: Option<usize>,
    pub discards: Option<bool>,
    pub which: Which,
    pub answer: usize,
    pub cancel: Cancel,
    pub fires: Fires,
}

/// Which of the calls that a rule matches it answers.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Nth(u32),
    After { skip: u32, times: Option<u32> },
}

impl RulePick {
    pub fn function(&self) -> Option<Function> {
        self.function.map(|choice| {
            let few = if choice % 4 < 2 { OTHERS } else { OPERATIONS };
            function(few, choice / 2)
        })
    }

    pub fn image(&self) -> Option<&'static str> {
        self.image.map(|choice| PATHS[choice % PATHS.len()])
    }

    pub fn name(&self) -> Option<&'static str> {
        self.name.map(|choice| RULE_NAMES[choice % RULE_NAMES.len()])
    }

    /// Returns the answer. Only the failure of some functions can take effect.
    pub fn answer(&self) -> Scripted {
        use Function::*;
        let can = [Initialize, CloseSession, Shutdown, MountImage, UnmountImage];
        let can_fail = self.function().is_some_and(|function| can.contains(&function));
        let mut answer = answer(self.answer);
        answer.takes_effect &= can_fail && answer.code.is_failure();
        answer
    }

    pub fn rule(&self, next: Next) -> Rule {
        let mut rule = self.function().map_or_else(Rule::on_any_operation, Rule::on);
        if let Some(session) = self.session {
            rule = rule.session(session.session(next));
        }
        if let Some(image) = self.image() {
            rule = rule.image(image);
        }
        rule = match self.which {
            Which::Nth(n) => rule.nth(n),
            Which::After { skip, times: None } => rule.after(skip),
            Which::After { skip, times: Some(times) } => rule.after(skip).times(times),
        };
        rule = match self.answer() {
            Scripted { code, takes_effect: true, .. } => rule.fail_in_effect(code),
            Scripted { code, .. } => rule.answer(code),
        };
        if let Some(name) = self.name() {
            rule = rule.named(name);
        }
        rule = match self.discards {
            Some(true) => rule.discarding(),
            Some(false) => rule.committing(),
            None => rule,
        };
        let Cancel { after, until, code } = self.cancel;
        rule = rule.cancelled_with(code);
        rule = after.into_iter().fold(rule, Rule::cancel_after);
        rule = until.into_iter().fold(rule, Rule::cancellable_until);
        match self.fires {
            Fires::AtLeastOnce => rule,
            Fires::AnyNumber => rule.optional(),
            Fires::Times(times) => rule.expect(times),
        }
    }
}

/// A call of another thread that is stopped at a point, and what the main thread does meanwhile.
#[derive(Clone, Debug)]
pub struct Held {
    /// The call. An operation that is begun is ended, too.
    pub call: Pick,
    pub point: Point,
    pub filter: SessionFilter,
    pub meanwhile: Vec<Act>,
}

/// Which session a hold matches.
#[derive(Clone, Copy, Debug)]
pub enum SessionFilter {
    Any,
    /// The session of the held call, if it has one.
    Same,
    Other(Handle),
}

/// The point of a call at which a hold stops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    Before,
    /// Between the two instants of an operation or of a close.
    Between,
    Returning,
}

/// Returns the call with a scripted answer, if there is one.
pub fn scripted(call: Call, choice: Option<usize>) -> Call {
    match choice {
        Some(choice) => Call::Scripted { call: Box::new(call), answer: answer(choice) },
        None => call,
    }
}

/// Makes a configuration from a number for each disputed choice, modulo how many there are.
pub fn config(contract: usize, elevated: bool, codes: [usize; 3], last_session: u32) -> Config {
    let code = |choices: &[Hresult], choice: usize| choices[choice % choices.len()];
    let mut config = Config::default();
    config.contract = Contract::ALL[contract % Contract::ALL.len()];
    config.elevated = elevated;
    config.already_initialized = code(
        &[Hresult::WIN32_ALREADY_INITIALIZED, Hresult::new(0xC004_0000), Hresult::new(0xC004_0008)],
        codes[0],
    );
    config.closed_session =
        code(&[Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::E_INVALIDARG], codes[1]);
    config.closing_session = code(
        &[Hresult::DISMAPI_E_INVALID_DISM_SESSION, Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS],
        codes[2],
    );
    config.last_session = last_session;
    config.no_message = code(&[Hresult::S_OK, Hresult::S_FALSE], codes[0]);
    for (alias, image) in SAME {
        config.same_image(alias, image);
    }
    config
}
