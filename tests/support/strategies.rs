//! Strategies of proptest: calls, rules, acts and configurations.

use dism_emu::Hresult;
use dism_emu::machine::Config;
use proptest::prelude::*;

use crate::support::{
    self, Act, Cancel, Ending, Fires, Handle, Held, Pick, Point, RulePick, SessionFilter, Which,
};

pub fn handles() -> impl Strategy<Value = Handle> {
    prop_oneof![
        6 => (0..4_u32).prop_map(Handle::Back),
        1 => (0..6_u32).prop_map(Handle::Raw),
        1 => any::<u32>().prop_map(Handle::Raw),
    ]
}

pub fn choices() -> impl Strategy<Value = usize> {
    0..100_usize
}

pub fn picks() -> impl Strategy<Value = Pick> {
    let placed = prop::bool::weighted(0.1);
    prop_oneof![
        3 => Just(Pick::Initialize),
        6 => (choices(), placed).prop_map(|(path, placed)| Pick::Open { path, placed }),
        6 => (handles(), choices(), choices())
            .prop_map(|(session, function, about)| Pick::Begin { session, function, about }),
        6 => (handles(), choices()).prop_map(|(session, result)| Pick::End { session, result }),
        6 => handles().prop_map(|session| Pick::Close { session }),
        4 => handles().prop_map(|session| Pick::Finish { session }),
        3 => Just(Pick::Shutdown),
        2 => Just(Pick::LastError),
        1 => Just(Pick::MountedImages),
        1 => choices().prop_map(|file| Pick::ImageInfo { file }),
        1 => Just(Pick::CleanupMountpoints),
        2 => choices().prop_map(|function| Pick::HandOut { function }),
        3 => handles().prop_map(|memory| Pick::Delete { memory }),
        4 => (choices(), choices()).prop_map(|(path, image)| Pick::Mount { path, image }),
        3 => (choices(), choices()).prop_map(|(path, flags)| Pick::Unmount { path, flags }),
        1 => choices().prop_map(|path| Pick::Remount { path }),
        1 => choices().prop_map(|function| Pick::WithoutArgument { function }),
    ]
}

pub fn rules() -> impl Strategy<Value = RulePick> {
    let which = prop_oneof![
        (0..4_u32).prop_map(Which::Nth),
        (0..3_u32, prop::option::of(0..3_u32))
            .prop_map(|(skip, times)| Which::After { skip, times }),
    ];
    let function = prop::option::weighted(0.8, choices());
    let session = prop::option::weighted(0.2, handles());
    let image = prop::option::weighted(0.2, choices());
    let fires = prop_oneof![
        6 => Just(Fires::AtLeastOnce),
        2 => Just(Fires::AnyNumber),
        2 => (0..3_u32).prop_map(Fires::Times),
    ];
    let name = prop::option::weighted(0.2, choices());
    let discards = prop::option::weighted(0.2, any::<bool>());
    (function, session, image, name, discards, which, choices(), cancels(), fires).prop_map(
        |(function, session, image, name, discards, which, answer, cancel, fires)| RulePick {
            function,
            session,
            image,
            name,
            discards,
            which,
            answer,
            cancel,
            fires,
        },
    )
}

fn cancels() -> impl Strategy<Value = Cancel> {
    let report = || prop::option::weighted(0.2, 0..7_u32);
    let code = prop_oneof![
        3 => Just(Cancel::UNSCRIPTED.code),
        1 => Just(Hresult::WIN32_CANCELLED),
    ];
    (report(), report(), code).prop_map(|(after, until, code)| Cancel { after, until, code })
}

pub fn acts() -> impl Strategy<Value = Act> {
    let ending =
        prop_oneof![Just(Ending::End), Just(Ending::Drop), (0..7_u32).prop_map(Ending::Run)];
    prop_oneof![
        36 => picks().prop_map(Act::Call),
        3 => (handles(), ending).prop_map(|(session, ending)| Act::End { session, ending }),
        3 => (handles(), choices(), choices())
            .prop_map(|(session, function, about)| Act::Perform { session, function, about }),
        4 => rules().prop_map(Act::Script),
        1 => handles().prop_map(|session| Act::DeadHost { session }),
        3 => choices().prop_map(|at| Act::TakeBack { at }),
        1 => choices().prop_map(|at| Act::Keep { at }),
    ]
}

pub fn held() -> impl Strategy<Value = Act> {
    let point = prop_oneof![Just(Point::Before), Just(Point::Between), Just(Point::Returning)];
    let filter = prop_oneof![
        3 => Just(SessionFilter::Any),
        3 => Just(SessionFilter::Same),
        1 => handles().prop_map(SessionFilter::Other),
    ];
    // The last two have two instants, on a session that probably exists.
    let recent = || (0..2_u32).prop_map(Handle::Back);
    let calls = prop_oneof![
        2 => picks(),
        1 => recent().prop_map(|session| Pick::Close { session }),
        1 => (recent(), choices(), choices())
            .prop_map(|(session, function, about)| Pick::Begin { session, function, about }),
    ];
    (calls, point, filter, prop::collection::vec(acts(), 0..8)).prop_map(
        |(call, point, filter, meanwhile)| Act::Held(Held { call, point, filter, meanwhile }),
    )
}

/// Scripts that open an image first, so that there is something to hold, and have one held call.
pub fn scripts_with_a_hold() -> impl Strategy<Value = Vec<Act>> {
    let start = [Pick::Initialize, Pick::Open { path: 0, placed: false }].map(Act::Call);
    let some = || prop::collection::vec(acts(), 0..8);
    (some(), held(), some()).prop_map(move |(before, held, after)| {
        start.iter().cloned().chain(before).chain([held]).chain(after).collect()
    })
}

pub fn configs() -> impl Strategy<Value = Config> {
    let last = prop_oneof![4 => Just(u32::MAX), 1 => 0..8_u32];
    (any::<usize>(), prop::bool::weighted(0.95), any::<[usize; 3]>(), last).prop_map(
        |(contract, elevated, codes, last)| support::config(contract, elevated, codes, last),
    )
}
