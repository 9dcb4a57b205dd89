//! Progress callbacks: in order, on the calling thread, never under the lock.

use std::ffi::c_void;
use std::thread::{self, ThreadId};

use dism_emu::machine::State;
use dism_emu::{Contract, Function, Hresult, Progress, Rule};

use crate::c::{call, open, up};
use crate::exports::{EXPORTS, Given, code};
use crate::support::IMAGE;

/// What a callback has seen.
#[derive(Default)]
struct Seen {
    progress: Vec<(u32, u32)>,
    threads: Vec<ThreadId>,
    codes: Vec<Hresult>,
    session: u32,
}

/// Notes the progress, and calls back into the API.
unsafe extern "system" fn note(current: u32, total: u32, user: *mut c_void) {
    // SAFETY: each test passes a `Seen` of its own that outlives the call.
    let seen = unsafe { &mut *user.cast::<Seen>() };
    seen.progress.push((current, total));
    seen.threads.push(thread::current().id());
    let session = Given::new(seen.session, IMAGE);
    // P3, C7 on its own session; another image's session is free.
    seen.codes.push(call(Function::GetFeatures, &session));
    seen.codes.push(call(Function::CloseSession, &session));
    let other = Given::new(open("other"), "");
    seen.codes.push(call(Function::GetPackages, &other));
    seen.codes.push(call(Function::CloseSession, &other));
}

fn watched(session: u32, text: &str, seen: &mut Seen) -> Given {
    seen.session = session;
    Given { progress: Some(note), user: (&raw mut *seen).cast(), ..Given::new(session, text) }
}

/// The functions with a callback.
const WATCHED: [Function; 11] = [
    Function::AddCapability,
    Function::AddPackage,
    Function::CheckImageHealth,
    Function::CommitImage,
    Function::DisableFeature,
    Function::EnableFeature,
    Function::MountImage,
    Function::RemoveCapability,
    Function::RemovePackage,
    Function::RestoreImageHealth,
    Function::UnmountImage,
];

#[test]
fn every_callback_gets_0_to_100_on_its_own_thread_and_can_call_anything() {
    for contract in Contract::ALL {
        for export in EXPORTS.iter().filter(|it| WATCHED.contains(&it.function)) {
            let process = up(contract);
            assert_eq!(call(Function::MountImage, &Given::new(0, IMAGE)), Hresult::S_OK);
            let mut seen = Seen::default();
            let is_operation = export.function.is_operation();
            let session = if is_operation { open(IMAGE) } else { 0 };
            let text = if export.function == Function::MountImage { "elsewhere" } else { IMAGE };
            let given = watched(session, text, &mut seen);
            assert_eq!(code((export.call)(&given)), Hresult::S_OK, "{}", export.name);
            let quarters = [0, 25, 50, 75, 100].map(|current| (current, 100));
            assert_eq!(seen.progress, quarters, "{}", export.name);
            assert!(seen.threads.iter().all(|it| *it == thread::current().id()));
            let refused = match is_operation {
                true => Hresult::WIN32_POSSIBLE_DEADLOCK,
                false => Hresult::DISMAPI_E_INVALID_DISM_SESSION,
            };
            for codes in seen.codes.chunks(4) {
                assert_eq!(codes[..2], [refused; 2], "{}", export.name);
                assert_eq!(codes[2..], [Hresult::S_OK; 2], "{}", export.name);
            }
            let open_sessions = usize::from(is_operation);
            assert_eq!(process.emulator().state(), State::Up { count: 1, open_sessions });
            process.emulator().journal().replay().unwrap();
        }
    }
}

#[test]
fn a_rule_says_what_is_reported_to_a_callback() {
    let process = up(Contract::Documented);
    let steps = [(0, 7), (7, 7), (3, 7)];
    let rule = |function| {
        Rule::on(function).progress(steps.map(|(current, total)| Progress::new(current, total)))
    };
    for function in [Function::AddPackage, Function::MountImage] {
        for answer in [0x800F_0902_u32, 3010] {
            let _rule = process.emulator().script(rule(function).answer(answer));
            let mut seen = Seen::default();
            let given = watched(open(IMAGE), "elsewhere", &mut seen);
            assert_eq!(call(function, &given).number(), answer, "{function}");
            assert_eq!(seen.progress, steps, "{function}");
        }
    }
}

#[test]
fn what_is_refused_reports_no_progress() {
    let _process = up(Contract::Documented);
    let mut seen = Seen::default();
    for function in WATCHED {
        // Not an open session, and not a path.
        call(function, &watched(99, "", &mut seen));
    }
    assert_eq!(seen.progress, []);
}
