//! Scripts of calls out of arbitrary bytes, and what has to hold for every one of them.
//!
//! 1. The machine answers every call of three threads as the reference does, and after every call
//!    the two agree on the state and on whose wait is over.
//! 2. The emulator answers one thread that makes all these calls as a fresh reference does, the two
//!    agree on the state, and the journal replays to it.
//!
//! Plain functions of bytes, so that the corpus can be replayed without a fuzzer.

#[path = "../../tests/support/mod.rs"]
mod support;

use arbitrary::{Result, Unstructured};
use dism_emu::{Call, Config, Machine, OpenSession, Session, ThreadId};

use support::client::{Client, through_the_api};
use support::reference::Reference;
use support::{Handle, PATHS, Pick};

const THREADS: std::ops::RangeInclusive<u64> = 1..=3;

/// Longer scripts only make a finding harder to read.
const MAX_CALLS: usize = 256;

/// Runs one script; panics where the crate breaks its contract.
pub fn lifecycle(data: &[u8]) {
    // Bytes that are no script say nothing about the crate.
    let Ok(script) = Script::decode(&mut Unstructured::new(data)) else { return };
    machine_answers_as_the_reference(&script);
    emulator_answers_as_the_reference(&script);
}

fn machine_answers_as_the_reference(script: &Script) {
    let mut machine = Machine::new(script.config);
    let mut reference = Reference::new(script.config);
    let mut calls = Calls::new(script.config);
    for (thread, step) in &script.steps {
        let call = step.call(reference.next_number());
        let expected = reference.apply(*thread, &call);
        let answer = machine.apply(ThreadId::new(*thread), &call).map_err(|error| error.code());
        let named = session_of(&call);
        calls.push(*thread, call);
        assert_eq!(answer, expected, "the machine and the reference, {calls}");
        assert_eq!(machine.state(), reference.state(), "the machine and the reference, {calls}");
        // The session that the call names and the latest ones: all of them after every call would
        // cost more than all the rest together, so the others wait for the end.
        let next = reference.next_number();
        for session in (next.saturating_sub(8)..=next).chain(named) {
            agree_on_waits(&machine, &reference, session, &calls);
        }
    }
    for session in 0..=reference.next_number() {
        agree_on_waits(&machine, &reference, session, &calls);
    }
}

fn agree_on_waits(machine: &Machine, reference: &Reference, session: u32, calls: &Calls) {
    for thread in THREADS {
        assert_eq!(
            machine.is_ready(ThreadId::new(thread), Session::from_raw(session)),
            reference.is_ready(thread, session),
            "the machine and the reference on the wait of t{thread} on session {session}, {calls}",
        );
    }
}

fn emulator_answers_as_the_reference(script: &Script) {
    let dism = support::unverified().config(script.config).build();
    let mut client = Client::new(&dism);
    let mut reference = Reference::new(script.config);
    let mut calls = Calls::new(script.config);
    for (_, step) in &script.steps {
        let call = step.call(reference.next_number());
        // Neither is a function of the API, and the emulator lets nobody call it out of turn.
        let Some(answer) = client.call(&call) else { continue };
        let expected = through_the_api(&mut reference, &call);
        calls.push(1, call);
        assert_eq!(answer, expected, "the emulator and the reference, {calls}");
        assert_eq!(dism.state(), reference.state(), "the emulator and the reference, {calls}");
    }
    drop(client);
    let journal = dism.journal();
    match journal.replay() {
        Ok(machine) => assert_eq!(machine.state(), dism.state(), "replayed from\n{journal}"),
        Err(error) => panic!("{error}\n{journal}"),
    }
}

fn session_of(call: &Call) -> Option<u32> {
    match call {
        Call::BeginOperation { session, .. }
        | Call::EndOperation { session, .. }
        | Call::CloseSession { session }
        | Call::FinishClose { session } => Some(session.raw()),
        _ => None,
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
    steps: Vec<(u64, Step)>,
}

enum Step {
    Pick(Pick),
    /// An open of a path that no list has.
    OpenText {
        path: String,
        placed: bool,
    },
}

impl Step {
    fn call(&self, next: u32) -> Call {
        match self {
            Self::Pick(pick) => pick.call(next),
            Self::OpenText { path, placed } => {
                let open = OpenSession::new(path);
                Call::OpenSession(if *placed { open.system_drive("S:") } else { open })
            }
        }
    }
}

/// By hand rather than derived: a choice takes one byte, so that every byte of an input matters,
/// and choices have weights, so that random bytes are more than a row of failing calls.
impl Script {
    fn decode(data: &mut Unstructured<'_>) -> Result<Self> {
        let config = config(data)?;
        let mut steps = Vec::new();
        let mut texts = Vec::new();
        while !data.is_empty() && steps.len() < MAX_CALLS {
            steps.push((data.int_in_range(THREADS)?, step(data, &mut texts)?));
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

fn step(data: &mut Unstructured<'_>, texts: &mut Vec<String>) -> Result<Step> {
    Ok(Step::Pick(match data.int_in_range(0..=31)? {
        0..=2 => Pick::Initialize,
        3..=6 => Pick::Open { path: choice(data)?, placed: is_placed(data)? },
        kind @ 7..=8 => {
            let path = if kind == 7 { data.arbitrary()? } else { word(data)? };
            texts.push(path.clone());
            return Ok(Step::OpenText { path, placed: is_placed(data)? });
        }
        9..=10 => {
            // Two arbitrary texts hardly ever name one image; two spellings of a text do.
            let at = choice(data)? % (texts.len() + PATHS.len());
            let text = texts.get(at).map_or_else(|| PATHS[at - texts.len()], String::as_str);
            let path = respelt(text, data.arbitrary()?);
            return Ok(Step::OpenText { path, placed: is_placed(data)? });
        }
        11..=15 => Pick::Begin { session: handle(data)?, function: choice(data)? },
        16..=20 => Pick::End { session: handle(data)?, result: choice(data)? },
        21..=25 => Pick::Close { session: handle(data)? },
        26..=28 => Pick::Finish { session: handle(data)? },
        29..=30 => Pick::Shutdown,
        _ => Pick::LastError,
    }))
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
