//! A report as machines read it. It is flat: an entry has only numbers, strings, booleans and lists
//! of these.

use std::panic::Location;

use serde::{Serialize, Serializer};

use super::Report;
use crate::call::location::location_as_text;
use crate::call::{Effect, Function, Hresult, Session, ThreadNumber};
use crate::evidence::audit::groups;
use crate::evidence::paired::{Calls, OneCall};
use crate::evidence::text::{LISTED, Part};
use crate::evidence::{Finding, Mistake, Remark};
use crate::machine::Step;
use crate::machine::config::Contract;

#[derive(Serialize)]
struct Flat<'a> {
    contract: Contract,
    mistakes: Vec<FlatMistake<'a>>,
    remarks: &'a [Remark],
    calls: Vec<FlatCall>,
    dropped: u64,
}

#[derive(Serialize)]
struct FlatMistake<'a> {
    mistake: Mistake,
    number: u32,
    name: &'static str,
    call: usize,
    thread: ThreadNumber,
    #[serde(serialize_with = "location_as_text")]
    location: Option<&'static Location<'static>>,
    function: Option<Function>,
    session: Option<Session>,
    code: Option<Hresult>,
    collides_with: &'a [usize],
    /// How many more it collides with.
    collides_with_more: usize,
    /// The other calls that make this mistake at this location: the first ones, and how many more.
    also: Vec<usize>,
    also_more: usize,
    advice: &'static str,
}

#[derive(Serialize)]
struct FlatCall {
    call: usize,
    thread: ThreadNumber,
    #[serde(serialize_with = "location_as_text")]
    location: Option<&'static Location<'static>>,
    text: String,
    function: Option<Function>,
    session: Option<Session>,
    /// `null` if the call has not returned.
    code: Option<Hresult>,
    scripted: bool,
}

impl<'a> FlatMistake<'a> {
    fn new(calls: &Calls<'_>, group: &[&'a Finding]) -> Option<Self> {
        let [finding, others @ ..] = group else { return None };
        let also: Vec<_> = others.iter().take(LISTED).map(|other| other.call).collect();
        let call = calls.by_step(finding.at)?;
        let first = calls.first(call);
        Some(Self {
            mistake: finding.mistake,
            number: finding.mistake.number(),
            name: finding.mistake.name(),
            call: finding.call,
            thread: calls.thread(call),
            location: first.location,
            function: first.call.function(),
            session: session(first),
            code: calls.code(call),
            collides_with: &finding.collides_with,
            collides_with_more: finding.more,
            also_more: others.len() - also.len(),
            also,
            advice: finding.mistake.advice(),
        })
    }
}

impl FlatCall {
    fn new(calls: &Calls<'_>, call: OneCall) -> Self {
        let first = calls.first(call);
        Self {
            call: call.number,
            thread: calls.thread(call),
            location: first.location,
            text: calls.text(call, Part::Whole).to_string(),
            function: first.call.function(),
            session: session(first),
            code: calls.code(call),
            scripted: calls.is_scripted(call),
        }
    }
}

/// Returns the session that was passed or returned.
fn session(first: &Step) -> Option<Session> {
    match first.outcome {
        Ok(Effect::Opened { session, .. }) => Some(session),
        _ => first.call.session(),
    }
}

/// Writes a map: `contract`, `mistakes`, `remarks`, `calls` and `dropped`.
impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let calls = Calls::of(self.journal.steps());
        let flat = Flat {
            contract: self.journal.config().contract,
            mistakes: groups(&calls, &self.mistakes)
                .iter()
                .filter_map(|group| FlatMistake::new(&calls, group))
                .collect(),
            remarks: &self.remarks,
            calls: calls.all().iter().map(|it| FlatCall::new(&calls, *it)).collect(),
            dropped: self.journal.dropped(),
        };
        flat.serialize(serializer)
    }
}

#[cfg(all(test, not(any(loom, dism_loom, shuttle, dism_shuttle))))]
mod tests {
    use serde_json::json;

    use super::super::tests::journal;
    use super::*;

    #[test]
    fn the_report_as_machines_read_it() {
        let location = Location::caller();
        let rule = "a rule".to_owned();
        let remarks = vec![Remark::UnusedRule { rule, location: Some(location) }];
        let report = Report::new(journal(), remarks, &[]);
        let value = serde_json::to_value(&report).expect("numbers and strings");
        assert_eq!(value["contract"], "Recorded");
        assert_eq!(value["dropped"], 0);
        assert_eq!(
            value["mistakes"][1],
            json!({
                "mistake": "CloseTwice", "number": 3, "name": "close twice", "call": 5, "thread": 2, "location": null,
                "function": "DismCloseSession", "session": 2, "code": "0xC0040004",
                "collides_with": [4], "collides_with_more": 0, "also": [], "also_more": 0,
                "advice": Mistake::CloseTwice.advice(),
            })
        );
        assert_eq!(
            value["remarks"],
            json!([{ "kind": "UnusedRule", "rule": "a rule", "location": location.to_string() }])
        );
        assert_eq!(
            value["calls"][3],
            json!({
                "call": 4, "thread": 1, "location": null, "function": "DismCloseSession",
                "session": 2, "code": "0x00000005", "scripted": true,
                "text": "close session 2 -> 0x00000005, scripted",
            })
        );
    }
}
