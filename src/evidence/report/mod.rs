//! The report of what is wrong after a test.

#[cfg(feature = "serde")]
mod json;

use std::fmt;

use super::audit::groups;
use super::paired::{Calls, OneCall};
use super::text::{Part, WIDTH, numbers};
use super::{Finding, Journal, Mistake, Remark, Timeline};
use crate::call::location::Source;

/// The report of what is wrong after a test: the client's mistakes, remarks about the test or
/// the client, and the journal that shows both.
///
/// [`Display`](fmt::Display) writes all of it in human-readable form, with a [`Timeline`] at the
/// end. [`Debug`](fmt::Debug) writes the same, since an `unwrap` prints it. With the feature
/// `serde` it is [`Serialize`](https://docs.rs/serde/1/serde/trait.Serialize.html), which is the
/// machine-readable form: without nested objects, and with calls numbered as in the text. Equal
/// mistakes are one entry: `call` is the first of them, `also` has some of the others, and
/// `also_more` counts the rest.
#[derive(Clone)]
pub struct Report {
    /// Boxed, so that a result with a report is small.
    journal: Box<Journal>,
    mistakes: Vec<Finding>,
    remarks: Vec<Remark>,
}

impl Report {
    /// Looks for the client's mistakes, except those that the test allows.
    pub(crate) fn new(journal: Journal, mut remarks: Vec<Remark>, allowed: &[Mistake]) -> Self {
        remarks.extend(journal.doubts());
        let mistakes = journal.mistakes_except(allowed);
        Self { journal: Box::new(journal), mistakes, remarks }
    }

    pub(crate) fn with(mut self, remark: Option<Remark>) -> Self {
        self.remarks.extend(remark);
        self
    }

    /// Writes what the report is about in one line, since test runners show the first line of a
    /// panic alone: the first mistake or else the first remark, its location, and how many more
    /// there are.
    fn write_subject(&self, f: &mut fmt::Formatter<'_>, calls: &Calls<'_>) -> fmt::Result {
        let more = match (&*self.mistakes, &*self.remarks) {
            ([finding, more @ ..], _) => {
                f.write_str(finding.mistake.name())?;
                match calls.by_number(finding.call).and_then(|call| calls.first(call).location) {
                    Some(location) => write!(f, ", {}", Source(location).line())?,
                    None => write!(f, ", call {}", finding.call)?,
                }
                more.len()
            }
            ([], [remark, more @ ..]) => {
                remark.write_subject(f)?;
                if let Some(location) = remark.location() {
                    write!(f, ", {}", Source(location).line())?;
                }
                more.len()
            }
            ([], []) => return Ok(()),
        };
        match more {
            0 => writeln!(f),
            _ => writeln!(f, " (and {more} more)"),
        }
    }

    /// Returns whether there is nothing to report.
    pub(crate) fn is_empty(&self) -> bool {
        self.mistakes.is_empty() && self.remarks.is_empty()
    }

    /// Returns the call of a step in words, with its location.
    pub(crate) fn call_at(&self, step: usize) -> String {
        let calls = Calls::of(self.journal.steps());
        let Some(call) = calls.by_step(step) else { return String::new() };
        let words = calls.text(call, Part::Whole).call;
        match calls.first(call).location {
            Some(location) => format!("{words} at {}", Source(location)),
            None => words,
        }
    }

    /// Returns the client's mistakes, in the journal's order.
    #[must_use]
    pub fn mistakes(&self) -> &[Finding] {
        &self.mistakes
    }

    /// Returns whether this mistake is among them.
    #[must_use]
    pub fn has(&self, mistake: Mistake) -> bool {
        self.mistakes.iter().any(|finding| finding.mistake == mistake)
    }

    /// Returns the remarks about the test or the client.
    #[must_use]
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Returns the journal: what happened.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Returns the journal in human-readable form, with the mistakes marked.
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

/// Writes a line that says what the report is about, then each mistake, with what it collides with
/// and what to do instead, then the remarks and the timeline.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = Calls::of(self.journal.steps());
        f.write_str("dism-emu: ")?;
        self.write_subject(f, &calls)?;
        let under = self.journal.config().contract;
        match self.mistakes.len() {
            0 if self.journal.is_off() => writeln!(f, "not checked for mistakes")?,
            0 => {
                write!(f, "no mistakes found under the contract {under}")?;
                match self.remarks.iter().filter(|it| it.fails()).count() {
                    0 => writeln!(f)?,
                    1 => writeln!(f, ", but a remark fails the verification")?,
                    remarks => writeln!(f, ", but {remarks} remarks fail the verification")?,
                }
            }
            1 => writeln!(f, "1 mistake under the contract {under}")?,
            mistakes => writeln!(f, "{mistakes} mistakes under the contract {under}")?,
        }
        for group in groups(&calls, &self.mistakes) {
            let [first, others @ ..] = &*group else { continue };
            writeln!(f)?;
            write_finding(f, &calls, first)?;
            if !others.is_empty() {
                let others: Vec<_> = others.iter().map(|finding| finding.call).collect();
                let others = numbers(&others, 0);
                writeln!(f, "    the same mistake at the same location: {others}")?;
            }
        }
        if !self.remarks.is_empty() {
            writeln!(f)?;
        }
        for remark in &self.remarks {
            write_wrapped(f, "remark: ", &remark.to_string())?;
        }
        writeln!(f)?;
        self.timeline().write(f, &calls)
    }
}

fn write_finding(f: &mut fmt::Formatter<'_>, calls: &Calls<'_>, finding: &Finding) -> fmt::Result {
    let Some(call) = calls.by_step(finding.at) else { return Ok(()) };
    writeln!(f, "{}: {}", finding.mistake, header(calls, call))?;
    writeln!(f, "    {}", calls.text(call, Part::Whole).within(WIDTH - 4))?;
    for number in &finding.collides_with {
        let Some(call) = calls.by_number(*number) else { continue };
        writeln!(f, "    collides with {}", header(calls, call))?;
        writeln!(f, "        {}", calls.text(call, Part::Whole).within(WIDTH - 8))?;
    }
    match finding.more {
        0 => {}
        1 => writeln!(f, "    and with 1 more call")?,
        more => writeln!(f, "    and with {more} more calls")?,
    }
    write_wrapped(f, "    instead: ", finding.mistake.advice())?;
    writeln!(f, "    in code: Mistake::{:?}", finding.mistake)
}

/// `call 7 by t1 at src/tool.rs:40:9`.
fn header(calls: &Calls<'_>, call: OneCall) -> String {
    let first = calls.first(call);
    let location = first.location.map(|it| format!(" at {}", Source(it))).unwrap_or_default();
    format!("call {} by {}{location}", call.number, calls.thread(call))
}

/// Breaks lines between words. Each further line begins below the text of the first.
fn write_wrapped(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    f.write_str(head)?;
    let indent = head.chars().count();
    let mut column = indent;
    for (at, word) in text.split(' ').enumerate() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{Call, Effect, Hresult, Initialize, OpenSession, ThreadNumber};
    use crate::machine::config::Contract;
    use crate::machine::{Config, Machine, Step};

    /// A second close by another thread, which also forgets its initialization.
    pub(super) fn journal() -> Journal {
        let config = Config { contract: Contract::Recorded, ..Config::default() };
        let mut machine = Machine::new(config.clone());
        let mut steps = Vec::new();
        let mut take = |thread, call: Call| {
            let thread = ThreadNumber::new(thread);
            let outcome = machine.apply(thread, &call);
            steps.push(Step { thread, call, outcome, location: None });
            outcome
        };
        let _ = take(1, Call::Initialize(Initialize::new()));
        let _ = take(2, Call::Initialize(Initialize::new()));
        let opened = take(1, Call::OpenSession(OpenSession::new("image")));
        let Ok(Effect::Opened { session, .. }) = opened else { panic!("{opened:?}") };
        let close = Call::CloseSession { session };
        let answer = Hresult::new(5);
        let _ = take(1, Call::Scripted { call: Box::new(close.clone()), answer: answer.into() });
        let _ = take(1, Call::FinishClose { session });
        let _ = take(2, close);
        let _ = take(1, Call::Shutdown);
        Journal::from_steps(config, steps)
    }

    #[test]
    fn nothing_to_report_is_an_empty_report() {
        let report = Report::new(Journal::from_steps(Config::default(), Vec::new()), vec![], &[]);
        assert!(report.is_empty());
        assert_eq!(
            report.to_string(),
            "dism-emu: no mistakes found under the contract Documented\n\n(no calls)\n"
        );
        let report = report.with(Some(Remark::JournalOff));
        assert!(!report.is_empty());
        assert_eq!(
            report.to_string(),
            "dism-emu: the journal is switched off, so no mistake can be found\n\
             no mistakes found under the contract Documented\n\n\
             remark: the journal is switched off, so no mistake can be found\n\n\
             (no calls)\n"
        );
    }

    #[test]
    fn the_report_as_people_read_it() {
        let remarks = vec![Remark::JournalIncomplete { dropped: 7 }];
        let report = Report::new(journal(), remarks, &[]);
        assert!(report.has(Mistake::CloseTwice) && !report.has(Mistake::HandleNotOpen));
        let expected = r#"dism-emu: never shut down, call 2 (and 1 more)
2 mistakes under the contract Recorded

mistake 2, never shut down: call 2 by t2
    initialize -> S_FALSE, count 2
    instead: Call DismShutdown once for each DismInitialize that succeeds, including on error paths.
             1 is a success, too: DismInitialize returns it as S_FALSE, and an operation to ask for
             a reload of its session.
    in code: Mistake::NeverShutDown

mistake 3, close twice: call 5 by t2
    close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION
    collides with call 4 by t1
        close session 2 -> 0x00000005, scripted
    instead: Clear your copy of a handle as soon as you close it, before anything else can fail. Let
             only one owner close it.
    in code: Mistake::CloseTwice

remark: the first 7 steps of the journal are missing, so mistakes may be missing, too

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
}
