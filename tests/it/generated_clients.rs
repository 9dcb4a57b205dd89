//! Generated clients: a correct client has no mistake. With one mistake planted, exactly that one
//! is found.

use dism_emu::machine::{Call, Effect, Outcome};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Error, Hresult, Initialize, Journal, Memory, Mistake, OpenSession,
    Session, ThreadNumber, Timeline,
};
use proptest::prelude::*;

use crate::hand::{Hand, found};
use crate::support::{self, BUSY, REBOOT};

/// A client that gets calls to try, and makes those that are correct.
struct Correct<'a> {
    hand: &'a mut Hand,
    /// The thread of each initialize that no shutdown has undone yet.
    owners: Vec<u64>,
    /// Whether the last initialize of each thread failed while the thread had no other.
    gave_up: [bool; THREADS],
    /// The references to sessions, each with the thread that opened it.
    references: Vec<(u64, Session)>,
    /// The operations that have begun and not ended.
    running: Vec<(u64, Session)>,
    /// The closes that wait for operations.
    closing: Vec<(u64, Session)>,
    memory: Vec<Memory>,
}

const THREADS: usize = 4;

/// What to try: the thread, the kind of call, which of several, and the scripted answer.
type Try = (u64, u8, usize, Option<u32>);

fn tries() -> impl Strategy<Value = Try> {
    let answer = prop_oneof![
        6 => Just(None),
        1 => prop_oneof![Just(0x800F_0902_u32), Just(0xC004_0001), Just(0x8007_02E4), Just(1)].prop_map(Some),
    ];
    (1..=THREADS as u64, 0..13_u8, 0..6_usize, answer)
}

impl<'a> Correct<'a> {
    fn new(hand: &'a mut Hand, gave_up: [bool; THREADS]) -> Self {
        Self {
            hand,
            owners: Vec::new(),
            gave_up,
            references: Vec::new(),
            running: Vec::new(),
            closing: Vec::new(),
            memory: Vec::new(),
        }
    }

    fn is_waiting(&self, thread: u64) -> bool {
        let mut waits = self.running.iter().chain(&self.closing).filter(|it| it.0 == thread);
        waits.any(|it| !self.hand.machine.is_ready(ThreadNumber::new(thread), it.1))
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
        let own: Vec<_> = self.references.iter().filter(|it| it.0 == thread).copied().collect();
        match what {
            0 => self.initialize(thread, answer),
            1 | 2 if may_use => {
                let path =
                    ["", DISM_ONLINE_IMAGE, r"C:\one", "c:/ONE/", r"D:\two", r"E:\three"][which];
                let open = Call::OpenSession(OpenSession::new(path));
                if let Ok(Effect::Opened { session, .. }) = self.ask(thread, open, answer) {
                    self.references.push((thread, session));
                }
            }
            3 | 4 if may_use && !self.references.is_empty() => {
                let session = self.references[which % self.references.len()].1;
                // A thread inside an operation waits for no other, so no thread waits for ever.
                let is_inside = self.running.iter().any(|it| it.0 == thread);
                if !is_inside || self.running.iter().all(|it| it.1 != session) {
                    self.hand.begin(thread, session).unwrap();
                    self.running.push((thread, session));
                }
            }
            5..=7 => self.end(thread, support::RESULTS[which]),
            8 | 9 if !own.is_empty() => self.close(thread, own[which % own.len()].1, answer),
            10 if may_use => {
                let memory = self.hand.hand_out(thread);
                self.memory.push(memory);
            }
            11 => {
                let _ = self.ask(thread, Call::GetLastErrorMessage, None);
                if let Some(memory) = self.memory.pop() {
                    if self.ask(thread, Call::Delete { memory }, answer).is_err() {
                        self.memory.push(memory);
                    }
                }
            }
            12 if !gave_up => self.shutdown(thread, answer),
            _ => {}
        }
    }

    fn initialize(&mut self, thread: u64, answer: Option<u32>) {
        let outcome = self.ask(thread, Call::Initialize(Initialize::new()), answer);
        let owns = self.owners.contains(&thread);
        self.gave_up[thread as usize - 1] = outcome.is_err() && !owns;
        if outcome.is_ok() {
            self.owners.push(thread);
        }
    }

    fn end(&mut self, thread: u64, result: u32) {
        let Some(at) = self.running.iter().rposition(|it| it.0 == thread) else { return };
        let (_, session) = self.running.remove(at);
        let _ = self.hand.end(thread, session, Hresult::new(result));
    }

    fn close(&mut self, thread: u64, session: Session, answer: Option<u32>) {
        if self.running.iter().any(|it| it.0 == thread) {
            return;
        }
        match self.ask(thread, Call::CloseSession { session }, answer) {
            Ok(effect) => {
                let at = self.references.iter().position(|it| *it == (thread, session));
                self.references.remove(at.unwrap());
                if matches!(effect, Effect::Closing { .. }) {
                    self.closing.push((thread, session));
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
        }
    }

    fn go_home(mut self) {
        while let Some(&(thread, _)) = self.running.iter().find(|it| !self.is_waiting(it.0)) {
            self.end(thread, 0);
        }
        self.finish_closes();
        for (thread, session) in self.references.clone() {
            self.close(thread, session, None);
        }
        assert!(self.running.is_empty() && self.closing.is_empty() && self.references.is_empty());
        for memory in std::mem::take(&mut self.memory) {
            self.hand.delete(1, memory).unwrap();
        }
        while let Some(&thread) = self.owners.last() {
            self.shutdown(thread, None);
        }
    }
}

/// Runs a correct client to its end. `gave_up` goes on from one client to the next.
fn live(hand: &mut Hand, gave_up: &mut [bool; THREADS], tries: &[Try]) {
    let mut client = Correct::new(hand, *gave_up);
    tries.iter().for_each(|it| client.attempt(*it));
    *gave_up = client.gave_up;
    client.go_home();
}

/// Makes one mistake. The process is down before it, and after it, too, unless leaving it up is the
/// mistake. Returns whether a correct client can follow.
fn plant(hand: &mut Hand, mistake: Mistake, thread: u64, other: u64, variant: usize) -> bool {
    let image = || Call::OpenSession(OpenSession::new("planted"));
    if mistake == Mistake::FailedInitializeIgnored {
        hand.scripted(thread, Call::Initialize(Initialize::new()), BUSY).unwrap_err();
        let session = hand.open(thread);
        hand.begin(thread, session).unwrap_err();
        return true;
    }
    if mistake == Mistake::SFalseTakenForFailure {
        if variant == 0 && hand.contract() == Contract::Recorded {
            hand.initialize(other).unwrap();
            hand.initialize(thread).unwrap();
            hand.shutdown(other).unwrap();
        } else {
            hand.scripted(thread, Call::Initialize(Initialize::new()), Hresult::S_FALSE).unwrap();
        }
        return false;
    }
    hand.initialize(thread).unwrap();
    match mistake {
        Mistake::ShutdownWithOpenSession => {
            hand.open(other);
            hand.shutdown(thread).unwrap_err();
            return false;
        }
        Mistake::NeverShutDown => {
            if variant == 0 && hand.contract() == Contract::Recorded {
                hand.initialize(thread).unwrap();
                hand.shutdown(thread).unwrap();
            } else if variant == 1 {
                hand.open(thread);
            }
            return false;
        }
        Mistake::CloseTwice => {
            let session = hand.open(thread);
            hand.close(other, session).unwrap();
            hand.close([thread, other][variant % 2], session).unwrap_err();
        }
        Mistake::OverlappingPairs => {
            hand.initialize(other).unwrap_err();
            if variant == 0 {
                hand.shutdown(other).unwrap();
                hand.shutdown(thread).unwrap_err();
                return true;
            }
            hand.shutdown(thread).unwrap();
            hand.take(other, image()).unwrap_err();
            return true;
        }
        Mistake::LeftAfterFailedOpen => {
            hand.scripted(thread, image(), BUSY).unwrap_err();
            return false;
        }
        Mistake::RebootTakenForFailure => {
            let session = hand.open(thread);
            hand.operate(other, session, REBOOT).unwrap();
            hand.close(thread, session).unwrap();
            if variant == 0 {
                return false;
            }
            hand.close(thread, session).unwrap_err();
        }
        Mistake::CallInsideOperation => {
            let session = hand.open(thread);
            hand.begin(thread, session).unwrap();
            match variant {
                0 => hand.begin(thread, session).unwrap_err(),
                _ => hand.close(thread, session).unwrap_err(),
            };
            hand.end(thread, session, Hresult::S_OK).unwrap();
            hand.close(thread, session).unwrap();
        }
        Mistake::HandleNotOpen => {
            let session = hand.open(thread);
            hand.close(thread, session).unwrap();
            let session = [session, Session::DEFAULT, Session::from_raw(1)][variant];
            hand.begin(thread, session).unwrap_err();
        }
        Mistake::MemoryMishandled => {
            let memory = hand.hand_out(thread);
            if variant == 0 {
                hand.delete(thread, memory).unwrap();
                hand.delete(other, memory).unwrap_err();
            }
            hand.shutdown(thread).unwrap();
            if variant == 1 {
                hand.delete(thread, memory).unwrap_err();
            }
            return true;
        }
        _ => unreachable!("{mistake}"),
    }
    hand.shutdown(thread).unwrap();
    true
}

fn lives() -> impl Strategy<Value = Vec<Try>> {
    prop::collection::vec(tries(), 0..150)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2 * ProptestConfig::default().cases))]

    /// Nor has any part of its journal that goes to the end.
    #[test]
    fn a_correct_client_has_no_mistakes(
        contract in 0..2_usize,
        life in lives(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut hand = Hand::new(Contract::ALL[contract]);
        live(&mut hand, &mut [false; THREADS], &life);
        let journal = hand.journal();
        journal.replay().unwrap();
        prop_assert_eq!(found(&journal), [], "{}", journal.timeline());
        let steps = &journal.steps()[cut.index(journal.steps().len() + 1)..];
        let part = Journal::from_steps(journal.config().clone(), steps.to_vec());
        prop_assert_eq!(found(&part), [], "{}", part.timeline());
    }

    #[test]
    fn a_client_with_one_planted_mistake_has_only_that_one(
        contract in 0..2_usize,
        lives in [lives(), lives()],
        mistake in 0..Mistake::ALL.len(),
        thread in 0..THREADS as u64,
        other in 1..THREADS as u64,
        variant in 0..3_usize,
    ) {
        let mistake = Mistake::ALL[mistake];
        let contract = Contract::ALL[contract];
        prop_assume!(mistake != Mistake::OverlappingPairs || contract == Contract::Documented);
        let other = (thread + other) % THREADS as u64 + 1;
        let mut hand = Hand::new(contract);
        let mut gave_up = [false; THREADS];
        live(&mut hand, &mut gave_up, &lives[0]);
        let before = hand.steps.len();
        if plant(&mut hand, mistake, thread + 1, other, variant) {
            live(&mut hand, &mut gave_up, &lives[1]);
        }
        let journal = hand.journal();
        let found = journal.mistakes();
        let text = Timeline::new(&journal, &found).to_string();
        prop_assert_eq!(found.len(), 1, "{}\n{}", mistake, text);
        prop_assert_eq!(found[0].mistake, mistake, "{}", text);
        prop_assert!(found[0].at >= before, "{}", text);
    }
}
