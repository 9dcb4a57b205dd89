//! Generated calls.
//!
//! 1. The machine answers every call as the reference does: both contracts, all disputed codes,
//!    three threads, valid and invalid handles.
//! 2. After every call the two agree on the state and on whose wait is over.
//! 3. The emulator answers as the reference does, and its journal replays.
//! 4. Successful shutdowns never outnumber initializations, and every period ends with one last
//!    shutdown at an instant when no session is open.

use dism_emu::{
    Call, Config, Effect, Emulator, Error, Hresult, Machine, Operation, Session, ThreadId,
};
use proptest::prelude::*;

use crate::support::reference::{Answer, Reference};
use crate::support::{self, Handle, Pick};

fn handles() -> impl Strategy<Value = Handle> {
    prop_oneof![
        6 => (0..4_u32).prop_map(Handle::Back),
        1 => (0..6_u32).prop_map(Handle::Raw),
        1 => any::<u32>().prop_map(Handle::Raw),
    ]
}

fn picks() -> impl Strategy<Value = Pick> {
    let placed = prop::bool::weighted(0.1);
    prop_oneof![
        3 => Just(Pick::Initialize),
        6 => (0..100_usize, placed).prop_map(|(path, placed)| Pick::Open { path, placed }),
        6 => (handles(), 0..100_usize)
            .prop_map(|(session, function)| Pick::Begin { session, function }),
        6 => (handles(), 0..100_usize).prop_map(|(session, result)| Pick::End { session, result }),
        6 => handles().prop_map(|session| Pick::Close { session }),
        4 => handles().prop_map(|session| Pick::Finish { session }),
        3 => Just(Pick::Shutdown),
        2 => Just(Pick::LastError),
    ]
}

fn configs() -> impl Strategy<Value = Config> {
    let last = prop_oneof![4 => Just(u32::MAX), 1 => 0..8_u32];
    (any::<usize>(), prop::bool::weighted(0.95), any::<[usize; 3]>(), last).prop_map(
        |(contract, elevated, codes, last)| support::config(contract, elevated, codes, last),
    )
}

/// The calls so far, one a line: what a failing test prints.
fn listed(calls: &[(u64, Call)]) -> String {
    calls.iter().map(|(thread, call)| format!("\n  t{thread} {call}")).collect()
}

/// What both contracts share: the last paragraph of the contract but one.
#[derive(Default)]
struct Ledger {
    initializations: u64,
    shutdowns: u64,
}

impl Ledger {
    fn count(&mut self, answer: Answer, open_sessions: usize) {
        match answer {
            Ok(Effect::Initialized { count }) => {
                self.initializations += 1;
                assert_eq!(u64::from(count), self.initializations - self.shutdowns);
            }
            Ok(Effect::ShutDown { count }) => {
                self.shutdowns += 1;
                assert_eq!(u64::from(count), self.initializations - self.shutdowns);
                assert!(count > 0 || open_sessions == 0, "a session outlived the last shutdown");
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn machine_answers_as_the_reference(
        config in configs(),
        picks in prop::collection::vec((1..4_u64, picks()), 1..120),
    ) {
        let mut machine = Machine::new(config);
        let mut reference = Reference::new(config);
        let mut ledger = Ledger::default();
        let mut calls = Vec::new();
        for (thread, pick) in picks {
            let call = pick.call(reference.next_number());
            calls.push((thread, call.clone()));
            let open_sessions = machine.state().open_sessions();
            let answer = machine.apply(ThreadId::new(thread), &call).map_err(|error| error.code());
            let expected = reference.apply(thread, &call);
            prop_assert_eq!(answer, expected, "last call of{}", listed(&calls));
            prop_assert_eq!(machine.state().is_initialized(), reference.initialized().is_some());
            prop_assert_eq!(machine.state().open_sessions(), reference.open_sessions());
            ledger.count(answer, open_sessions);
            for thread in 1..4 {
                for session in 0..reference.next_number() {
                    prop_assert_eq!(
                        machine.is_ready(ThreadId::new(thread), Session::from_raw(session)),
                        reference.is_ready(thread, session),
                        "is_ready of t{} on {} after{}", thread, session, listed(&calls),
                    );
                }
            }
        }
    }

    #[test]
    fn emulator_answers_as_the_reference(
        config in configs(),
        picks in prop::collection::vec(picks(), 1..120),
    ) {
        let dism = Emulator::builder().config(config).build();
        let mut client = Client { dism: &dism, operations: Vec::new() };
        let mut reference = Reference::new(config);
        let mut calls = Vec::new();
        for pick in picks {
            let call = pick.call(reference.next_number());
            // Neither is a function of the API, and the emulator lets nobody call it out of turn.
            let Some(answer) = client.call(&call) else { continue };
            calls.push((1, call.clone()));
            let expected = through_the_api(&mut reference, &call);
            prop_assert_eq!(answer, expected, "last call of{}", listed(&calls));
        }
        drop(client);
        let journal = dism.journal();
        let replayed = journal.replay();
        prop_assert!(replayed.is_ok(), "{}\n{journal}", replayed.unwrap_err());
        prop_assert_eq!(replayed.expect("just looked").state(), dism.state());
    }
}

/// One thread that calls the emulator and keeps its operations.
struct Client<'a> {
    dism: &'a Emulator,
    operations: Vec<Operation<'a>>,
}

impl Client<'_> {
    fn call(&mut self, call: &Call) -> Option<Result<u32, Hresult>> {
        let answer = match call {
            Call::Initialize => self.dism.initialize().map(Hresult::number),
            Call::OpenSession(open) => self.dism.open_session_with(open.clone()).map(Session::raw),
            Call::BeginOperation { session, function } => {
                self.dism.operation(*session, *function).map(|operation| {
                    self.operations.push(operation);
                    0
                })
            }
            Call::EndOperation { session, result } => {
                let at = self.operations.iter().position(|it| it.session() == *session)?;
                self.operations.remove(at).end_with(*result).map(Hresult::number)
            }
            Call::CloseSession { session } => {
                self.dism.close_session(*session).map(Hresult::number)
            }
            Call::Shutdown => self.dism.shutdown().map(|()| 0),
            Call::GetLastErrorMessage => {
                self.dism.last_error().map(|code| code.map_or(0, Hresult::number))
            }
            _ => return None,
        };
        Some(answer.map_err(|error: Error| error.code()))
    }
}

/// What the reference says, as the emulator's methods would say it.
fn through_the_api(reference: &mut Reference, call: &Call) -> Result<u32, Hresult> {
    Ok(match reference.apply(1, call)? {
        Effect::Opened { session, .. } => session.raw(),
        Effect::Initialized { count } => u32::from(count > 1),
        Effect::Ended { result } => result.number(),
        Effect::LastError(code) => code.map_or(0, Hresult::number),
        // On one thread a close that began has nothing to wait for: C7 sees to that.
        Effect::Closing { ready } => {
            assert!(ready);
            let Call::CloseSession { session } = *call else { panic!("{call} closes") };
            match reference.apply(1, &Call::FinishClose { session })? {
                Effect::Closed { reboot: true } => 3010,
                _ => 0,
            }
        }
        _ => 0,
    })
}
