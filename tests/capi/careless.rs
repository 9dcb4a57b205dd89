//! What programs in C may do, and which of their mistakes are reported.

use std::ffi::c_void;
use std::sync::mpsc::{self, Receiver, Sender};
use std::{ptr, thread};

use dism_emu::capi::Process;
use dism_emu::capi::ffi::{
    DISM_SESSION_DEFAULT, DismDelete, DismGetFeatureInfo, DismGetFeatures, DismImageIndex,
    DismInitialize, DismMountImage, DismOpenSession, DismPackageName, DismPackageNone,
    DismRestoreImageHealth,
};
use dism_emu::machine::Step;
use dism_emu::{Contract, Emulator, Function, Hold, Hresult, ImagePath, Mistake, Rule};

use crate::c::{close, open, process, shutdown, up};
use crate::exports::wide;
use crate::support::{IMAGE, failing, unverified};

fn found(process: &Process) -> Vec<Mistake> {
    process.emulator().journal().mistakes().iter().map(|it| it.mistake).collect()
}

/// X2: packed structures can have texts at any address.
#[test]
fn x2_a_text_may_lie_at_an_odd_address() {
    let _process = up(Contract::Documented);
    let bytes: Vec<u8> =
        [0].into_iter().chain(wide(IMAGE).iter().flat_map(|it| it.to_ne_bytes())).collect();
    let (mut odd, mut even) = (DISM_SESSION_DEFAULT, DISM_SESSION_DEFAULT);
    let null = ptr::null();
    // SAFETY: both texts end in a 0, and the sessions can be written.
    unsafe {
        let text = bytes.as_ptr().add(1).cast();
        assert_eq!(DismOpenSession(text, null, null, &mut odd), 0);
        assert_eq!(DismOpenSession(wide(IMAGE).as_ptr(), null, null, &mut even), 0);
    }
    assert_eq!(odd, even, "O3, O6: it is the same image");
}

/// X2: what the other arguments make meaningless is not looked at.
#[test]
fn x2_a_name_that_is_not_asked_for_may_be_anything() {
    let _process = up(Contract::Documented);
    let (file, path) = (wide("a.wim"), wide(IMAGE));
    let nowhere = ptr::without_provenance(0x10);
    // SAFETY: the texts end in a 0; the image is identified by its number.
    let mounted = unsafe {
        DismMountImage(
            file.as_ptr(),
            path.as_ptr(),
            1,
            nowhere,
            DismImageIndex,
            0,
            ptr::null_mut(),
            None,
            ptr::null_mut(),
        )
    };
    assert_eq!(mounted, 0);
}

/// X2: the package of a list of features is read only if it is asked for, and is then its name.
#[test]
fn x2_a_package_that_is_not_asked_for_may_be_anything() {
    let process = up(Contract::Documented);
    let session = open(IMAGE);
    let package = wide("Package_for_KB1");
    let (mut features, mut count) = (ptr::null_mut(), 0);
    let mut list = |identifier, kind| {
        // SAFETY: the identifier is a text if the kind asks for one; the rest can be written.
        unsafe { DismGetFeatures(session, identifier, kind, &mut features, &mut count) }
    };
    assert_eq!(list(ptr::without_provenance(0x10), DismPackageNone), 0);
    assert_eq!(list(package.as_ptr(), DismPackageName), 0);
    let journal = process.emulator().journal();
    let is_list = |step: &&Step| step.call.function() == Some(Function::GetFeatures);
    let names: Vec<_> = journal.steps().iter().filter(is_list).map(|it| it.call.name()).collect();
    assert_eq!(names, [None, Some(&ImagePath::new("Package_for_KB1"))]);
}

#[test]
fn mistake_5_of_an_open_without_a_path() {
    let process = up(Contract::Documented);
    let mut session = DISM_SESSION_DEFAULT;
    // SAFETY: NULL is allowed everywhere, and refused.
    let opened = unsafe { DismOpenSession(ptr::null(), ptr::null(), ptr::null(), &mut session) };
    assert_eq!(opened as u32, Hresult::E_INVALIDARG.number());
    assert_eq!(found(&process), [Mistake::LeftAfterFailedOpen]);
}

#[test]
fn mistake_7_of_a_program_that_goes_on_to_mount() {
    let process = Process::start(unverified().elevated(false));
    // SAFETY: NULL is allowed everywhere.
    unsafe {
        assert_ne!(DismInitialize(0, ptr::null(), ptr::null()), 0);
        DismOpenSession(ptr::null(), ptr::null(), ptr::null(), ptr::null_mut());
    }
    assert_eq!(found(&process), [Mistake::FailedInitializeIgnored]);
}

/// C has no locations: equal calls are one group, whatever their number.
#[test]
fn a_mistake_in_a_loop_is_reported_once() {
    let process = up(Contract::Documented);
    (0..30_000).for_each(|_| assert!(close(7).is_failure()));
    close(8);
    shutdown();
    let report = process.emulator().verify().unwrap_err();
    assert_eq!(report.mistakes().len(), 30_001);
    let text = report.to_string();
    assert_eq!(text.matches("mistake 10, handle not open: call ").count(), 2, "{text}");
    assert!(text.contains("3, 4, 5, 6, 7, 8, 9, 10 and 29991 more"), "{text}");
    assert!(text.lines().count() < 100, "{text}");
}

/// D3: two pointers that no function handed out are two mistakes.
#[test]
fn mistake_11_of_each_pointer_that_was_not_handed_out() {
    let process = up(Contract::Documented);
    for address in [0x1000, 0x2000] {
        // SAFETY: any value is allowed.
        let deleted = unsafe { DismDelete(ptr::without_provenance_mut(address)) };
        assert_eq!(deleted as u32, Hresult::E_INVALIDARG.number());
    }
    let expected = [Mistake::NeverShutDown, Mistake::MemoryMishandled, Mistake::MemoryMishandled];
    assert_eq!(found(&process), expected);
    assert!(process.emulator().journal().to_string().contains("unknown memory"));
}

/// X1: a look-up that has succeeded returns what it found, whatever other threads do.
#[test]
fn x1_a_look_up_succeeds_as_a_whole() {
    let process = up(Contract::Documented);
    let emulator = process.emulator();
    let dism = emulator.dism();
    let known = emulator.script(Rule::on(Function::GetFeatureInfo));
    let session = dism.open_session(IMAGE).unwrap();
    let hold = emulator.hold(Hold::returning(Function::GetFeatureInfo));
    let name = wide("NetFx3");
    thread::scope(|scope| {
        let look_up = scope.spawn(|| {
            let mut info = ptr::null_mut();
            // SAFETY: the name ends in a 0, and `info` can be written.
            let code = unsafe {
                DismGetFeatureInfo(session.raw(), name.as_ptr(), ptr::null(), 0, &mut info)
            };
            (code, info.is_null())
        });
        hold.wait();
        dism.close_session(session).unwrap();
        dism.shutdown().unwrap();
        hold.release();
        assert_eq!(look_up.join().unwrap(), (0, false));
    });
    drop(known);
    emulator.journal().replay().unwrap();
}

#[test]
fn a_second_process_on_one_thread_does_not_wait_for_itself() {
    let first = process(Contract::Documented);
    let said = failing(|| drop(process(Contract::Documented)));
    assert!(said.contains("already has a process"), "{said}");
    drop(first);
    drop(process(Contract::Documented));
}

/// A thread that the code under test started and never joined is still in a call.
#[test]
fn a_call_that_outlives_its_process_is_not_blamed_for_its_mistakes() {
    struct Meeting(Sender<()>, Receiver<()>);
    unsafe extern "system" fn meet(current: u32, _total: u32, meeting: *mut c_void) {
        // SAFETY: the test passes its own, which outlives the call.
        let Meeting(there, go_on) = unsafe { &*meeting.cast::<Meeting>() };
        if current == 0 {
            there.send(()).unwrap();
            go_on.recv().unwrap();
        }
    }

    let process = Process::start(Emulator::builder());
    let dism = process.emulator().dism();
    dism.initialize().unwrap();
    let session = dism.open_session(IMAGE).unwrap().raw();
    let (there, is_there) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let outlives = thread::spawn(move || {
        let meeting = Meeting(there, may_go_on);
        let user = (&raw const meeting).cast_mut().cast();
        let none = ptr::null_mut();
        // SAFETY: an empty list may be NULL, and the callback gets what it expects.
        unsafe { DismRestoreImageHealth(session, ptr::null(), 0, 0, none, Some(meet), user) }
    });
    is_there.recv().unwrap();
    // The open session and everything else is reported here, and nowhere else.
    assert!(process.emulator().verify().is_err());
    drop(process);
    go_on.send(()).unwrap();
    assert_eq!(outlives.join().unwrap(), 0);
}
