//! The claims of [`dism_emu::docs::migration`] about mocks, hand-written fakes and the emulator:
//! each has one test for the mock or fake and one for the emulator.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use dism_emu::{
    DISM_ONLINE_IMAGE, Emulator, Error, Function, Hold, Hresult, Mistake, Rule, Session,
};
use mockall::automock;
use mockall::predicate::eq;

use crate::races::at_once;

const RACERS: usize = 4;

/// Long enough for a call that is not stopped, which takes microseconds. A test that expects no
/// call waits that long.
const A_WHILE: Duration = Duration::from_millis(200);

/// Only a failing test waits that long.
const FOR_EVER: Duration = Duration::from_secs(10);

/// The part of DISM that a program puts behind a trait.
#[automock]
trait Servicing {
    fn close(&self, session: u32) -> i32;
    fn shutdown(&self) -> i32;
}

/// Makes a call on several threads at once. Returns how many of them succeed.
fn winners(call: impl FnOnce() -> bool + Clone + Send + 'static) -> usize {
    at_once(RACERS, call).into_iter().map(usize::from).sum()
}

#[test]
fn every_racer_wins_the_shutdown_of_a_mock_that_returns_a_constant() {
    let mut mock = MockServicing::new();
    mock.expect_shutdown().return_const(0);
    let mock = Arc::new(mock);
    assert_eq!(winners(move || mock.shutdown() == 0), RACERS);
}

/// S5.
#[test]
fn one_racer_wins_the_shutdown_of_the_emulator() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let racer = dism.clone();
    assert_eq!(winners(move || racer.shutdown().is_ok()), 1);
}

/// Returns a close that sends a message when it begins and waits for one before it returns.
fn waiting_close() -> (impl FnMut(u32) -> i32 + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>)
{
    let (begun, has_begun) = mpsc::channel();
    let (let_return, may_return) = mpsc::channel();
    let close = move |session| {
        if session == 2 {
            begun.send(()).unwrap();
            may_return.recv().unwrap();
        }
        0
    };
    (close, has_begun, let_return)
}

/// Closes session 2 on one thread, and session 3 on another while the first close waits. Returns
/// what the second close returned before the first one was released, and what it returned after.
fn close_two(
    mock: MockServicing,
    has_begun: &mpsc::Receiver<()>,
    let_return: mpsc::Sender<()>,
    patience: Duration,
) -> [Result<i32, mpsc::RecvTimeoutError>; 2] {
    let mock = Arc::new(mock);
    let (closed, was_closed) = mpsc::channel();
    let (calls, called) = mpsc::channel();
    let first = thread::spawn({
        let mock = mock.clone();
        move || mock.close(2)
    });
    has_begun.recv().unwrap();
    let second = thread::spawn(move || {
        calls.send(()).unwrap();
        // If the answer came early, there is no receiver any more.
        let _ = closed.send(mock.close(3));
    });
    called.recv().unwrap();
    let meanwhile = was_closed.recv_timeout(patience);
    let_return.send(()).unwrap();
    let afterwards = if meanwhile.is_ok() { meanwhile } else { was_closed.recv_timeout(FOR_EVER) };
    assert_eq!(first.join().unwrap(), 0);
    second.join().unwrap();
    [meanwhile, afterwards]
}

/// mockall runs the closure of an expectation under the lock of that expectation.
#[test]
fn a_waiting_close_of_a_mock_stops_the_close_of_another_session() {
    let (close, has_begun, let_return) = waiting_close();
    let mut mock = MockServicing::new();
    mock.expect_close().returning(close);
    let returned = close_two(mock, &has_begun, let_return, A_WHILE);
    assert_eq!(returned, [Err(mpsc::RecvTimeoutError::Timeout), Ok(0)]);
}

/// The lock belongs to the expectation, not to the mock.
#[test]
fn a_separate_expectation_does_not_stop_the_other_close() {
    let (close, has_begun, let_return) = waiting_close();
    let mut mock = MockServicing::new();
    mock.expect_close().with(eq(2)).returning(close);
    mock.expect_close().with(eq(3)).return_const(0);
    let returned = close_two(mock, &has_begun, let_return, FOR_EVER);
    assert_eq!(returned, [Ok(0), Ok(0)]);
}

/// P2, C4.
#[test]
fn a_waiting_close_of_the_emulator_stops_no_other_session() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let first = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
    let second = dism.open_session(r"D:\mount").unwrap();
    let hold = emulator.hold(Hold::closing().session(first));
    thread::scope(|scope| {
        let closer = scope.spawn(|| dism.close_session(first));
        hold.wait();
        assert_eq!(dism.close_session(second), Ok(Hresult::S_OK));
        assert!(!closer.is_finished());
        hold.release();
        assert_eq!(closer.join().unwrap(), Ok(Hresult::S_OK));
    });
    dism.shutdown().unwrap();
}

/// A fake whose handles are indexes of a list, and which reuses a free index.
#[derive(Default)]
struct Fake {
    sessions: Mutex<Vec<Option<String>>>,
}

impl Fake {
    fn open(&self, image: &str) -> usize {
        let mut sessions = self.sessions.lock().unwrap();
        let free = sessions.iter().position(Option::is_none).unwrap_or(sessions.len());
        if free == sessions.len() {
            sessions.push(None);
        }
        sessions[free] = Some(image.to_owned());
        free
    }

    fn close(&self, session: usize) -> Option<String> {
        self.sessions.lock().unwrap().get_mut(session)?.take()
    }
}

#[test]
fn a_stale_handle_of_a_fake_that_reuses_numbers_closes_the_next_session() {
    let fake = Fake::default();
    let stale = fake.open("first");
    assert_eq!(fake.close(stale).as_deref(), Some("first"));
    let next = fake.open("second");
    assert_eq!(fake.close(stale).as_deref(), Some("second"));
    assert_eq!(fake.close(next), None);
}

/// O2, C2.
#[test]
fn a_stale_handle_of_the_emulator_closes_nothing() {
    let dism = Emulator::builder().verify_on_drop(false).build().dism();
    dism.initialize().unwrap();
    let stale = dism.open_session("first").unwrap();
    dism.close_session(stale).unwrap();
    let next = dism.open_session("second").unwrap();
    let refused = dism.close_session(stale);
    assert!(matches!(refused, Err(Error::InvalidSession { session, .. }) if session == stale));
    assert_eq!(dism.close_session(next), Ok(Hresult::S_OK));
}

#[test]
fn the_close_of_a_stale_handle_is_reported() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let stale = dism.open_session("first").unwrap();
    dism.close_session(stale).unwrap();
    let next = dism.open_session("second").unwrap();
    dism.close_session(stale).unwrap_err();
    dism.close_session(next).unwrap();
    dism.shutdown().unwrap();
    let report = emulator.verify().unwrap_err();
    let found: Vec<_> = report.mistakes().iter().map(|found| found.mistake).collect();
    assert_eq!(found, [Mistake::CloseTwice]);
}

/// mockall expects an exact number of calls. `times` sets only how many calls a rule answers at
/// most.
#[test]
fn a_rule_for_two_calls_that_fired_once_is_not_reported() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    let rule = emulator.script(Rule::on(Function::GetImageInfo).times(2));
    dism.image_info("image.wim").unwrap();
    dism.shutdown().unwrap();
    assert_eq!(rule.fired(), 1);
    emulator.verify().unwrap();
}

#[test]
fn a_mock_that_is_called_once_instead_of_twice_panics_when_it_is_dropped() {
    let mut mock = MockServicing::new();
    mock.expect_shutdown().times(2).return_const(0);
    mock.shutdown();
    let dropped = std::panic::catch_unwind(move || drop(mock));
    assert!(dropped.is_err());
}

/// The numbers of rule O2 do not depend on which sessions are open.
#[test]
fn the_emulator_hands_out_no_number_twice() {
    let emulator = Emulator::new();
    let dism = emulator.dism();
    dism.initialize().unwrap();
    for number in 2..6 {
        let session = dism.open_session(DISM_ONLINE_IMAGE).unwrap();
        assert_eq!(session, Session::from_raw(number));
        dism.close_session(session).unwrap();
    }
    dism.shutdown().unwrap();
}
