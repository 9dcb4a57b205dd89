use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;

use thiserror::Error;

use super::audit;
use super::paired::{Calls, OneCall, numbers};
use super::{Finding, Journal, Mistake, Timeline};
use crate::machine::Contract;

/// What is wrong after a test: the client's mistakes, remarks about the test itself, and the
/// journal that shows both.
///
/// [`Display`](fmt::Display) writes all of it for people, with a [`Timeline`] at the end, and so
/// does [`Debug`](fmt::Debug), which is what an `unwrap` prints. With the feature `serde` it is
/// [`Serialize`](https://docs.rs/serde/1/serde/trait.Serialize.html) for machines: flat, with
/// calls numbered as in the text.
#[derive(Clone)]
pub struct Report {
    journal: Journal,
    mistakes: Vec<Finding>,
    remarks: Vec<Remark>,
}

/// Something that makes a test say less than it seems to: not the client's mistake.
///
/// ```
/// use std::panic::Location;
///
/// use dism_emu::Remark;
///
/// let rule = "the first OpenSession answers 0x800F0902".to_owned();
/// let remark = Remark::UnusedRule { rule, place: Location::caller() };
/// assert!(remark.to_string().starts_with("a rule of the test never fired: the first OpenSession"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "kind"))]
#[non_exhaustive]
pub enum Remark {
    /// What the test wanted to see handled never happened.
    #[error("a rule of the test never fired: {rule}, at {place}")]
    UnusedRule {
        /// The rule in words.
        rule: String,
        /// Where the test made it.
        #[cfg_attr(feature = "serde", serde(serialize_with = "place_as_text"))]
        place: &'static Location<'static>,
    },

    /// The test held calls back and never let them go.
    #[error("a hold was let go by its deadline: {hold}, at {place}")]
    ExpiredHold {
        /// The hold in words.
        hold: String,
        /// Where the test made it.
        #[cfg_attr(feature = "serde", serde(serialize_with = "place_as_text"))]
        place: &'static Location<'static>,
    },

    /// Where the journal does not tell everything: what is left behind, as the state has it.
    #[error("still initialized at the end: count {count}, open sessions {open_sessions}")]
    StillInitialized {
        /// Initializations that no shutdown has matched.
        count: u32,
        /// Sessions that are open.
        open_sessions: usize,
    },

    /// No journal was kept, so no mistake can be found.
    #[error("the journal is switched off, so no mistake can be found")]
    JournalOff,

    /// The journal's limit was reached: a mistake may be missing here, or what explains it.
    #[error("the first {dropped} steps of the journal are missing, so mistakes may be, too")]
    JournalIncomplete {
        /// How many steps are missing.
        dropped: u64,
    },
}

impl Report {
    pub(crate) fn with(mut self, remark: Option<Remark>) -> Self {
        self.remarks.extend(remark);
        self
    }

    /// None where there is nothing to report.
    pub(crate) fn of(journal: Journal, remarks: Vec<Remark>) -> Option<Self> {
        let mistakes = audit::find(&journal, &Calls::of(journal.steps()));
        if mistakes.is_empty() && remarks.is_empty() {
            return None;
        }
        Some(Self { journal, mistakes, remarks })
    }

    /// The client's mistakes, in the journal's order.
    #[must_use]
    pub fn mistakes(&self) -> &[Finding] {
        &self.mistakes
    }

    /// Whether this mistake is among them.
    #[must_use]
    pub fn has(&self, mistake: Mistake) -> bool {
        self.mistakes.iter().any(|finding| finding.mistake == mistake)
    }

    /// What is to be said about the test.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// What happened.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The same for people, with the mistakes marked.
    pub fn timeline(&self) -> Timeline<'_> {
        Timeline::new(&self.journal, &self.mistakes)
    }
}

impl std::error::Error for Report {}

/// Writes the text of [`Display`](fmt::Display).
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The same mistake at the same place, which is one mistake in a loop, is told once.
pub(crate) fn groups<'a>(calls: &Calls<'_>, mistakes: &'a [Finding]) -> Vec<Vec<&'a Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    let mut known = BTreeMap::new();
    for finding in mistakes {
        let place = calls.by_step(finding.at).and_then(|call| calls.first(call).place);
        let next = groups.len();
        let group = match place {
            Some(place) => *known.entry((finding.mistake, place)).or_insert(next),
            None => next,
        };
        match groups.get_mut(group) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Prose is broken before it gets wider.
const WIDTH: usize = 100;
/// So many other calls are told for one mistake.
const TOLD: usize = 8;

/// Writes each mistake with what it collides with and what to do instead; the remarks; and the
/// timeline.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = Calls::of(self.journal.steps());
        let under = match self.journal.config().contract {
            Contract::Documented => "Documented",
            Contract::Recorded => "Recorded",
        };
        match self.mistakes.len() {
            0 if self.journal.is_off() => writeln!(f, "mistakes were not looked for")?,
            0 => writeln!(f, "no mistakes found under the contract {under}")?,
            1 => writeln!(f, "1 mistake under the contract {under}")?,
            mistakes => writeln!(f, "{mistakes} mistakes under the contract {under}")?,
        }
        for group in groups(&calls, &self.mistakes) {
            let [first, others @ ..] = &*group else { continue };
            writeln!(f)?;
            write_finding(f, &calls, first)?;
            if !others.is_empty() {
                let others: Vec<_> = others.iter().map(|finding| finding.at).collect();
                let others = numbers(&calls.numbers(&others), TOLD);
                writeln!(f, "    the same, from the same place: {others}")?;
            }
        }
        if !self.remarks.is_empty() {
            writeln!(f)?;
        }
        for remark in &self.remarks {
            writeln!(f, "remark: {remark}")?;
        }
        writeln!(f)?;
        self.timeline().write(f, &calls)
    }
}

fn write_finding(f: &mut fmt::Formatter<'_>, calls: &Calls<'_>, finding: &Finding) -> fmt::Result {
    let Some(call) = calls.by_step(finding.at) else { return Ok(()) };
    writeln!(f, "{}: {}", finding.mistake, Header { calls, call, step: finding.at })?;
    writeln!(f, "    {}", calls.text(call).within(WIDTH - 4))?;
    let told = &finding.collides_with[..finding.collides_with.len().min(TOLD)];
    for step in told {
        let Some(other) = calls.by_step(*step) else { continue };
        writeln!(f, "    collides with {}", Header { calls, call: other, step: *step })?;
        writeln!(f, "        {}", calls.text(other).within(WIDTH - 8))?;
    }
    let untold = calls.numbers(&finding.collides_with[told.len()..]);
    if !untold.is_empty() {
        writeln!(f, "    and with {}", numbers(&untold, TOLD))?;
    }
    write_wrapped(f, "    instead: ", finding.mistake.advice())
}

/// `call 7 by t1 at src/tool.rs:40:9`.
struct Header<'a> {
    calls: &'a Calls<'a>,
    call: OneCall,
    step: usize,
}

impl fmt::Display for Header<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.calls.first(self.call);
        let number = self.calls.number(self.step).unwrap_or_default();
        write!(f, "call {number} by {}", first.thread)?;
        match first.place {
            Some(place) => write!(f, " at {place}"),
            None => Ok(()),
        }
    }
}

/// Breaks lines between words; each further line begins where the text of the first does.
fn write_wrapped(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    f.write_str(head)?;
    let indent = head.chars().count();
    let mut column = indent;
    for (at, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if at > 0 && column + 1 + length > WIDTH {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if at > 0 {
            f.write_str(" ")?;
            column += 1;
        }
        f.write_str(word)?;
        column += length;
    }
    writeln!(f)
}

/// As a string, `src/tool.rs:40:9`.
#[cfg(feature = "serde")]
fn place_as_text<S: serde::Serializer>(
    place: &&'static Location<'static>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_str(place)
}

/// What a machine reads: flat, and with nothing but numbers, strings, booleans and lists of
/// numbers in an entry.
#[cfg(feature = "serde")]
mod machine_readable {
    use std::panic::Location;

    use serde::{Serialize, Serializer};

    use super::{Remark, Report};
    use crate::call::{Function, Hresult, Session, ThreadId};
    use crate::evidence::Finding;
    use crate::evidence::paired::{Calls, OneCall};
    use crate::machine::Contract;

    #[derive(Serialize)]
    struct Flat<'a> {
        contract: Contract,
        mistakes: Vec<FlatMistake>,
        remarks: &'a [Remark],
        calls: Vec<FlatCall>,
        dropped: u64,
    }

    #[derive(Serialize)]
    struct FlatMistake {
        number: u32,
        name: &'static str,
        call: usize,
        thread: ThreadId,
        #[serde(serialize_with = "crate::evidence::journal::place_as_text")]
        place: Option<&'static Location<'static>>,
        function: Option<Function>,
        session: Option<Session>,
        code: Option<Hresult>,
        collides_with: Vec<usize>,
        advice: &'static str,
    }

    #[derive(Serialize)]
    struct FlatCall {
        call: usize,
        thread: ThreadId,
        #[serde(serialize_with = "crate::evidence::journal::place_as_text")]
        place: Option<&'static Location<'static>>,
        text: String,
        function: Option<Function>,
        session: Option<Session>,
        /// `null` while the call has not returned.
        code: Option<Hresult>,
        scripted: bool,
    }

    fn mistake(calls: &Calls<'_>, finding: &Finding) -> Option<FlatMistake> {
        let call = calls.by_step(finding.at)?;
        Some(FlatMistake {
            number: finding.mistake.number(),
            name: finding.mistake.name(),
            call: calls.number(finding.at)?,
            thread: calls.first(call).thread,
            place: calls.first(call).place,
            function: calls.function(call),
            session: calls.session(call),
            code: calls.code(call),
            collides_with: calls.numbers(&finding.collides_with),
            advice: finding.mistake.advice(),
        })
    }

    fn call(calls: &Calls<'_>, number: usize, call: OneCall) -> FlatCall {
        FlatCall {
            call: number,
            thread: calls.first(call).thread,
            place: calls.first(call).place,
            text: calls.text(call).to_string(),
            function: calls.function(call),
            session: calls.session(call),
            code: calls.code(call),
            scripted: calls.is_scripted(call),
        }
    }

    /// As a map: `contract`, `mistakes`, `remarks`, `calls` and `dropped`.
    impl Serialize for Report {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let calls = Calls::of(self.journal.steps());
            let flat = Flat {
                contract: self.journal.config().contract,
                mistakes: self.mistakes.iter().filter_map(|it| mistake(&calls, it)).collect(),
                remarks: &self.remarks,
                calls: (1..).zip(calls.all()).map(|(at, it)| call(&calls, at, *it)).collect(),
                dropped: self.journal.dropped(),
            };
            flat.serialize(serializer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Effect, Hresult, OpenSession, ThreadId};
    use crate::evidence::Step;
    use crate::machine::{Config, Contract, Machine};

    /// A second close by another thread, which also forgets its initialization.
    fn journal() -> Journal {
        let config = Config { contract: Contract::Recorded, ..Config::default() };
        let mut machine = Machine::new(config);
        let mut steps = Vec::new();
        let mut take = |thread, call: Call| {
            let thread = ThreadId::new(thread);
            let outcome = machine.apply(thread, &call);
            steps.push(Step { thread, call, outcome, place: None });
            outcome
        };
        let _ = take(1, Call::Initialize);
        let _ = take(2, Call::Initialize);
        let opened = take(1, Call::OpenSession(OpenSession::new("image")));
        let Ok(Effect::Opened { session, .. }) = opened else { panic!("{opened:?}") };
        let close = Call::CloseSession { session };
        let answer = Hresult::new(5);
        let _ = take(1, Call::Scripted { call: Box::new(close.clone()), answer });
        let _ = take(1, Call::FinishClose { session });
        let _ = take(2, close);
        let _ = take(1, Call::Shutdown);
        Journal::from_steps(config, steps)
    }

    #[test]
    fn nothing_to_report_is_no_report() {
        let empty = || Journal::from_steps(Config::default(), Vec::new());
        assert!(Report::of(empty(), Vec::new()).is_none());
        let report = Report::of(empty(), vec![Remark::JournalOff]).expect("a remark");
        assert_eq!(
            report.to_string(),
            "no mistakes found under the contract Documented\n\n\
             remark: the journal is switched off, so no mistake can be found\n\n\
             (no calls)\n"
        );
    }

    #[test]
    fn the_report_as_people_read_it() {
        let remarks = vec![Remark::JournalIncomplete { dropped: 7 }];
        let report = Report::of(journal(), remarks).expect("two mistakes");
        assert!(report.has(Mistake::CloseTwice) && !report.has(Mistake::HandleNotOpen));
        let expected = r#"2 mistakes under the contract Recorded

mistake 2, never shut down: call 2 by t2
    initialize -> S_FALSE, count 2
    instead: Call DismShutdown once for each DismInitialize that succeeded, one that gave S_FALSE
             included, on every way out.

mistake 3, close twice: call 5 by t2
    close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
    collides with call 4 by t1
        close session 2 -> 0x00000005, scripted
    instead: Forget a handle at the moment at which it is closed, before anything else can fail, and
             let only one owner close it.

remark: the first 7 steps of the journal are missing, so mistakes may be, too

     t1                  t2
  1  initialize -> S_OK
! 2                      initialize -> S_FALSE, count 2
                           mistake 2, never shut down
  3  open "image" -> session 2
  4  close session 2 -> 0x00000005, scripted
! 5                      close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
                           mistake 3, close twice: collides with call 4
  6  shutdown -> S_OK, count 1
"#;
        assert_eq!(report.to_string(), expected);
        assert_eq!(format!("{report:?}"), expected);
    }

    #[cfg(all(feature = "serde", not(any(loom, dism_loom, shuttle, dism_shuttle))))]
    #[test]
    fn the_report_as_machines_read_it() {
        use serde_json::json;

        let place = Location::caller();
        let remarks = vec![Remark::UnusedRule { rule: "a rule".to_owned(), place }];
        let report = Report::of(journal(), remarks).expect("two mistakes");
        let value = serde_json::to_value(&report).expect("numbers and strings");
        assert_eq!(value["contract"], "Recorded");
        assert_eq!(value["dropped"], 0);
        assert_eq!(
            value["mistakes"][1],
            json!({
                "number": 3, "name": "close twice", "call": 5, "thread": 2, "place": null,
                "function": "DismCloseSession", "session": 2, "code": "0xC0040004",
                "collides_with": [4], "advice": Mistake::CloseTwice.advice(),
            })
        );
        assert_eq!(
            value["remarks"],
            json!([{ "kind": "UnusedRule", "rule": "a rule", "place": place.to_string() }])
        );
        assert_eq!(
            value["calls"][3],
            json!({
                "call": 4, "thread": 1, "place": null, "function": "DismCloseSession",
                "session": 2, "code": "0x00000005", "scripted": true,
                "text": "close session 2 -> 0x00000005, scripted",
            })
        );
    }
}
