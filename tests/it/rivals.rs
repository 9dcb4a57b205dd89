//! What [`dism_emu::docs::migration`] says of mocks and of hand-written fakes, and of the emulator
//! beside them: one test for each half of a claim.

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

/// Long enough for a call that nothing stops, which takes microseconds; a test that expects the call
/// not to come waits as long as that.
const A_WHILE: Duration = Duration::from_millis(200);

/// Nobody waits so long but where a test fails.
const FOR_EVER: Duration = Duration::from_secs(10);

/// As much of DISM as a program puts behind a trait.
#[automock]
trait Servicing {
    fn close(&self, session: u32) -> i32;
    fn shutdown(&self) -> i32;
}

/// How many of the threads that make one call at the same time have success.
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

/// A close that tells that it has begun and waits until it may return.
fn waiting_close() -> (impl FnMut(u32) -> i32 + Send + 'static, mpsc::Receiver<()>, mpsc::Sender<()>)
{
    let (begun, has_begun) = mpsc::channel();
    let (let_go, may_return) = mpsc::channel();
    let close = move |session| {
        if session == 2 {
            begun.send(()).unwrap();
            may_return.recv().unwrap();
        }
        0
    };
    (close, has_begun, let_go)
}

/// Closes session 2 on a thread of its own, and while it waits session 3 on another; gives what was
/// heard of the second close within the time until the first was let go, and after.
fn close_two(
    mock: MockServicing,
    has_begun: &mpsc::Receiver<()>,
    let_go: mpsc::Sender<()>,
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
        // Nobody listens any more where the answer came early.
        let _ = closed.send(mock.close(3));
    });
    called.recv().unwrap();
    let meanwhile = was_closed.recv_timeout(patience);
    let_go.send(()).unwrap();
    let afterwards = if meanwhile.is_ok() { meanwhile } else { was_closed.recv_timeout(FOR_EVER) };
    assert_eq!(first.join().unwrap(), 0);
    second.join().unwrap();
    [meanwhile, afterwards]
}

/// mockall runs the closure under the lock of its expectation.
#[test]
fn a_waiting_close_of_a_mock_stops_the_close_of_another_session() {
    let (close, has_begun, let_go) = waiting_close();
    let mut mock = MockServicing::new();
    mock.expect_close().returning(close);
    let heard = close_two(mock, &has_begun, let_go, A_WHILE);
    assert_eq!(heard, [Err(mpsc::RecvTimeoutError::Timeout), Ok(0)]);
}

/// The lock is the expectation's, not the mock's.
#[test]
fn an_expectation_of_its_own_lets_the_other_session_be_closed() {
    let (close, has_begun, let_go) = waiting_close();
    let mut mock = MockServicing::new();
    mock.expect_close().with(eq(2)).returning(close);
    mock.expect_close().with(eq(3)).return_const(0);
    let heard = close_two(mock, &has_begun, let_go, FOR_EVER);
    assert_eq!(heard, [Ok(0), Ok(0)]);
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

/// A fake in which a handle is a place in a list, and a place that is free is taken again.
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
fn the_close_of_a_stale_handle_is_named() {
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

/// mockall counts exactly; a rule says at most, and how many there were is for the test to ask.
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
fn a_mock_that_is_called_once_instead_of_twice_panics_where_it_is_dropped() {
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
