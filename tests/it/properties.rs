//! Generated calls.
//!
//! 1. The machine answers every call as the reference does: under both contracts, with all disputed
//!    codes, on three threads, with valid and invalid handles, with and without a scripted answer.
//! 2. After every call the two agree on the state, on the last error of every thread, and on which
//!    threads have to wait no longer.
//! 3. The emulator answers as the reference does while rules are put in force and taken back, and
//!    its rules fire as often as those of the reference.
//! 4. The emulator does so even while a hold stops a call of another thread at any of its points.
//! 5. Its journal has the reference's calls and answers, step by step, and replays.
//! 6. It reports exactly those rules that did not fire as expected.
//! 7. Successful shutdowns never outnumber initializations, and every period ends with one last
//!    shutdown at an instant when no session is open.

use dism_emu::machine::{Call, Effect, Machine};
use dism_emu::{Session, ThreadNumber};
use proptest::prelude::*;

use crate::strategies::{acts, choices, configs, picks, scripts_with_a_hold};
use crate::support;
use crate::support::client::run;
use crate::support::reference::{Answer, Reference};

/// Lists the calls so far, one on a line, for a failing test.
fn listed(calls: &[(u64, Call)]) -> String {
    calls.iter().map(|(thread, call)| format!("\n  t{thread} {call}")).collect()
}

/// What holds under both contracts: initializes and shutdowns balance.
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
    // Eight times as many cases as usual; `PROPTEST_CASES` still sets the usual number.
    // If a hold is at the wrong point, every attempt to shrink a script takes the hold's deadline.
    #![proptest_config(ProptestConfig {
        cases: 8 * ProptestConfig::default().cases,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn machine_answers_as_the_reference(
        config in configs(),
        picks in prop::collection::vec(
            (1..4_u64, prop::option::weighted(0.2, choices()), picks()),
            1..120,
        ),
    ) {
        let mut machine = Machine::new(config.clone());
        let mut reference = Reference::new(config);
        let mut ledger = Ledger::default();
        let mut calls = Vec::new();
        for (thread, answer, pick) in picks {
            let call = support::scripted(pick.call(reference.next()), answer);
            calls.push((thread, call.clone()));
            let open_sessions = machine.state().open_sessions();
            let answer = machine.apply(ThreadNumber::new(thread), &call).map_err(|error| error.code());
            let expected = reference.apply(thread, &call);
            prop_assert_eq!(answer, expected, "last call of{}", listed(&calls));
            prop_assert_eq!(machine.state(), reference.state());
            ledger.count(answer, open_sessions);
            for thread in 1..4 {
                let call = Call::GetLastErrorMessage;
                let last = machine.apply(ThreadNumber::new(thread), &call).map_err(|it| it.code());
                prop_assert_eq!(
                    last,
                    reference.apply(thread, &call),
                    "last error of t{} after{}", thread, listed(&calls),
                );
                for session in 0..reference.next().session {
                    prop_assert_eq!(
                        machine.is_ready(ThreadNumber::new(thread), Session::from_raw(session)),
                        reference.is_ready(thread, session),
                        "is_ready of t{} on {} after{}", thread, session, listed(&calls),
                    );
                }
            }
        }
    }

    #[test]
    fn emulator_answers_as_the_references(
        config in configs(),
        acts in prop::collection::vec(acts(), 1..120),
    ) {
        run(config, &acts).map_err(TestCaseError::fail)?;
    }

    /// X1: a hold decides when the instants of one call happen.
    #[test]
    fn a_held_call_takes_effect_where_it_is_held(
        config in configs(),
        acts in scripts_with_a_hold(),
    ) {
        run(config, &acts).map_err(TestCaseError::fail)?;
    }
}
