//! Calls in words, as reports and timelines have them.

use std::fmt;

use super::paired::{Calls, OneCall};
use crate::call::{Call, Effect, Hresult, Scripted};

/// The most characters that a line of a report or a timeline has.
pub(super) const WIDTH: usize = 100;
/// The most calls that a list shows; the rest is only counted.
pub(super) const LISTED: usize = 8;

/// The part of a call that a line shows: all of it, unless other steps came between its two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    Begin,
    End,
}

impl Calls<'_> {
    /// Returns this part of the call in words.
    pub(super) fn text(&self, call: OneCall, part: Part) -> Text {
        let first = self.first(call);
        // A call that needs a second step and has none has only begun.
        let part = if call.second.is_none() { Part::Begin } else { part };
        let text = match (first.call.asked(), &first.outcome, part) {
            (Call::BeginOperation { session, .. }, Ok(Effect::Begun { ready }), Part::Begin) => {
                let waits = if *ready { "" } else { ", waits for its turn" };
                let call = format!("begins {} on {session}{waits}", first.call.action());
                return Text { call, answer: None };
            }
            (Call::CloseSession { session }, Ok(Effect::Closing { ready }), Part::Begin) => {
                let waits = if *ready { "" } else { ", waits for operations" };
                let call = format!("close {session}");
                return Text { call, answer: Some(format!("closing{waits}")) };
            }
            (Call::BeginOperation { session, .. }, _, Part::End) => {
                format!("ends {} on {session}", first.call.action())
            }
            (Call::BeginOperation { session, .. }, ..) => {
                format!("{} on {session}", first.call.action())
            }
            (Call::EndOperation { session, .. }, ..) => format!("ends an operation on {session}"),
            (Call::CloseSession { session }, _, Part::End)
            | (Call::FinishClose { session }, ..) => format!("{session} is gone"),
            (asked, ..) => asked.to_string(),
        };
        Text { call: text, answer: Some(self.answer(call)) }
    }

    /// Returns what the call answered: a code by its name, or the value that it returned.
    fn answer(&self, call: OneCall) -> String {
        let step = self.last(call);
        let in_effect = self.first(call).call.answer().and_then(Scripted::fails_in_effect);
        let scripted = match (self.is_scripted(call), in_effect) {
            (true, Some(_)) => ", scripted in effect",
            (true, None) => ", scripted",
            (false, _) => "",
        };
        let code = named(self.code(call).unwrap_or_else(|| step.code()));
        match &step.outcome {
            Ok(
                Effect::Initialized { count: count @ 2.. }
                | Effect::ShutDown { count: count @ 1.. },
            ) => {
                format!("{code}{scripted}, count {count}")
            }
            Ok(Effect::Opened { session, references }) => {
                let code = if scripted.is_empty() { String::new() } else { format!(", {code}") };
                match references {
                    1 => format!("{session}{code}{scripted}"),
                    _ => format!("{session}, references {references}{code}{scripted}"),
                }
            }
            Ok(Effect::Released { references }) => {
                format!("{code}{scripted}, references {references}")
            }
            Ok(Effect::ReloadRequired) => format!("{code}{scripted}, reload required"),
            Ok(Effect::LastError(error)) => format!("{}{scripted}", named(*error)),
            Ok(Effect::NoLastError { .. }) => format!("no error{scripted}"),
            Ok(Effect::HandedOut { memory }) => memory.to_string(),
            _ => format!("{code}{scripted}"),
        }
    }
}

/// Returns the name of a code, after its number if it is a failure.
fn named(code: Hresult) -> String {
    match code.name() {
        Some(name) if code.is_success() => name.to_owned(),
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

/// A call in words, without a line break, even if a path has one.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) call: String,
    answer: Option<String>,
}

impl Text {
    /// Returns the text, cut to this width. The call is cut first, since the answer says more.
    pub(super) fn within(&self, width: usize) -> String {
        let Some(answer) = &self.answer else { return cut(&self.call, width) };
        let needed = ARROW.len() + answer.chars().count();
        let call = cut(&self.call, width.saturating_sub(needed).max(LEAST));
        cut(&format!("{call}{ARROW}{answer}"), width)
    }
}

const ARROW: &str = " -> ";

/// How much of a call is always shown: enough for its verb.
const LEAST: usize = 16;

/// Writes all of it, `close session 2 -> S_OK`.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.call)?;
        match &self.answer {
            Some(answer) => write!(f, "{ARROW}{answer}"),
            None => Ok(()),
        }
    }
}

pub(super) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// Returns the numbers of calls, of which there are so many more, in words: `call 2`, `calls 2, 3 and
/// 240 more`.
pub(super) fn numbers(calls: &[usize], more: usize) -> String {
    let word = if calls.len() + more == 1 { "call" } else { "calls" };
    let listed = calls.len().min(LISTED);
    let list: Vec<_> = calls[..listed].iter().map(usize::to_string).collect();
    match (calls.len() - listed + more, list.as_slice()) {
        (0, [few @ .., last]) if !few.is_empty() => format!("{word} {} and {last}", few.join(", ")),
        (0, list) => format!("{word} {}", list.join(", ")),
        (more, list) => format!("{word} {} and {more} more", list.join(", ")),
    }
}
