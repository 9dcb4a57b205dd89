//! Generated calls.
//!
//! 1. The machine answers every call as the reference does: both contracts, all disputed codes,
//!    three threads, valid and invalid handles.
//! 2. After every call the two agree on the state and on whose wait is over.
//! 3. The emulator answers as the reference does, and its journal replays.
//! 4. Successful shutdowns never outnumber initializations, and every period ends with one last
//!    shutdown at an instant when no session is open.

use dism_emu::{Call, Config, Effect, Machine, Session, ThreadId};
use proptest::prelude::*;

use crate::support::client::{Client, through_the_api};
use crate::support::reference::{Answer, Reference};
use crate::support::{self, Handle, Pick, unverified};

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
    // Eight times as many as usual; `PROPTEST_CASES` still sets how many that is.
    #![proptest_config(ProptestConfig::with_cases(8 * ProptestConfig::default().cases))]

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
            prop_assert_eq!(machine.state(), reference.state());
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
        let dism = unverified().config(config).build();
        let mut client = Client::new(&dism);
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
