//! Progress callbacks: in order, on the calling thread, never under the lock.

use std::ffi::c_void;
use std::thread::{self, ThreadId};

use dism_emu::machine::State;
use dism_emu::{Contract, Function, Hresult, Progress, Rule};

use crate::c::{call, mount, open, up};
use crate::exports::{EXPORTS, Given, code};
use crate::support::{BUSY, IMAGE};

/// What a callback has seen.
#[derive(Default)]
struct Seen {
    progress: Vec<(u32, u32)>,
    threads: Vec<ThreadId>,
    codes: Vec<Hresult>,
    session: u32,
    mounted: Vec<u32>,
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

/// Notes the progress, and how many images are mounted meanwhile.
unsafe extern "system" fn look(current: u32, total: u32, user: *mut c_void) {
    // SAFETY: as above.
    let seen = unsafe { &mut *user.cast::<Seen>() };
    seen.progress.push((current, total));
    let list = Given::new(0, "");
    seen.codes.push(call(Function::GetMountedImageInfo, &list));
    seen.mounted.push(list.number_at(1));
}

/// Returns arguments of the function, with an image mounted for it and a session open on it, if it
/// takes one. The progress goes to `seen`.
fn ready(function: Function, seen: &mut Seen) -> Given {
    mount(IMAGE);
    let session = if function.is_operation() { open(IMAGE) } else { 0 };
    let text = if function == Function::MountImage { "elsewhere" } else { IMAGE };
    let user = (&raw mut *seen).cast();
    Given { progress: Some(look), user, ..Given::new(session, text) }
}

const QUARTERS: [(u32, u32); 5] = [(0, 100), (25, 100), (50, 100), (75, 100), (100, 100)];

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
            mount(IMAGE);
            let mut seen = Seen::default();
            let is_operation = export.function.is_operation();
            let session = if is_operation { open(IMAGE) } else { 0 };
            let text = if export.function == Function::MountImage { "elsewhere" } else { IMAGE };
            let given = watched(session, text, &mut seen);
            assert_eq!(code((export.call)(&given)), Hresult::S_OK, "{}", export.name);
            assert_eq!(seen.progress, QUARTERS, "{}", export.name);
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
fn what_is_going_to_fail_does_not_reach_100() {
    for function in WATCHED {
        let process = up(Contract::Documented);
        let mut seen = Seen::default();
        let given = ready(function, &mut seen);
        let _rule = process.emulator().script(Rule::on(function).fail(BUSY));
        assert_eq!(call(function, &given), BUSY, "{function}");
        assert_eq!(seen.progress, QUARTERS[..4], "{function}");
    }
}

/// A mount and an unmount report their progress before they take effect.
#[test]
fn x1_the_callback_of_a_mount_finds_nothing_changed() {
    for (function, then) in [(Function::MountImage, 2), (Function::UnmountImage, 0)] {
        let process = up(Contract::Documented);
        let mut seen = Seen::default();
        assert_eq!(call(function, &ready(function, &mut seen)), Hresult::S_OK, "{function}");
        assert_eq!(seen.mounted, [1; 5], "{function}");
        assert_eq!(process.emulator().dism().mounted_images().unwrap().len(), then, "{function}");
    }
}

/// What a callback does can take away what its mount needs: the mount then fails, and nothing else
/// happens.
#[test]
fn x1_a_mount_that_is_no_longer_allowed_after_its_progress_fails() {
    unsafe extern "system" fn mount_first(current: u32, _total: u32, _user: *mut c_void) {
        if current == 100 {
            mount("elsewhere");
        }
    }
    let process = up(Contract::Documented);
    let given = Given { progress: Some(mount_first), ..Given::new(0, "elsewhere") };
    assert_eq!(call(Function::MountImage, &given).number(), 0xC142_0113);
    let emulator = process.emulator();
    assert_eq!(emulator.dism().mounted_images().unwrap().len(), 1);
    emulator.journal().replay().unwrap();
}

/// P7: in time, after each number of reports.
#[test]
fn p7_a_call_that_is_cancelled_in_time_fails_and_a_mount_changes_nothing() {
    for function in WATCHED {
        for reports in 0..=5 {
            let process = up(Contract::Documented);
            let mut seen = Seen::default();
            let given = ready(function, &mut seen);
            // Whatever the rule answers otherwise.
            let rule = Rule::on(function).answer(3010).cancel_after(reports);
            let _rule = process.emulator().script(rule);
            assert_eq!(call(function, &given).number(), 0x8007_04D3, "{function} {reports}");
            assert_eq!(seen.progress, QUARTERS[..reports as usize], "{function} {reports}");
            let mounted = process.emulator().dism().mounted_images().unwrap();
            assert_eq!(mounted.len(), 1, "{function} {reports}");
            process.emulator().journal().replay().unwrap();
        }
    }
}

#[test]
fn p7_a_rule_says_with_what_a_cancelled_call_fails() {
    for function in WATCHED {
        let process = up(Contract::Documented);
        let mut seen = Seen::default();
        let given = ready(function, &mut seen);
        let rule = Rule::on(function).cancel_after(1).cancelled_with(0x8007_04C7);
        let _rule = process.emulator().script(rule);
        assert_eq!(call(function, &given).number(), 0x8007_04C7, "{function}");
        assert_eq!(seen.progress, QUARTERS[..1], "{function}");
    }
}

#[test]
fn p7_a_cancel_that_comes_too_late_changes_nothing() {
    for function in WATCHED {
        for (answer, expected) in [(0, 5), (3010, 5), (BUSY.number(), 4)] {
            let process = up(Contract::Documented);
            let mut seen = Seen::default();
            let given = ready(function, &mut seen);
            let rule = Rule::on(function).answer(answer).cancel_after(3).cancellable_until(3);
            let _rule = process.emulator().script(rule);
            assert_eq!(call(function, &given).number(), answer, "{function}");
            assert_eq!(seen.progress, QUARTERS[..expected], "{function} {answer:#X}");
        }
    }
}

/// P7: the event of a call is set before its first report, or by its callback.
#[test]
#[cfg(windows)]
fn p7_a_cancel_event_is_read_before_the_first_report_and_after_each() {
    use dism_emu::capi::ffi::HANDLE;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn CreateEventW(
            attributes: *mut c_void,
            manual_reset: i32,
            initial_state: i32,
            name: *const u16,
        ) -> HANDLE;
        fn SetEvent(event: HANDLE) -> i32;
        fn CloseHandle(handle: HANDLE) -> i32;
    }

    struct Cancels {
        event: HANDLE,
        at: u32,
        reports: u32,
    }

    unsafe extern "system" fn cancel(current: u32, _total: u32, user: *mut c_void) {
        // SAFETY: the test passes its own, which outlives the call.
        let cancels = unsafe { &mut *user.cast::<Cancels>() };
        cancels.reports += 1;
        if current == cancels.at {
            // SAFETY: it is an event.
            assert_ne!(unsafe { SetEvent(cancels.event) }, 0);
        }
    }

    for function in WATCHED {
        for (is_set, at, reports) in [(1, 200, 0), (0, 0, 1), (0, 50, 3), (0, 100, 5)] {
            let process = up(Contract::Documented);
            // SAFETY: NULL is allowed for both pointers.
            let event = unsafe { CreateEventW(std::ptr::null_mut(), 1, is_set, std::ptr::null()) };
            assert!(!event.is_null());
            let mut cancels = Cancels { event, at, reports: 0 };
            let given = Given {
                cancel: event,
                progress: Some(cancel),
                user: (&raw mut cancels).cast(),
                ..ready(function, &mut Seen::default())
            };
            assert_eq!(call(function, &given).number(), 0x8007_04D3, "{function} {at}");
            assert_eq!(cancels.reports, reports, "{function} {at}");
            let mounted = process.emulator().dism().mounted_images().unwrap();
            assert_eq!(mounted.len(), 1, "{function} {at}");
            let timeline = process.emulator().journal().timeline().to_string();
            assert!(!timeline.contains("scripted"), "{timeline}");
            // SAFETY: nothing uses the event any more.
            assert_ne!(unsafe { CloseHandle(event) }, 0);
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
