//! Every distinct sequence of calls in the recordings of the genuine DLL.
//!
//! Each is one process, with how often it occurs in its file; see the contract's source REC.

use std::thread;

use dism_emu::Function::{
    AddCapability, ApplyUnattend, DisableFeature, EnableDisableFeature, GetCapabilities,
    GetCapabilityInfo, GetDriverInfo, GetEffectiveSystemUiLanguage, GetFeatureInfo,
    GetInstallLanguage, GetOsInfo, GetPackages, GetUsedSpace, RemoveCapability, RemovePackage,
    SetAllIntlSettings, SetFirstBootCommandLine, SetSkuIntlDefaults, Stage,
};
use dism_emu::machine::{Call, Effect, Outcome};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Emulator, Error, Function, Hresult, Journal, OpenSession, Rule,
    Session, ThreadNumber,
};

use crate::support::{replays, unverified};

/// The thread of a call, and the call.
pub type Line = (u8, Happening);

/// A call of the genuine DLL, and what is known of its outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happening {
    Initialize {
        count: u32,
    },
    Open {
        image: Image,
        session: u32,
        references: u32,
    },
    /// The open failed with this code, and used up this number (O10).
    OpenFailed {
        image: Image,
        code: u32,
        number: u32,
    },
    Operation {
        function: Function,
        session: u32,
        times: u32,
    },
    /// The code that the operation before it returned.
    Failed {
        function: Function,
        code: u32,
    },
    Close {
        session: u32,
        references: u32,
    },
    Shutdown {
        count: u32,
    },
}

/// The image of an open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Image {
    Online,
    /// The paths of offline images are numbered within a process.
    Offline(u32),
}

impl Image {
    pub fn path(self) -> String {
        match self {
            Online => DISM_ONLINE_IMAGE.to_owned(),
            Offline(number) => format!("offline-{number}"),
        }
    }
}

use Happening::*;
use Image::*;

pub struct Sequence {
    /// In how many recordings it occurs.
    pub seen: u32,
    /// Whether it goes on to the end of the last shutdown of its last period. Otherwise the log
    /// stops before that.
    pub complete: bool,
    pub lines: &'static [Line],
}

#[test]
fn every_sequence_replays_under_recorded() {
    for sequence in SEQUENCES.iter().chain(SETUP) {
        let (differences, journal) = play(Contract::Recorded, sequence.lines);
        assert!(differences.is_empty(), "{differences:#?}\n{:#?}", sequence.lines);
        assert!(ends_as_recorded(&journal, sequence.complete), "{journal}");
    }
}

/// I3, S3: of all that was recorded, the contracts differ only in a second initialize and in a
/// shutdown that is not the last.
#[test]
fn documented_differs_from_the_recordings_exactly_at_i3_and_s3() {
    let mut differing = 0;
    for sequence in SEQUENCES.iter().chain(SETUP) {
        let (differences, journal) = play(Contract::Documented, sequence.lines);
        assert!(ends_as_recorded(&journal, sequence.complete), "{journal}");
        let found: Vec<_> = differences
            .into_iter()
            .map(|difference| {
                let refused = difference.answer.expect_err("Documented refuses");
                assert!(
                    matches!(refused, Error::AlreadyInitialized { .. } | Error::OpenSessionHandles),
                    "{difference:#?}"
                );
                sequence.lines[difference.at]
            })
            .collect();
        let expected: Vec<_> = (sequence.lines.iter())
            .filter(|(_, it)| matches!(it, Initialize { count: 2.. } | Shutdown { count: 1.. }))
            .copied()
            .collect();
        assert_eq!(found, expected);
        differing += found.len();
    }
    assert!(differing > 0);
}

#[derive(Debug)]
pub struct Difference {
    /// The index of the line in the sequence.
    pub at: usize,
    #[allow(dead_code, reason = "printed")]
    pub expected: Outcome,
    pub answer: Outcome,
}

/// Runs a sequence under a contract. Returns the outcomes that differ from the recording, and the
/// emulator's journal.
pub fn play(contract: Contract, lines: &[Line]) -> (Vec<Difference>, Journal) {
    let emulator = unverified().contract(contract).build();
    let mut differences = Vec::new();
    for (at, &line) in lines.iter().enumerate() {
        let after = lines.get(at + 1).map(|(_, happening)| *happening);
        let run = || perform(&emulator, line.1, after);
        // The first thread of a recording is this one. Any other gets a thread of its own.
        let outcome = match line.0 {
            1 => run(),
            _ => thread::scope(|scope| scope.spawn(run).join().expect("no call panics")),
        };
        let Some((expected, answer)) = outcome else { continue };
        if answer != expected {
            differences.push(Difference { at, expected, answer });
        }
    }
    let journal = emulator.journal();
    replays(&emulator);
    (differences, journal)
}

/// Returns whether the process is shut down if the sequence is complete, and up if it is cut.
pub fn ends_as_recorded(journal: &Journal, complete: bool) -> bool {
    let machine = journal.replay().expect("the journal replays");
    machine.state().is_initialized() != complete
}

/// Returns the recorded outcome of a line and the actual one; `None` for a line that belongs to the
/// one before it.
fn perform(
    emulator: &Emulator,
    happening: Happening,
    after: Option<Happening>,
) -> Option<(Outcome, Outcome)> {
    let dism = emulator.dism();
    let open = |image: Image| dism.open_session(image.path());
    // A success is the outcome of the journal's last step. An error is that of the call.
    let latest = |result: Result<(), Error>| {
        result.map(|()| {
            let journal = emulator.journal();
            let step = journal.steps().last().expect("a step was just taken");
            step.outcome.expect("a call that succeeded")
        })
    };
    Some(match happening {
        Initialize { count } => {
            (Ok(Effect::Initialized { count }), latest(dism.initialize().map(drop)))
        }
        Open { image, session, references } => (
            Ok(Effect::Opened { session: Session::from_raw(session), references }),
            latest(open(image).map(drop)),
        ),
        OpenFailed { image, code, number } => {
            let refused = Hresult::new(code);
            // O11: the emulator knows by itself that an image is locked.
            let fails = Rule::on(Function::OpenSession).optional().answer(refused);
            let is_locked = refused == Error::ImageLocked.code();
            let _rule = (!is_locked).then(|| emulator.script(fails));
            let expected =
                if is_locked { Error::ImageLocked } else { Error::Failed { code: refused } };
            let answer = latest(open(image).map(drop));
            if answer == Err(expected) {
                // O10: the next session has the number behind.
                let session = Session::from_raw(number + 1);
                return Some((Ok(Effect::Opened { session, references: 1 }), next_open(emulator)));
            }
            (Err(expected), answer)
        }
        Operation { function, session, times } => {
            let last = match after {
                Some(Failed { code, function: failed }) => {
                    assert_eq!(failed, function, "a failure belongs to the operation before it");
                    Hresult::new(code)
                }
                _ => Hresult::S_OK,
            };
            let session = Session::from_raw(session);
            let perform = |result| dism.operation(session, function)?.end_with(result);
            for _ in 1..times {
                perform(Hresult::S_OK).expect("an operation on an open session");
            }
            let expected = match last {
                Hresult::S_OK => Ok(Effect::Ended { result: last }),
                code => Err(Error::Failed { code }),
            };
            (expected, latest(perform(last).map(drop)))
        }
        Failed { .. } => return None,
        Close { session, references } => (
            Ok(match references {
                0 => Effect::Closed { reboot: false },
                _ => Effect::Released { references },
            }),
            latest(dism.close_session(Session::from_raw(session)).map(drop)),
        ),
        Shutdown { count } => (Ok(Effect::ShutDown { count }), latest(dism.shutdown().map(drop))),
    })
}

/// Returns what an open of a new image would return. The emulator does not see it.
fn next_open(emulator: &Emulator) -> Outcome {
    let mut machine = emulator.journal().replay().expect("the journal replays");
    machine.apply(ThreadNumber::current(), &Call::OpenSession(OpenSession::new("a new image")))
}

pub static SEQUENCES: &[Sequence] = &[
    Sequence {
        seen: 76,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: GetFeatureInfo, session: 2, times: 1 }),
            (1, Failed { function: GetFeatureInfo, code: 0x800F_080C }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 46,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 2, references: 2 }),
            (1, Operation { function: GetUsedSpace, session: 2, times: 1 }),
            (1, Close { session: 2, references: 1 }),
            (1, Shutdown { count: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 25,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: AddCapability, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence { seen: 14, complete: false, lines: &[(1, Initialize { count: 1 })] },
    Sequence {
        seen: 14,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 2, references: 2 }),
        ],
    },
    Sequence {
        seen: 10,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 2, references: 2 }),
            (1, Operation { function: GetUsedSpace, session: 2, times: 1 }),
        ],
    },
    Sequence {
        seen: 9,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetCapabilityInfo, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 7,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: GetCapabilityInfo, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 4,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
        ],
    },
    Sequence {
        seen: 4,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetDriverInfo, session: 2, times: 2 }),
            (2, Close { session: 2, references: 0 }),
            (2, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 3,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetPackages, session: 2, times: 1 }),
            (1, Operation { function: RemovePackage, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 2,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetCapabilityInfo, session: 2, times: 1 }),
            (1, Operation { function: RemoveCapability, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 2,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: GetCapabilities, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 2, references: 2 }),
            (1, Operation { function: GetUsedSpace, session: 2, times: 1 }),
            (1, Close { session: 2, references: 1 }),
            (1, Shutdown { count: 1 }),
            (1, Close { session: 2, references: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 2, references: 2 }),
            (1, Operation { function: GetUsedSpace, session: 2, times: 2 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: DisableFeature, session: 2, times: 1 }),
            (1, Failed { function: DisableFeature, code: 0x8001_0108 }),
            (1, Operation { function: GetFeatureInfo, session: 2, times: 1 }),
            (1, Failed { function: GetFeatureInfo, code: 0x8007_06BE }),
            (1, Close { session: 2, references: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetFeatureInfo, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: false,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetFeatureInfo, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Initialize { count: 2 }),
            (1, Open { image: Online, session: 3, references: 1 }),
            (1, Operation { function: DisableFeature, session: 3, times: 1 }),
            (1, Operation { function: GetFeatureInfo, session: 3, times: 1 }),
            (1, Close { session: 3, references: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: DisableFeature, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetDriverInfo, session: 2, times: 17 }),
            (2, Close { session: 2, references: 0 }),
            (2, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetDriverInfo, session: 2, times: 3 }),
            (2, Close { session: 2, references: 0 }),
            (2, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: EnableDisableFeature, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Online, session: 2, references: 1 }),
            (1, Operation { function: GetOsInfo, session: 2, times: 1 }),
            (1, Operation { function: GetFeatureInfo, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
];

/// The processes of Windows Setup and of a system reset, each with all its periods.
pub static SETUP: &[Sequence] = &[
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, OpenFailed { image: Offline(1), code: 0x8004_0154, number: 2 }),
            (1, Shutdown { count: 0 }),
            (1, Initialize { count: 1 }),
            (1, OpenFailed { image: Offline(1), code: 0x8007_00B7, number: 2 }),
            (1, Shutdown { count: 0 }),
            (1, Initialize { count: 1 }),
            (1, OpenFailed { image: Offline(1), code: 0x8007_00B7, number: 2 }),
            (1, Shutdown { count: 0 }),
        ],
    },
    Sequence {
        seen: 1,
        complete: true,
        lines: &[
            (1, Initialize { count: 1 }),
            (1, Open { image: Offline(1), session: 2, references: 1 }),
            (1, Operation { function: GetEffectiveSystemUiLanguage, session: 2, times: 1 }),
            (1, Operation { function: GetInstallLanguage, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Open { image: Offline(2), session: 3, references: 1 }),
            (1, Operation { function: ApplyUnattend, session: 3, times: 1 }),
            (1, Operation { function: Stage, session: 3, times: 1 }),
            (1, Operation { function: SetAllIntlSettings, session: 3, times: 1 }),
            (1, Operation { function: SetSkuIntlDefaults, session: 3, times: 1 }),
            (1, Close { session: 3, references: 0 }),
            (1, Shutdown { count: 0 }),
            (1, Initialize { count: 1 }),
            (1, Open { image: Offline(1), session: 2, references: 1 }),
            (1, Operation { function: SetFirstBootCommandLine, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
            (1, Initialize { count: 1 }),
            (1, Open { image: Offline(1), session: 2, references: 1 }),
            (1, Operation { function: SetFirstBootCommandLine, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
            (1, Initialize { count: 1 }),
            (1, Open { image: Offline(1), session: 2, references: 1 }),
            (1, Operation { function: SetFirstBootCommandLine, session: 2, times: 1 }),
            (1, Close { session: 2, references: 0 }),
            (1, Shutdown { count: 0 }),
        ],
    },
];
