//! Makes scripts of calls from arbitrary bytes, and checks what has to hold for each of them.
//!
//! 1. The machine answers every call of three threads as the reference does, with and without a
//!    scripted answer. After every call the two agree on the state and on which threads have to
//!    wait no longer.
//! 2. The emulator answers a client as fresh references do. One thread makes all these calls while
//!    rules are put in force and taken back. Now and then a hold stops a call of another thread.
//!    They agree on the state, on the journal, which replays, and on how often each rule fired.
//! 3. The emulator does so through the C functions, too, with any handles, pointers and NULLs. Only
//!    `DismDelete` gets pointers that were not handed out (rule D3).
//!
//! [`lifecycle`] and [`capi`] are plain functions of bytes, so that a test can replay the corpus
//! without a fuzzer.

#[allow(unsafe_code, reason = "a program that calls C functions")]
#[path = "../../tests/support/exports.rs"]
mod exports;
#[path = "../../tests/support/mod.rs"]
mod support;

use arbitrary::{Result, Unstructured};
use dism_emu::capi::Process;
use dism_emu::machine::{Call, Config, Machine};
use dism_emu::{Hresult, Session, ThreadNumber};

use support::client;
use support::reference::Reference;
use support::{
    Act, Cancel, Ending, Fires, Handle, Held, PATHS, Pick, Point, RulePick, SessionFilter, Which,
};

const THREADS: std::ops::RangeInclusive<u64> = 1..=3;

/// Longer scripts only make a finding harder to read.
const MAX_CALLS: usize = 256;

/// Runs one script. Panics if the crate breaks its contract.
pub fn lifecycle(data: &[u8]) {
    // Bytes that are not a script say nothing about the crate.
    let Ok(script) = Script::decode(&mut Unstructured::new(data)) else { return };
    machine_answers_as_the_reference(&script);
    emulator_answers_as_the_references(&script);
}

/// Runs one script through the C functions. Panics if they break the contract.
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
        let own = call.session().map(Session::raw);
        calls.push(*thread, call);
        assert_eq!(answer, expected, "the machine and the reference, {calls}");
        assert_eq!(machine.state(), reference.state(), "the machine and the reference, {calls}");
        // Only the session of the call and the latest ones. To compare all sessions after every
        // call would cost more than everything else, so the others are compared at the end.
        let next = reference.next().session;
        for session in (next.saturating_sub(8)..=next).chain(own) {
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

/// The calls so far, which a finding prints.
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

/// An act. If it is a call, the machine makes it on `thread`, with the scripted answer.
struct Step {
    thread: u64,
    answer: Option<usize>,
    act: Act,
}

/// Written by hand, not derived. A choice takes one byte, so that every byte of an input matters.
/// Choices have weights, so that random bytes make more than a series of failing calls.
impl Script {
    fn decode(data: &mut Unstructured<'_>) -> Result<Self> {
        let config = config(data)?;
        let mut steps = Vec::new();
        let mut texts = Vec::new();
        while !data.is_empty() && steps.len() < MAX_CALLS {
            // One byte for the thread and for whether an answer follows.
            let who = data.int_in_range(0..=23)?;
            let thread = who % 3 + 1;
            let answer = if who < 18 { None } else { Some(choice(data)?) };
            // Acts that were added later have a range of their own, so that the files of a corpus
            // keep their meaning.
            let act = match data.int_in_range(0..=127)? {
                63 | 127 => held(data, &mut texts)?,
                kind @ 64..=75 => Act::Call(later_pick(kind - 64, data)?),
                76..=81 => Act::Script(later_rule(data)?),
                82..=84 => {
                    let ending = Ending::Run(data.int_in_range(0..=6)?);
                    Act::End { session: handle(data)?, ending }
                }
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

/// Decodes an act of a kind from 0 to 62.
fn act(kind: u8, data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Act> {
    Ok(match kind {
        0..=46 => Act::Call(pick(kind, data, texts)?),
        47..=48 => Act::End { session: handle(data)?, ending: *data.choose(&ENDINGS)? },
        49..=51 => {
            Act::Perform { session: handle(data)?, function: choice(data)?, about: choice(data)? }
        }
        52..=57 => Act::Script(rule(data)?),
        58 => Act::DeadHost { session: handle(data)? },
        59..=61 => Act::TakeBack { at: choice(data)? },
        _ => Act::Keep { at: choice(data)? },
    })
}

const ENDINGS: [Ending; 2] = [Ending::End, Ending::Drop];

/// Decodes a call of a kind from 0 to 46.
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
            // Two arbitrary texts hardly ever match the same image, but two spellings of a text do.
            let at = choice(data)? % (texts.len() + PATHS.len());
            let text = texts.get(at).map_or_else(|| PATHS[at - texts.len()], String::as_str);
            let path = respell(text, data.arbitrary()?);
            Pick::OpenText { path, placed: is_placed(data)? }
        }
        11..=15 => {
            Pick::Begin { session: handle(data)?, function: choice(data)?, about: choice(data)? }
        }
        16..=20 => Pick::End { session: handle(data)?, result: choice(data)? },
        21..=25 => Pick::Close { session: handle(data)? },
        26..=28 => Pick::Finish { session: handle(data)? },
        29..=30 => Pick::Shutdown,
        31 => Pick::LastError,
        32..=34 => Pick::HandOut { function: choice(data)? },
        35..=38 => Pick::Delete { memory: handle(data)? },
        39..=40 => without_session(choice(data)?),
        41..=42 => Pick::LastError,
        // These again, since most other calls need them.
        43 => Pick::Initialize,
        44..=45 => Pick::Open { path: 0, placed: false },
        _ => Pick::Close { session: handle(data)? },
    })
}

/// Makes a call that needs no session and changes nothing.
fn without_session(choice: usize) -> Pick {
    match choice % 3 {
        0 => Pick::MountedImages,
        1 => Pick::ImageInfo { file: choice / 3 },
        _ => Pick::CleanupMountpoints,
    }
}

/// Decodes a call of a kind from 0 to 11 that was added later.
fn later_pick(kind: u8, data: &mut Unstructured<'_>) -> Result<Pick> {
    Ok(match kind {
        0..=4 => Pick::Mount { path: choice(data)?, image: choice(data)? },
        5..=7 => Pick::Unmount { path: choice(data)?, flags: choice(data)? },
        8..=9 => Pick::Remount { path: choice(data)? },
        _ => Pick::WithoutArgument { function: choice(data)? },
    })
}

fn rule(data: &mut Unstructured<'_>) -> Result<RulePick> {
    // One byte, with bits for the parts that a rule may have.
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
        name: None,
        discards: None,
        answer: choice(data)?,
        cancel: Cancel::UNSCRIPTED,
        fires: match (has(7), has(5) && has(6)) {
            (_, true) => Fires::Times(data.int_in_range(0..=3)?),
            (true, false) => Fires::AnyNumber,
            (false, false) => Fires::AtLeastOnce,
        },
    })
}

/// Decodes a rule with the parts that were added later.
fn later_rule(data: &mut Unstructured<'_>) -> Result<RulePick> {
    let mut rule = rule(data)?;
    let parts: u8 = data.arbitrary()?;
    let has = |bit: u8| parts & (1 << bit) != 0;
    rule.name = if has(0) { Some(choice(data)?) } else { None };
    rule.discards = has(1).then_some(has(2));
    rule.cancel.after = if has(3) { Some(data.int_in_range(0..=6)?) } else { None };
    rule.cancel.until = if has(4) { Some(data.int_in_range(0..=6)?) } else { None };
    rule.cancel.code = if has(5) { Hresult::WIN32_CANCELLED } else { rule.cancel.code };
    Ok(rule)
}

/// Held calls are rare: a thread costs more than all calls of a script together.
fn held(data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Act> {
    let kind = data.int_in_range(0..=46)?;
    let call = pick(kind, data, texts)?;
    let point = *data.choose(&[Point::Before, Point::Between, Point::Returning])?;
    let filter = match data.int_in_range(0..=7)? {
        0..=3 => SessionFilter::Any,
        4..=6 => SessionFilter::Same,
        _ => SessionFilter::Other(handle(data)?),
    };
    let length = data.int_in_range(0..=7)?;
    let mut meanwhile = Vec::new();
    while meanwhile.len() < length && !data.is_empty() {
        let kind = data.int_in_range(0..=62)?;
        meanwhile.push(act(kind, data, texts)?);
    }
    Ok(Act::Held(Held { call, point, filter, meanwhile }))
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

/// Letters with an unusual case mapping, those that they could be mistaken for, and separators.
const LETTERS: &[char] =
    &['ß', 's', 'S', 'ſ', 'ẞ', 'i', 'I', 'ı', 'İ', 'ǆ', 'ǅ', '[', '{', '/', ':'];

/// Makes a text so short that many pairs differ in only one letter.
fn word(data: &mut Unstructured<'_>) -> Result<String> {
    let length = data.int_in_range(1..=2)?;
    (0..length).map(|_| Ok(*data.choose(LETTERS)?)).collect()
}

/// Spells a path in another way, seldom as another image. Each bit of `how` is a change.
fn respell(path: &str, how: u8) -> String {
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
