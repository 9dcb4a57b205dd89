//! Scripts of calls out of arbitrary bytes, and what has to hold for every one of them.
//!
//! 1. The machine answers every call of three threads as the reference does, with and without a
//!    scripted answer, and after every call the two agree on the state and on whose wait is over.
//! 2. The emulator answers a client as fresh references do: one thread that makes all these calls
//!    while rules are put in force and taken back, and now and then another thread with a call that
//!    is stopped on its way. They agree on the state, on the journal, which replays, and on how
//!    often each rule fired.
//!
//! 3. So it does through the C functions, whatever handles, pointers and NULLs it passes; only
//!    `DismDelete` gets pointers that are nobody's (rule D3).
//!
//! Plain functions of bytes, so that the corpus can be replayed without a fuzzer.

#[allow(unsafe_code, reason = "a program that calls C functions")]
#[path = "../../tests/support/exports.rs"]
mod exports;
#[path = "../../tests/support/mod.rs"]
mod support;

use arbitrary::{Result, Unstructured};
use dism_emu::capi::Process;
use dism_emu::machine::{Call, Config, Machine};
use dism_emu::{Session, ThreadNumber};

use support::client;
use support::reference::Reference;
use support::{Act, Ending, Fires, Handle, Held, Names, PATHS, Pick, Point, RulePick, Which};

const THREADS: std::ops::RangeInclusive<u64> = 1..=3;

/// Longer scripts only make a finding harder to read.
const MAX_CALLS: usize = 256;

/// Runs one script; panics where the crate breaks its contract.
pub fn lifecycle(data: &[u8]) {
    // Bytes that are no script say nothing about the crate.
    let Ok(script) = Script::decode(&mut Unstructured::new(data)) else { return };
    machine_answers_as_the_reference(&script);
    emulator_answers_as_the_references(&script);
}

/// Runs one script through the C functions; panics where they break the contract.
pub fn capi(data: &[u8]) {
    let Ok(script) = Script::decode(&mut Unstructured::new(data)) else { return };
    let config = script.config.clone();
    let process = Process::start(support::unverified().config(config.clone()));
    exports::forget();
    let acts: Vec<Act> = script.steps.iter().map(|step| step.act.clone()).collect();
    if let Err(difference) = client::run_on(process.emulator(), config, exports::C, &acts) {
        panic!("{difference}\nunder {:?}, of {acts:#?}", script.config);
    }
}

fn machine_answers_as_the_reference(script: &Script) {
    let mut machine = Machine::new(script.config.clone());
    let mut reference = Reference::new(script.config.clone());
    let mut calls = Calls::new(script.config.clone());
    for Step { thread, answer, act } in &script.steps {
        let Act::Call(pick) = act else { continue };
        let call = support::scripted(pick.call(reference.next()), *answer);
        let expected = reference.apply(*thread, &call);
        let answer = machine.apply(ThreadNumber::new(*thread), &call).map_err(|error| error.code());
        let named = call.session().map(Session::raw);
        calls.push(*thread, call);
        assert_eq!(answer, expected, "the machine and the reference, {calls}");
        assert_eq!(machine.state(), reference.state(), "the machine and the reference, {calls}");
        // The session that the call names and the latest ones: all of them after every call would
        // cost more than all the rest together, so the others wait for the end.
        let next = reference.next().session;
        for session in (next.saturating_sub(8)..=next).chain(named) {
            agree_on_waits(&machine, &reference, session, &calls);
        }
    }
    for session in 0..=reference.next().session {
        agree_on_waits(&machine, &reference, session, &calls);
    }
}

fn agree_on_waits(machine: &Machine, reference: &Reference, session: u32, calls: &Calls) {
    for thread in THREADS {
        assert_eq!(
            machine.is_ready(ThreadNumber::new(thread), Session::from_raw(session)),
            reference.is_ready(thread, session),
            "the machine and the reference on the wait of t{thread} on session {session}, {calls}",
        );
    }
}

fn emulator_answers_as_the_references(script: &Script) {
    let acts: Vec<Act> = script.steps.iter().map(|step| step.act.clone()).collect();
    if let Err(difference) = client::run(script.config.clone(), &acts) {
        panic!("{difference}\nunder {:?}, of {acts:#?}", script.config);
    }
}

/// The calls so far: what a finding is read from.
struct Calls {
    config: Config,
    calls: Vec<(u64, Call)>,
}

impl Calls {
    fn new(config: Config) -> Self {
        Self { config, calls: Vec::new() }
    }

    fn push(&mut self, thread: u64, call: Call) {
        self.calls.push((thread, call));
    }
}

impl std::fmt::Display for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "last call of")?;
        self.calls.iter().try_for_each(|(thread, call)| write!(f, "\n  t{thread} {call}"))?;
        write!(f, "\nunder {:?}", self.config)
    }
}

struct Script {
    config: Config,
    steps: Vec<Step>,
}

/// One act, and for the machine, which looks at nothing but calls, who makes it and what the test
/// has it answer.
struct Step {
    thread: u64,
    answer: Option<usize>,
    act: Act,
}

/// By hand rather than derived: a choice takes one byte, so that every byte of an input matters,
/// and choices have weights, so that random bytes are more than a row of failing calls.
impl Script {
    fn decode(data: &mut Unstructured<'_>) -> Result<Self> {
        let config = config(data)?;
        let mut steps = Vec::new();
        let mut texts = Vec::new();
        while !data.is_empty() && steps.len() < MAX_CALLS {
            // A byte for both: the thread, and whether an answer follows.
            let who = data.int_in_range(0..=23)?;
            let thread = who % 3 + 1;
            let answer = if who < 18 { None } else { Some(choice(data)?) };
            // What was thought of later has a corner of its own, so that what a corpus holds keeps
            // its meaning.
            let act = match data.int_in_range(0..=127)? {
                63 | 127 => held(data, &mut texts)?,
                kind @ 64..=75 => Act::Call(later_pick(kind - 64, data)?),
                kind => act(kind % 64, data, &mut texts)?,
            };
            steps.push(Step { thread, answer, act });
        }
        Ok(Self { config, steps })
    }
}

fn config(data: &mut Unstructured<'_>) -> Result<Config> {
    let contract = choice(data)?;
    let elevated = data.ratio(15, 16)?;
    let codes = [choice(data)?, choice(data)?, choice(data)?];
    let last_session = if data.ratio(7, 8)? { u32::MAX } else { data.int_in_range(0..=8)? };
    Ok(support::config(contract, elevated, codes, last_session))
}

/// What `kind` means, one of 0 to 62.
fn act(kind: u8, data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Act> {
    Ok(match kind {
        0..=46 => Act::Call(pick(kind, data, texts)?),
        47..=48 => Act::End { session: handle(data)?, ending: *data.choose(&ENDINGS)? },
        49..=51 => Act::Perform { session: handle(data)?, function: choice(data)? },
        52..=57 => Act::Script(rule(data)?),
        58 => Act::DeadHost { session: handle(data)? },
        59..=61 => Act::TakeBack { at: choice(data)? },
        _ => Act::Keep { at: choice(data)? },
    })
}

const ENDINGS: [Ending; 2] = [Ending::End, Ending::Drop];

/// What `kind` means, one of 0 to 46.
fn pick(kind: u8, data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Pick> {
    Ok(match kind {
        0..=2 => Pick::Initialize,
        3..=6 => Pick::Open { path: choice(data)?, placed: is_placed(data)? },
        7..=8 => {
            let path = if kind == 7 { data.arbitrary()? } else { word(data)? };
            texts.push(path.clone());
            Pick::OpenText { path, placed: is_placed(data)? }
        }
        9..=10 => {
            // Two arbitrary texts hardly ever name one image; two spellings of a text do.
            let at = choice(data)? % (texts.len() + PATHS.len());
            let text = texts.get(at).map_or_else(|| PATHS[at - texts.len()], String::as_str);
            let path = respelt(text, data.arbitrary()?);
            Pick::OpenText { path, placed: is_placed(data)? }
        }
        11..=15 => Pick::Begin { session: handle(data)?, function: choice(data)? },
        16..=20 => Pick::End { session: handle(data)?, result: choice(data)? },
        21..=25 => Pick::Close { session: handle(data)? },
        26..=28 => Pick::Finish { session: handle(data)? },
        29..=30 => Pick::Shutdown,
        31 => Pick::LastError,
        32..=34 => Pick::HandOut { function: choice(data)? },
        35..=38 => Pick::Delete { memory: handle(data)? },
        39..=40 => without_session(choice(data)?),
        41..=42 => Pick::LastError,
        // Once more what is needed for anything else to happen.
        43 => Pick::Initialize,
        44..=45 => Pick::Open { path: 0, placed: false },
        _ => Pick::Close { session: handle(data)? },
    })
}

/// A call that needs no session, and changes nothing.
fn without_session(choice: usize) -> Pick {
    match choice % 3 {
        0 => Pick::MountedImages,
        1 => Pick::ImageInfo { file: choice / 3 },
        _ => Pick::CleanupMountpoints,
    }
}

/// What `kind` means, one of 0 to 11.
fn later_pick(kind: u8, data: &mut Unstructured<'_>) -> Result<Pick> {
    Ok(match kind {
        0..=4 => Pick::Mount { path: choice(data)?, image: choice(data)? },
        5..=7 => Pick::Unmount { path: choice(data)? },
        8..=9 => Pick::Remount { path: choice(data)? },
        _ => Pick::WithoutArgument { function: choice(data)? },
    })
}

fn rule(data: &mut Unstructured<'_>) -> Result<RulePick> {
    // A byte with a bit for each part that a rule may have.
    let parts: u8 = data.arbitrary()?;
    let has = |bit: u8| parts & (1 << bit) != 0;
    Ok(RulePick {
        function: if has(0) { Some(choice(data)?) } else { None },
        session: if has(1) && has(2) { Some(handle(data)?) } else { None },
        image: if has(3) && has(4) { Some(choice(data)?) } else { None },
        which: if has(5) {
            Which::Nth(data.int_in_range(0..=3)?)
        } else {
            let skip = data.int_in_range(0..=2)?;
            let times = if has(6) { Some(data.int_in_range(0..=2)?) } else { None };
            Which::After { skip, times }
        },
        answer: choice(data)?,
        fires: match (has(7), has(5) && has(6)) {
            (_, true) => Fires::Times(data.int_in_range(0..=3)?),
            (true, false) => Fires::AnyNumber,
            (false, false) => Fires::AtLeastOnce,
        },
    })
}

/// Seldom, since a thread costs more than all calls of a script together.
fn held(data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Act> {
    let kind = data.int_in_range(0..=46)?;
    let call = pick(kind, data, texts)?;
    let point = *data.choose(&[Point::Before, Point::Between, Point::Returning])?;
    let names = match data.int_in_range(0..=7)? {
        0..=3 => Names::Nothing,
        4..=6 => Names::Called,
        _ => Names::Another(handle(data)?),
    };
    let length = data.int_in_range(0..=7)?;
    let mut meanwhile = Vec::new();
    while meanwhile.len() < length && !data.is_empty() {
        let kind = data.int_in_range(0..=62)?;
        meanwhile.push(act(kind, data, texts)?);
    }
    Ok(Act::Held(Held { call, point, names, meanwhile }))
}

fn choice(data: &mut Unstructured<'_>) -> Result<usize> {
    Ok(data.arbitrary::<u8>()?.into())
}

fn is_placed(data: &mut Unstructured<'_>) -> Result<bool> {
    Ok(!data.ratio(7, 8)?)
}

fn handle(data: &mut Unstructured<'_>) -> Result<Handle> {
    Ok(match data.int_in_range(0..=15)? {
        14 => Handle::Raw(data.int_in_range(0..=5)?),
        15 => Handle::Raw(data.arbitrary()?),
        back @ 0..=5 => Handle::Back(back),
        back => Handle::Back(back % 2),
    })
}

/// Letters whose case is peculiar, with those for which they could be mistaken, and separators.
const LETTERS: &[char] =
    &['ß', 's', 'S', 'ſ', 'ẞ', 'i', 'I', 'ı', 'İ', 'ǆ', 'ǅ', '[', '{', '/', ':'];

/// Texts so short that many pairs differ in one letter.
fn word(data: &mut Unstructured<'_>) -> Result<String> {
    let length = data.int_in_range(1..=2)?;
    (0..length).map(|_| Ok(*data.choose(LETTERS)?)).collect()
}

/// Another spelling of a path, seldom of another image: `how` has a bit for each change.
fn respelt(path: &str, how: u8) -> String {
    let mut path = path.to_owned();
    if how & 1 != 0 {
        path = path.to_uppercase();
    }
    if how & 2 != 0 {
        path = path.to_lowercase();
    }
    if how & 4 != 0 {
        path = path.replace('\\', "/");
    }
    if how & 8 != 0 {
        path.push('\\');
    }
    if how & 16 != 0 {
        path.push('/');
    }
    path
}
