//! Generated calls.
//!
//! 1. The machine answers every call as the reference does: both contracts, all disputed codes,
//!    three threads, valid and invalid handles, with and without a scripted answer.
//! 2. After every call the two agree on the state, on every thread's last error and on whose wait is
//!    over.
//! 3. The emulator answers as the reference does while rules are put in force and taken back, and
//!    its rules fire as often as those of the reference.
//! 4. So it does with a call of another thread stopped at any point on its way.
//! 5. Its journal holds the reference's calls and answers, step by step, and replays.
//! 6. It tells of exactly those rules that never fired.
//! 7. Successful shutdowns never outnumber initializations, and every period ends with one last
//!    shutdown at an instant when no session is open.

use dism_emu::{Call, Config, Effect, Machine, Session, ThreadId};
use proptest::prelude::*;

use crate::support::client::run;
use crate::support::reference::{Answer, Reference};
use crate::support::{self, Act, Ending, Handle, Held, Names, Pick, Point, RulePick, Which};

fn handles() -> impl Strategy<Value = Handle> {
    prop_oneof![
        6 => (0..4_u32).prop_map(Handle::Back),
        1 => (0..6_u32).prop_map(Handle::Raw),
        1 => any::<u32>().prop_map(Handle::Raw),
    ]
}

fn choices() -> impl Strategy<Value = usize> {
    0..100_usize
}

fn picks() -> impl Strategy<Value = Pick> {
    let placed = prop::bool::weighted(0.1);
    prop_oneof![
        3 => Just(Pick::Initialize),
        6 => (choices(), placed).prop_map(|(path, placed)| Pick::Open { path, placed }),
        6 => (handles(), choices())
            .prop_map(|(session, function)| Pick::Begin { session, function }),
        6 => (handles(), choices()).prop_map(|(session, result)| Pick::End { session, result }),
        6 => handles().prop_map(|session| Pick::Close { session }),
        4 => handles().prop_map(|session| Pick::Finish { session }),
        3 => Just(Pick::Shutdown),
        2 => Just(Pick::LastError),
        1 => choices().prop_map(|function| Pick::WithoutSession { function }),
        2 => choices().prop_map(|function| Pick::HandOut { function }),
        3 => handles().prop_map(|memory| Pick::Delete { memory }),
    ]
}

fn rules() -> impl Strategy<Value = RulePick> {
    let which = prop_oneof![
        (0..4_u32).prop_map(Which::Nth),
        (0..3_u32, prop::option::of(0..3_u32))
            .prop_map(|(skip, times)| Which::After { skip, times }),
    ];
    let function = prop::option::weighted(0.8, choices());
    let session = prop::option::weighted(0.2, handles());
    let image = prop::option::weighted(0.2, choices());
    (function, session, image, which, choices(), prop::bool::weighted(0.2)).prop_map(
        |(function, session, image, which, answer, optional)| RulePick {
            function,
            session,
            image,
            which,
            answer,
            optional,
        },
    )
}

fn acts() -> impl Strategy<Value = Act> {
    let ending = prop_oneof![Just(Ending::End), Just(Ending::Drop)];
    prop_oneof![
        36 => picks().prop_map(Act::Call),
        3 => (handles(), ending).prop_map(|(session, ending)| Act::End { session, ending }),
        3 => (handles(), choices())
            .prop_map(|(session, function)| Act::Perform { session, function }),
        4 => rules().prop_map(Act::Script),
        1 => handles().prop_map(|session| Act::KillHost { session }),
        3 => choices().prop_map(|at| Act::TakeBack { at }),
        1 => choices().prop_map(|at| Act::Keep { at }),
    ]
}

fn held() -> impl Strategy<Value = Act> {
    let point = prop_oneof![Just(Point::Before), Just(Point::Between), Just(Point::Returning)];
    let names = prop_oneof![
        3 => Just(Names::Nothing),
        3 => Just(Names::Called),
        1 => handles().prop_map(Names::Another),
    ];
    // Those with two instants, on a session that may be there.
    let recent = || (0..2_u32).prop_map(Handle::Back);
    let calls = prop_oneof![
        2 => picks(),
        1 => recent().prop_map(|session| Pick::Close { session }),
        1 => (recent(), choices())
            .prop_map(|(session, function)| Pick::Begin { session, function }),
    ];
    (calls, point, names, prop::collection::vec(acts(), 0..8)).prop_map(
        |(call, point, names, meanwhile)| Act::Held(Held { call, point, names, meanwhile }),
    )
}

/// A process with an image open, so that there is something to hold; what it does, with a held
/// call among it.
fn scripts_with_a_hold() -> impl Strategy<Value = Vec<Act>> {
    let start = [Pick::Initialize, Pick::Open { path: 0, placed: false }].map(Act::Call);
    let some = || prop::collection::vec(acts(), 0..8);
    (some(), held(), some()).prop_map(move |(before, held, after)| {
        start.iter().cloned().chain(before).chain([held]).chain(after).collect()
    })
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
    // A hold at the wrong point costs every attempt at a smaller script the hold's deadline.
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
        let mut machine = Machine::new(config);
        let mut reference = Reference::new(config);
        let mut ledger = Ledger::default();
        let mut calls = Vec::new();
        for (thread, answer, pick) in picks {
            let call = support::scripted(pick.call(reference.next()), answer);
            calls.push((thread, call.clone()));
            let open_sessions = machine.state().open_sessions();
            let answer = machine.apply(ThreadId::new(thread), &call).map_err(|error| error.code());
            let expected = reference.apply(thread, &call);
            prop_assert_eq!(answer, expected, "last call of{}", listed(&calls));
            prop_assert_eq!(machine.state(), reference.state());
            ledger.count(answer, open_sessions);
            for thread in 1..4 {
                let call = Call::GetLastErrorMessage;
                let last = machine.apply(ThreadId::new(thread), &call).map_err(|it| it.code());
                prop_assert_eq!(
                    last,
                    reference.apply(thread, &call),
                    "last error of t{} after{}", thread, listed(&calls),
                );
                for session in 0..reference.next().session {
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
    fn emulator_answers_as_the_references(
        config in configs(),
        acts in prop::collection::vec(acts(), 1..120),
    ) {
        run(config, &acts).map_err(TestCaseError::fail)?;
    }

    /// X1, with the instants of one call where a hold puts them.
    #[test]
    fn a_held_call_takes_effect_where_it_is_held(
        config in configs(),
        acts in scripts_with_a_hold(),
    ) {
        run(config, &acts).map_err(TestCaseError::fail)?;
    }
}
