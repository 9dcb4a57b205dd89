//! Generated clients: a correct client has no mistake. With one mistake planted, exactly that one
//! is found.
//!
//! Each test has as many cases as `PROPTEST_CASES` says, 256 by default. A long run:
//!
//! ```text
//! PROPTEST_CASES=20000 cargo test --release --test it generated_clients
//! ```

use dism_emu::machine::{Call, Effect, Outcome};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Error, Hresult, ImagePath, Initialize, Journal, Memory, Mistake,
    OpenSession, Session, ThreadNumber, Timeline,
};
use proptest::prelude::*;

use crate::hand::{Hand, found};
use crate::support::{BUSY, REBOOT};

/// What a correct client does in a mode of the generator, besides the calls that all make.
#[derive(Clone, Copy, Debug)]
struct Mode {
    threads: u64,
    contracts: &'static [Contract],
    /// It initializes when a call finds the API not initialized.
    is_lazy: bool,
    /// A failing operation ends what its thread does: it releases all that it has.
    unwinds: bool,
    /// The test scripts answers.
    is_scripted: bool,
    /// Operations ask for a reload.
    reloads: bool,
    /// Opens fail, and it cleans up as the platform's own sample does.
    opens_fail: bool,
}

const ALL: &[Contract] = &Contract::ALL;
const THREADS: usize = 4;

/// Everything at once.
const POOLED: Mode = Mode {
    threads: THREADS as u64,
    contracts: ALL,
    is_lazy: true,
    unwinds: true,
    is_scripted: true,
    reloads: true,
    opens_fail: true,
};
const PLAIN: Mode = Mode {
    is_lazy: false,
    unwinds: false,
    is_scripted: false,
    reloads: false,
    opens_fail: false,
    ..POOLED
};
const SINGLE: Mode = Mode { threads: 1, ..POOLED };
const LAZY: Mode = Mode { is_lazy: true, is_scripted: true, ..PLAIN };
const RAII: Mode = Mode { unwinds: true, is_scripted: true, ..PLAIN };
const COUNTED: Mode = Mode { contracts: &[Contract::Recorded], is_scripted: true, ..PLAIN };
const SCRIPTED: Mode = Mode { is_scripted: true, ..PLAIN };
const RELOADING: Mode = Mode { reloads: true, is_scripted: true, ..PLAIN };
const FAILING_OPENS: Mode = Mode { opens_fail: true, is_scripted: true, ..PLAIN };

/// What operations return. Only a client that reloads gets a 1.
const RESULTS: &[u32] = &[0, 0, 3010, 0x800F_080C, 0x8007_06BE, 1];

/// A client that gets calls to try, and makes those that are correct.
struct Correct<'a> {
    hand: &'a mut Hand,
    mode: Mode,
    /// The thread of each initialize that no shutdown has undone yet.
    owners: Vec<u64>,
    /// Whether the last initialize of each thread failed while the thread had no other.
    gave_up: [bool; THREADS],
    /// The threads whose next call is an initialize, because the API was not initialized.
    lazy: Vec<u64>,
    /// The references to sessions, each with the thread that opened it.
    references: Vec<(u64, Session)>,
    /// The operations that have begun and not ended.
    running: Vec<(u64, Session)>,
    /// The closes that wait for operations.
    closing: Vec<(u64, Session)>,
    /// The sessions that are to be reloaded before the next operation.
    to_reload: Vec<Session>,
    memory: Vec<Memory>,
}

/// What to try: the thread, the kind of call, which of several, and the scripted answer.
type Try = (u64, u8, usize, Option<u32>);

fn tries(mode: Mode) -> impl Strategy<Value = Try> {
    let answer = prop_oneof![
        6 => Just(None),
        1 => prop_oneof![Just(0x800F_0902_u32), Just(0xC004_0001), Just(0x8007_02E4), Just(1)].prop_map(Some),
    ];
    let answer = answer.prop_map(move |answer| answer.filter(|_| mode.is_scripted));
    (1..=mode.threads, 0..15_u8, 0..6_usize, answer)
}

fn lives(mode: Mode) -> impl Strategy<Value = Vec<Try>> {
    prop::collection::vec(tries(mode), 0..150)
}

impl<'a> Correct<'a> {
    fn new(hand: &'a mut Hand, mode: Mode, gave_up: [bool; THREADS]) -> Self {
        Self {
            hand,
            mode,
            owners: Vec::new(),
            gave_up,
            lazy: Vec::new(),
            references: Vec::new(),
            running: Vec::new(),
            closing: Vec::new(),
            to_reload: Vec::new(),
            memory: Vec::new(),
        }
    }

    fn is_waiting(&self, thread: u64) -> bool {
        let mut waits = self.running.iter().chain(&self.closing).filter(|it| it.0 == thread);
        waits.any(|it| !self.hand.machine.is_ready(ThreadNumber::new(thread), it.1))
    }

    fn is_inside(&self, thread: u64) -> bool {
        self.running.iter().any(|it| it.0 == thread)
    }

    fn own(&self, thread: u64) -> Vec<Session> {
        let own = self.references.iter().filter(|it| it.0 == thread);
        own.map(|it| it.1).collect()
    }

    fn ask(&mut self, thread: u64, call: Call, answer: Option<u32>) -> Outcome {
        match answer {
            Some(answer) => self.hand.scripted(thread, call, Hresult::new(answer)),
            None => self.hand.take(thread, call),
        }
    }

    fn attempt(&mut self, (thread, what, which, answer): Try) {
        self.finish_closes();
        if self.is_waiting(thread) {
            return;
        }
        let gave_up = self.gave_up[thread as usize - 1];
        let may_use = !gave_up && !self.owners.is_empty();
        let own = self.own(thread);
        match what {
            11 => self.read_and_delete(thread, answer),
            _ if self.lazy.contains(&thread) => self.initialize(thread, answer),
            0 => self.initialize(thread, answer),
            1 | 2 if may_use => self.open(thread, which, answer),
            // An earlier task on this thread may have given up.
            1 | 2 if self.mode.is_lazy && self.owners.is_empty() => {
                let path = OpenSession::new("image");
                self.hand.take(thread, Call::OpenSession(path)).unwrap_err();
                self.lazy.push(thread);
            }
            3 | 4 if may_use && !self.references.is_empty() => {
                self.begin(thread, self.references[which % self.references.len()].1);
            }
            5..=7 => self.end(thread, which),
            8 | 9 if !own.is_empty() => self.close(thread, own[which % own.len()], answer),
            10 if may_use => {
                let memory = self.hand.hand_out(thread);
                self.memory.push(memory);
            }
            12 if !gave_up => self.shutdown(thread, answer),
            13 if self.mode.opens_fail => self.fail_to_open(thread),
            14 => self.reload(thread),
            _ => {}
        }
    }

    fn initialize(&mut self, thread: u64, answer: Option<u32>) {
        self.lazy.retain(|it| *it != thread);
        let outcome = self.ask(thread, Call::Initialize(Initialize::new()), answer);
        let owns = self.owners.contains(&thread);
        self.gave_up[thread as usize - 1] = outcome.is_err() && !owns;
        if outcome.is_ok() {
            self.owners.push(thread);
        } else if self.mode.opens_fail && self.owners.is_empty() {
            self.clean_up(thread);
            self.hand.shutdown(thread).unwrap_err();
        }
    }

    fn open(&mut self, thread: u64, which: usize, answer: Option<u32>) {
        let path = ["", DISM_ONLINE_IMAGE, r"C:\one", "c:/ONE/", r"D:\two", r"E:\three"][which];
        let open = Call::OpenSession(OpenSession::new(path));
        if let Ok(Effect::Opened { session, .. }) = self.ask(thread, open, answer) {
            self.references.push((thread, session));
        }
    }

    /// Tries a whole program whose open fails, as the platform's own sample cleans up.
    fn fail_to_open(&mut self, thread: u64) {
        let is_idle = self.owners.is_empty() && self.closing.is_empty() && self.memory.is_empty();
        if !is_idle || self.hand.initialize(thread).is_err() {
            return;
        }
        self.gave_up[thread as usize - 1] = false;
        self.hand.open_path(thread, "");
        self.clean_up(thread);
        self.hand.shutdown(thread).unwrap();
    }

    fn clean_up(&mut self, thread: u64) {
        let _ = self.hand.take(thread, Call::GetLastErrorMessage);
        let _ = self.hand.delete(thread, Memory::NULL);
        self.hand.close(thread, Session::DEFAULT).unwrap_err();
    }

    fn begin(&mut self, thread: u64, session: Session) {
        // A thread inside an operation waits for no other, so no thread waits for ever.
        let may_wait = !self.is_inside(thread) || self.running.iter().all(|it| it.1 != session);
        if may_wait && !self.to_reload.contains(&session) {
            self.hand.begin(thread, session).unwrap();
            self.running.push((thread, session));
        }
    }

    fn end(&mut self, thread: u64, which: usize) {
        let Some(at) = self.running.iter().rposition(|it| it.0 == thread) else { return };
        let (_, session) = self.running.remove(at);
        let result = RESULTS[which % (RESULTS.len() - usize::from(!self.mode.reloads))];
        let ended = self.hand.end(thread, session, Hresult::new(result));
        if result == 1 {
            self.to_reload.push(session);
        }
        if ended.is_err() && self.mode.unwinds && !self.is_inside(thread) {
            for session in self.own(thread).into_iter().rev() {
                self.close(thread, session, None);
            }
            if self.owners.contains(&thread) && !self.is_waiting(thread) {
                self.shutdown(thread, None);
            }
        }
    }

    /// Closes every reference of the thread to a session that is to be reloaded. It is opened again
    /// by another try.
    fn reload(&mut self, thread: u64) {
        for session in self.own(thread) {
            if self.to_reload.contains(&session) && !self.is_waiting(thread) {
                self.close(thread, session, None);
            }
        }
    }

    fn close(&mut self, thread: u64, session: Session, answer: Option<u32>) {
        if self.is_inside(thread) || self.is_waiting(thread) {
            return;
        }
        match self.ask(thread, Call::CloseSession { session }, answer) {
            Ok(effect) => {
                let at = self.references.iter().position(|it| *it == (thread, session));
                self.references.remove(at.unwrap());
                if matches!(effect, Effect::Closing { .. }) {
                    self.closing.push((thread, session));
                    self.to_reload.retain(|it| *it != session);
                }
            }
            Err(error) => assert!(matches!(error, Error::Failed { .. }), "{error}"),
        }
        self.finish_closes();
    }

    fn finish_closes(&mut self) {
        let (hand, closing) = (&mut *self.hand, &mut self.closing);
        closing.retain(|&(thread, session)| {
            let is_over = hand.machine.is_ready(ThreadNumber::new(thread), session);
            if is_over {
                hand.take(thread, Call::FinishClose { session }).unwrap();
            }
            !is_over
        });
    }

    fn read_and_delete(&mut self, thread: u64, answer: Option<u32>) {
        let _ = self.ask(thread, Call::GetLastErrorMessage, None);
        // The memory of a period that is over was deleted in it.
        if let Some(memory) = self.memory.pop() {
            if self.ask(thread, Call::Delete { memory }, answer).is_err() {
                self.memory.push(memory);
            }
        }
    }

    /// If it comes too early, it is refused and tried again later. If nothing is initialized, it
    /// has lost a race.
    fn shutdown(&mut self, thread: u64, answer: Option<u32>) {
        let is_last = self.owners.len() == 1;
        let is_free = self.references.is_empty() && self.closing.is_empty();
        if is_last && is_free && !self.memory.is_empty() {
            return;
        }
        if let Ok(effect) = self.ask(thread, Call::Shutdown, answer) {
            assert!(matches!(effect, Effect::ShutDown { .. }));
            let own = self.owners.iter().rposition(|owner| *owner == thread);
            self.owners.remove(own.unwrap_or(0));
            if self.owners.is_empty() {
                self.to_reload.clear();
            }
        }
    }

    /// Releases all that it has. Returns which threads gave up.
    fn go_home(mut self) -> [bool; THREADS] {
        while let Some(&(thread, _)) = self.running.iter().find(|it| !self.is_waiting(it.0)) {
            self.end(thread, 0);
        }
        self.finish_closes();
        for (thread, session) in self.references.clone() {
            self.close(thread, session, None);
        }
        assert!(self.running.is_empty() && self.closing.is_empty() && self.references.is_empty());
        while let Some(&thread) = self.lazy.last() {
            self.initialize(thread, None);
        }
        for memory in std::mem::take(&mut self.memory) {
            self.hand.delete(1, memory).unwrap();
        }
        while let Some(&thread) = self.owners.last() {
            self.shutdown(thread, None);
        }
        self.gave_up
    }
}

/// Runs a correct client to its end. `gave_up` goes on from one client to the next.
fn live(hand: &mut Hand, mode: Mode, gave_up: &mut [bool; THREADS], tries: &[Try]) {
    let mut client = Correct::new(hand, mode, *gave_up);
    tries.iter().for_each(|it| client.attempt(*it));
    *gave_up = client.go_home();
}

/// Nor has any part of its journal that goes to the end.
fn has_no_mistakes(
    mode: Mode,
    contract: usize,
    life: &[Try],
    cut: prop::sample::Index,
) -> Result<(), TestCaseError> {
    let mut hand = Hand::new(mode.contracts[contract % mode.contracts.len()]);
    live(&mut hand, mode, &mut [false; THREADS], life);
    let journal = hand.journal();
    journal.replay().unwrap();
    prop_assert_eq!(found(&journal), [], "{}", journal.timeline());
    let steps = &journal.steps()[cut.index(journal.steps().len() + 1)..];
    let part = Journal::from_steps(journal.config().clone(), steps.to_vec());
    prop_assert_eq!(found(&part), [], "{}", part.timeline());
    Ok(())
}

macro_rules! correct_clients {
    ($($name:ident $mode:ident)+) => {
        proptest! {
            $(
                #[test]
                fn $name(
                    contract in 0..2_usize,
                    life in lives($mode),
                    cut in any::<prop::sample::Index>(),
                ) {
                    has_no_mistakes($mode, contract, &life, cut)?;
                }
            )+
        }
    };
}

correct_clients! {
    a_correct_client_on_one_thread_has_no_mistakes SINGLE
    a_correct_client_on_a_pool_has_no_mistakes POOLED
    a_correct_client_without_failures_has_no_mistakes PLAIN
    a_correct_client_that_initializes_lazily_has_no_mistakes LAZY
    a_correct_client_that_unwinds_has_no_mistakes RAII
    a_correct_client_that_counts_has_no_mistakes COUNTED
    a_correct_client_with_scripted_failures_has_no_mistakes SCRIPTED
    a_correct_client_that_reloads_has_no_mistakes RELOADING
    a_correct_client_whose_opens_fail_has_no_mistakes FAILING_OPENS
}

/// The most variants that a mistake has.
const VARIANTS: usize = 6;

/// Makes one mistake. The process is down before it, and after it, too, unless leaving it up is the
/// mistake. Returns whether a correct client can follow.
fn plant(hand: &mut Hand, mistake: Mistake, thread: u64, other: u64, variant: usize) -> bool {
    let open = |path: &str| Call::OpenSession(OpenSession::new(path));
    let is_recorded = hand.contract() == Contract::Recorded;
    match mistake {
        Mistake::FailedInitializeIgnored => {
            ignore_a_failed_initialize(hand, thread, other, variant);
            return true;
        }
        Mistake::SFalseTakenForFailure if variant % 2 == 0 && is_recorded => {
            hand.initialize(other).unwrap();
            hand.initialize(thread).unwrap();
            hand.shutdown(other).unwrap();
            return false;
        }
        Mistake::SFalseTakenForFailure => {
            hand.scripted(thread, Call::Initialize(Initialize::new()), Hresult::S_FALSE).unwrap();
            return false;
        }
        _ => hand.initialize(thread).unwrap(),
    };
    match mistake {
        Mistake::ShutdownWithOpenSession => {
            let session = hand.open(other);
            match variant {
                0 => drop(hand.open_path(thread, "image")),
                1 => {
                    hand.open(thread);
                    hand.close(other, session).unwrap();
                }
                _ => {}
            }
            hand.shutdown(thread).unwrap_err();
            return false;
        }
        Mistake::NeverShutDown => {
            match variant {
                0 if is_recorded => {
                    hand.initialize(thread).unwrap();
                    hand.shutdown(thread).unwrap();
                }
                1 => drop(hand.open(thread)),
                2 => {
                    let session = hand.open(thread);
                    hand.operate(thread, session, Hresult::S_FALSE).unwrap();
                }
                3 => {
                    let session = hand.open(thread);
                    hand.operate(thread, session, BUSY).unwrap_err();
                    hand.close(other, session).unwrap();
                }
                _ => {}
            }
            return false;
        }
        Mistake::CloseTwice => close_twice(hand, thread, other, variant),
        Mistake::OverlappingPairs => {
            hand.initialize(other).unwrap_err();
            if variant == 0 {
                hand.shutdown(other).unwrap();
                hand.shutdown(thread).unwrap_err();
                return true;
            }
            hand.shutdown(thread).unwrap();
            hand.take(other, open("planted")).unwrap_err();
            if variant == 1 {
                hand.begin(other, Session::DEFAULT).unwrap_err();
                hand.close(other, Session::DEFAULT).unwrap_err();
            }
            // Or it would seem to initialize lazily.
            hand.shutdown(other).unwrap_err();
            return true;
        }
        Mistake::LeftAfterFailedOpen => {
            match variant {
                0 => drop(hand.open_path(thread, "")),
                1 => {
                    let session = hand.open(thread);
                    hand.scripted(thread, open("planted"), BUSY).unwrap_err();
                    hand.close(thread, session).unwrap();
                }
                2 => {
                    hand.scripted(thread, open("planted"), BUSY).unwrap_err();
                    hand.take(thread, Call::GetLastErrorMessage).unwrap();
                    hand.close(thread, Session::DEFAULT).unwrap_err();
                }
                _ => drop(hand.scripted(thread, open("planted"), BUSY).unwrap_err()),
            }
            return false;
        }
        Mistake::RebootTakenForFailure => {
            let session = hand.open(thread);
            hand.operate(other, session, REBOOT).unwrap();
            hand.close(thread, session).unwrap();
            if variant % 2 == 0 {
                return false;
            }
            hand.close([thread, other][variant / 2 % 2], session).unwrap_err();
        }
        Mistake::CallInsideOperation => {
            let session = hand.open(thread);
            hand.begin(thread, session).unwrap();
            match variant % 2 {
                0 => hand.begin(thread, session).unwrap_err(),
                _ => hand.close(thread, session).unwrap_err(),
            };
            hand.end(thread, session, Hresult::S_OK).unwrap();
            hand.close(thread, session).unwrap();
        }
        Mistake::HandleNotOpen => use_what_is_not_open(hand, thread, other, variant),
        Mistake::MemoryMishandled => {
            let memory = hand.hand_out(thread);
            match variant {
                0 => {
                    hand.delete(thread, memory).unwrap();
                    hand.delete(other, memory).unwrap_err();
                }
                1 => {
                    hand.delete(thread, memory).unwrap();
                    hand.delete(other, Memory::from_raw(u32::MAX)).unwrap_err();
                }
                _ => {}
            }
            hand.shutdown(thread).unwrap();
            if variant == 2 {
                hand.delete(thread, memory).unwrap_err();
            }
            return true;
        }
        Mistake::ReloadIgnored => ignore_a_reload(hand, thread, other, variant),
        Mistake::CalledWhileDown => {
            // Earlier tasks on the threads may have failed to initialize.
            hand.open_path(other, "image");
            hand.close(other, Session::from_raw(2)).unwrap();
            hand.shutdown(thread).unwrap();
            let caller = [thread, other][variant % 2];
            match variant / 2 {
                0 => drop(hand.take(caller, open("planted")).unwrap_err()),
                1 => drop(hand.begin(caller, Session::from_raw(77)).unwrap_err()),
                _ => {
                    let file = ImagePath::new("image.wim");
                    hand.take(caller, Call::GetImageInfo { file }).unwrap_err();
                    hand.close(caller, Session::DEFAULT).unwrap_err();
                }
            }
            hand.shutdown(caller).unwrap_err();
            return true;
        }
        _ => unreachable!("{mistake}"),
    }
    hand.shutdown(thread).unwrap();
    true
}

fn ignore_a_failed_initialize(hand: &mut Hand, thread: u64, other: u64, variant: usize) {
    let code =
        [BUSY, Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED, Hresult::WIN32_ELEVATION_REQUIRED];
    hand.scripted(thread, Call::Initialize(Initialize::new()), code[variant % 3]).unwrap_err();
    match variant {
        0 => {
            // Every C client does so.
            let _ = hand.take(thread, Call::GetLastErrorMessage);
            let _ = hand.delete(thread, Memory::NULL);
        }
        1 => drop(hand.close(thread, Session::DEFAULT).unwrap_err()),
        _ => {}
    }
    let worker = [thread, other][variant % 2];
    let session = hand.open(worker);
    hand.begin(worker, session).unwrap_err();
    hand.close(worker, session).unwrap_err();
    hand.open(thread);
    hand.shutdown(thread).unwrap_err();
}

fn close_twice(hand: &mut Hand, thread: u64, other: u64, variant: usize) {
    let session = hand.open(thread);
    if variant == 0 {
        hand.begin(other, session).unwrap();
        hand.take(thread, Call::CloseSession { session }).unwrap();
        // A third thread: the other one is inside the operation.
        let third = (1..).find(|it| *it != thread && *it != other).unwrap();
        hand.close(third, session).unwrap_err();
        hand.end(other, session, Hresult::S_OK).unwrap();
        hand.take(thread, Call::FinishClose { session }).unwrap();
        return;
    }
    hand.operate(thread, session, Hresult::S_FALSE).unwrap();
    hand.close(other, session).unwrap();
    match variant {
        1 => {
            let new = hand.open(thread);
            hand.close(thread, session).unwrap_err();
            hand.close(thread, new).unwrap();
        }
        2 => {
            hand.open_path(thread, "");
            hand.close(other, session).unwrap_err();
        }
        _ => drop(hand.close([thread, other][variant % 2], session).unwrap_err()),
    }
}

fn use_what_is_not_open(hand: &mut Hand, thread: u64, other: u64, variant: usize) {
    let session = hand.open(thread);
    hand.close(thread, session).unwrap();
    match variant {
        0 => drop(hand.begin(other, session).unwrap_err()),
        1 => drop(hand.begin(thread, Session::DEFAULT).unwrap_err()),
        2 => drop(hand.close(thread, Session::from_raw(1)).unwrap_err()),
        3 => {
            let session = hand.open_path(thread, "");
            hand.begin(thread, session).unwrap_err();
            hand.begin(thread, session).unwrap_err();
            hand.close(thread, session).unwrap_err();
        }
        4 => {
            let failed = hand.open_path(thread, "");
            hand.close(thread, failed).unwrap_err();
            hand.begin(thread, failed).unwrap_err();
        }
        _ => {
            hand.open_path(thread, "");
            hand.begin(thread, session).unwrap_err();
            hand.close(other, session).unwrap_err();
        }
    }
}

fn ignore_a_reload(hand: &mut Hand, thread: u64, other: u64, variant: usize) {
    let session = hand.open(thread);
    if variant % 2 == 0 {
        hand.operate(thread, session, Hresult::S_FALSE).unwrap();
    } else {
        hand.open(other);
        hand.operate(thread, session, Hresult::S_FALSE).unwrap();
        hand.close(thread, session).unwrap();
        hand.open(thread);
    }
    let result = [Hresult::S_FALSE, REBOOT, BUSY][variant / 2];
    for worker in [other, thread] {
        let _ = hand.operate(worker, session, result);
    }
    hand.close(thread, session).unwrap();
    if variant % 2 == 1 {
        hand.close(other, session).unwrap();
    }
}

fn has_only(
    mistake: Mistake,
    contract: usize,
    lives: &[Vec<Try>; 2],
    (thread, other): (u64, u64),
    variant: usize,
) -> Result<(), TestCaseError> {
    // The pairs overlap only where the second initialize is refused.
    let is_documented = contract == 0 || mistake == Mistake::OverlappingPairs;
    let contract = if is_documented { Contract::Documented } else { Contract::Recorded };
    let other = (thread + other) % THREADS as u64 + 1;
    let mut hand = Hand::new(contract);
    let mut gave_up = [false; THREADS];
    live(&mut hand, POOLED, &mut gave_up, &lives[0]);
    let before = hand.steps.len();
    if plant(&mut hand, mistake, thread + 1, other, variant) {
        live(&mut hand, POOLED, &mut gave_up, &lives[1]);
    }
    let journal = hand.journal();
    let found = journal.mistakes();
    let text = Timeline::new(&journal, &found).to_string();
    prop_assert_eq!(found.len(), 1, "{} in variant {}\n{}", mistake, variant, text);
    prop_assert_eq!(found[0].mistake, mistake, "in variant {}\n{}", variant, text);
    prop_assert!(found[0].at >= before, "{}", text);
    Ok(())
}

macro_rules! planted_mistakes {
    ($($name:ident $mistake:ident)+) => {
        const PLANTED: &[Mistake] = &[$(Mistake::$mistake),+];

        proptest! {
            $(
                #[test]
                fn $name(
                    contract in 0..2_usize,
                    lives in [lives(POOLED), lives(POOLED)],
                    threads in (0..THREADS as u64, 1..THREADS as u64),
                    variant in 0..VARIANTS,
                ) {
                    has_only(Mistake::$mistake, contract, &lives, threads, variant)?;
                }
            )+
        }
    };
}

planted_mistakes! {
    only_mistake_1_is_found_where_it_is_planted ShutdownWithOpenSession
    only_mistake_2_is_found_where_it_is_planted NeverShutDown
    only_mistake_3_is_found_where_it_is_planted CloseTwice
    only_mistake_4_is_found_where_it_is_planted OverlappingPairs
    only_mistake_5_is_found_where_it_is_planted LeftAfterFailedOpen
    only_mistake_6_is_found_where_it_is_planted SFalseTakenForFailure
    only_mistake_7_is_found_where_it_is_planted FailedInitializeIgnored
    only_mistake_8_is_found_where_it_is_planted RebootTakenForFailure
    only_mistake_9_is_found_where_it_is_planted CallInsideOperation
    only_mistake_10_is_found_where_it_is_planted HandleNotOpen
    only_mistake_11_is_found_where_it_is_planted MemoryMishandled
    only_mistake_12_is_found_where_it_is_planted ReloadIgnored
    only_mistake_13_is_found_where_it_is_planted CalledWhileDown
}

#[test]
fn every_mistake_is_planted() {
    assert_eq!(PLANTED, Mistake::ALL);
}
