//! A journal's steps, put together to the calls that they are the instants of (rule X1).

use std::collections::BTreeMap;
use std::fmt;

use super::Step;
use crate::call::{Call, Effect, Error, Function, Hresult, Session, ThreadId};

/// One call: the step at which it took effect, and for an operation or a last close the second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OneCall {
    pub(crate) first: usize,
    pub(crate) second: Option<usize>,
}

/// The calls of a journal, in the order in which they began.
#[derive(Debug)]
pub(crate) struct Calls<'a> {
    steps: &'a [Step],
    calls: Vec<OneCall>,
    /// For each step its place in `calls`.
    of_step: Vec<usize>,
}

impl<'a> Calls<'a> {
    pub(crate) fn of(steps: &'a [Step]) -> Self {
        let mut calls: Vec<OneCall> = Vec::new();
        let mut of_step = Vec::with_capacity(steps.len());
        // A thread is in one operation, or in one close, on a session at a time (rules C7, P3).
        let mut running: BTreeMap<(ThreadId, Session), usize> = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            let begun = match (step.call.asked(), &step.outcome) {
                (
                    Call::EndOperation { session, .. },
                    Ok(Effect::Ended { .. }) | Err(Error::OperationFailed { .. }),
                )
                | (Call::FinishClose { session }, Ok(Effect::Closed { .. })) => {
                    running.remove(&(step.thread, *session))
                }
                _ => None,
            };
            let call = match begun.and_then(|call| Some((call, calls.get_mut(call)?))) {
                Some((call, one)) => {
                    one.second = Some(at);
                    call
                }
                // The beginning is missing in the journal, or it is a call of one step.
                None => {
                    calls.push(OneCall { first: at, second: None });
                    calls.len() - 1
                }
            };
            of_step.push(call);
            match (step.call.asked(), &step.outcome) {
                (Call::BeginOperation { session, .. }, Ok(_))
                | (Call::CloseSession { session }, Ok(Effect::Closing { .. })) => {
                    running.insert((step.thread, *session), call);
                }
                _ => {}
            }
        }
        Self { steps, calls, of_step }
    }

    /// All of them; a call's number, as people count, is its place here and one.
    pub(crate) fn all(&self) -> &[OneCall] {
        &self.calls
    }

    /// Which call the step belongs to; `None` where there is no such step.
    pub(crate) fn of_step(&self, step: usize) -> Option<usize> {
        self.of_step.get(step).copied()
    }

    /// The call's number, as people count.
    pub(crate) fn number(&self, step: usize) -> Option<usize> {
        Some(self.of_step(step)? + 1)
    }

    pub(crate) fn numbers(&self, steps: &[usize]) -> Vec<usize> {
        steps.iter().filter_map(|step| self.number(*step)).collect()
    }

    pub(crate) fn by_step(&self, step: usize) -> Option<OneCall> {
        self.calls.get(self.of_step(step)?).copied()
    }

    /// The first step of the call that the step belongs to.
    pub(crate) fn first_of(&self, step: usize) -> usize {
        self.of_step(step).map_or(step, |call| self.calls[call].first)
    }

    pub(crate) fn first(&self, call: OneCall) -> &'a Step {
        &self.steps[call.first]
    }

    pub(crate) fn last(&self, call: OneCall) -> &'a Step {
        &self.steps[call.second.unwrap_or(call.first)]
    }

    /// What the call returned; `None` while it has not.
    pub(crate) fn code(&self, call: OneCall) -> Option<Hresult> {
        let first = self.first(call);
        match (&first.outcome, call.second) {
            (Ok(Effect::Begun { .. } | Effect::Closing { .. }), None) => None,
            // What is scripted for a close is what it returns, and the journal has it where it
            // began. For an operation its end has it.
            (Ok(Effect::Closing { .. }), Some(_)) if first.call.answer().is_some() => {
                first.call.answer()
            }
            _ => Some(self.last(call).code()),
        }
    }

    /// Whether the test chose what the call returned: what the contract refuses asks nobody.
    pub(crate) fn is_scripted(&self, call: OneCall) -> bool {
        let first = self.first(call);
        // An operation may have been cancelled by its caller before it came to that.
        first.call.answer().is_some_and(|answer| match first.outcome {
            Ok(Effect::Begun { .. }) => call.second.is_none() || self.last(call).code() == answer,
            Ok(_) | Err(Error::Scripted { .. }) => true,
            Err(_) => false,
        })
    }

    /// The function that was called.
    #[cfg(feature = "serde")]
    pub(crate) fn function(&self, call: OneCall) -> Option<Function> {
        Some(match self.first(call).call.asked() {
            Call::Initialize => Function::Initialize,
            Call::OpenSession(_) => Function::OpenSession,
            Call::BeginOperation { function, .. }
            | Call::CallWithoutSession { function }
            | Call::CallWithoutArgument { function }
            | Call::HandOut { function } => *function,
            Call::CloseSession { .. } | Call::FinishClose { .. } => Function::CloseSession,
            Call::Shutdown => Function::Shutdown,
            Call::GetLastErrorMessage => Function::GetLastErrorMessage,
            Call::Delete { .. } => Function::Delete,
            Call::MountImage(_) => Function::MountImage,
            Call::UnmountImage { .. } => Function::UnmountImage,
            Call::RemountImage { .. } => Function::RemountImage,
            // Which operation it was is missing with its beginning.
            _ => return None,
        })
    }

    /// The session that was passed, or given out.
    #[cfg(feature = "serde")]
    pub(crate) fn session(&self, call: OneCall) -> Option<Session> {
        let first = self.first(call);
        match (first.call.asked(), &first.outcome) {
            (
                Call::BeginOperation { session, .. }
                | Call::EndOperation { session, .. }
                | Call::CloseSession { session }
                | Call::FinishClose { session },
                _,
            ) => Some(*session),
            (Call::OpenSession(_), Ok(Effect::Opened { session, .. })) => Some(*session),
            _ => None,
        }
    }

    /// The call in words, from its beginning to its end.
    pub(crate) fn text(&self, call: OneCall) -> Text {
        let first = self.first(call);
        match (first.call.asked(), &first.outcome) {
            (Call::BeginOperation { session, function }, Ok(Effect::Begun { ready })) => match call
                .second
            {
                Some(_) => Text::new(format_args!("{function} on {session}"), self.answer(call)),
                None => begins(*function, *session, *ready),
            },
            (Call::CloseSession { session }, Ok(Effect::Closing { .. }))
                if call.second.is_some() =>
            {
                Text::new(format_args!("close {session}"), self.answer(call))
            }
            _ => self.first_text(call),
        }
    }

    /// What is to be said where the call begins, if its end is told apart.
    pub(crate) fn first_text(&self, call: OneCall) -> Text {
        let step = self.first(call);
        match (step.call.asked(), &step.outcome) {
            (Call::BeginOperation { session, function }, Ok(Effect::Begun { ready })) => {
                begins(*function, *session, *ready)
            }
            (Call::BeginOperation { session, function }, _) => {
                Text::new(format_args!("{function} on {session}"), self.answer(call))
            }
            (Call::EndOperation { session, .. }, _) => {
                Text::new(format_args!("ends an operation on {session}"), self.answer(call))
            }
            (Call::CloseSession { session }, Ok(Effect::Closing { ready })) => {
                let waits = if *ready { "" } else { ", waits for operations" };
                Text::new(format_args!("close {session}"), format!("closing{waits}"))
            }
            (Call::FinishClose { session }, _) => {
                Text::new(format_args!("{session} is gone"), self.answer(call))
            }
            (asked, _) => Text::new(format_args!("{asked}"), self.answer(call)),
        }
    }

    /// What is to be said where the call ends, if its beginning is told apart.
    pub(crate) fn second_text(&self, call: OneCall) -> Text {
        match self.first(call).call.asked() {
            Call::BeginOperation { session, function } => {
                Text::new(format_args!("ends {function} on {session}"), self.answer(call))
            }
            Call::CloseSession { session } => {
                Text::new(format_args!("{session} is gone"), self.answer(call))
            }
            _ => self.first_text(call),
        }
    }

    /// What the call came to: a code by its name, or the value that it gave.
    fn answer(&self, call: OneCall) -> String {
        let step = self.last(call);
        let scripted = if self.is_scripted(call) { ", scripted" } else { "" };
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
            Ok(Effect::LastError(Some(error))) => format!("{}{scripted}", named(*error)),
            Ok(Effect::LastError(None)) => format!("no error{scripted}"),
            Ok(Effect::HandedOut { memory }) => memory.to_string(),
            _ => format!("{code}{scripted}"),
        }
    }
}

fn begins(function: Function, session: Session, ready: bool) -> Text {
    let waits = if ready { "" } else { ", waits for its turn" };
    Text { call: format!("begins {function} on {session}{waits}"), answer: None }
}

/// A success by its name alone, a failure with its number before it.
fn named(code: Hresult) -> String {
    match code.name() {
        Some(name) if code.is_success() => name.to_owned(),
        Some(name) => format!("{code} {name}"),
        None => code.to_string(),
    }
}

/// A call in words. No line break is in it, whatever a path has.
#[derive(Debug)]
pub(crate) struct Text {
    call: String,
    answer: Option<String>,
}

impl Text {
    fn new(call: fmt::Arguments<'_>, answer: String) -> Self {
        Self { call: one_line(&call.to_string()), answer: Some(answer) }
    }

    /// Cut to so many characters: the call first, since the answer tells more.
    pub(crate) fn within(&self, width: usize) -> String {
        let Some(answer) = &self.answer else { return cut(&self.call, width) };
        let needed = ARROW.len() + answer.chars().count();
        let call = cut(&self.call, width.saturating_sub(needed).max(LEAST));
        cut(&format!("{call}{ARROW}{answer}"), width)
    }
}

const ARROW: &str = " -> ";

/// So much of a call is always shown: enough for its verb.
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

pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

/// With control characters, and what else ends a line, escaped.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2028}' | '\u{2029}' => line.extend(character.escape_unicode()),
            _ if character.is_control() => line.extend(character.escape_default()),
            _ => line.push(character),
        }
    }
    line
}

/// The numbers of a list of calls in words, cut after so many: `call 2`, `calls 2, 3 and 240 more`.
pub(crate) fn numbers(calls: &[usize], most: usize) -> String {
    let word = if calls.len() == 1 { "call" } else { "calls" };
    let shown = if calls.len() > most { most } else { calls.len() };
    let list: Vec<_> = calls[..shown].iter().map(usize::to_string).collect();
    match (calls.len() - shown, list.as_slice()) {
        (0, [few @ .., last]) if !few.is_empty() => format!("{word} {} and {last}", few.join(", ")),
        (0, list) => format!("{word} {}", list.join(", ")),
        (more, list) => format!("{word} {} and {more} more", list.join(", ")),
    }
}
