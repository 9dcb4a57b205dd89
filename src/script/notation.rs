//! Rules as text: a rule is written as [`Rule`] displays itself, and read back.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::rule::{CancelPolicy, Expected, Functions, Progress, Rule};
use crate::call::{DISM_ONLINE_IMAGE, Function, Hresult, ImagePath, Session};

/// Writes the rule in one line, as it is [read](#impl-FromStr-for-Rule):
/// `DismAddPackage named "kb2.cab", call 3 only, answers 0x800F0902 (DISMAPI_E_BUSY)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.functions {
            Functions::One(function) => write!(f, "{function}")?,
            Functions::Operations => f.write_str(ANY_OPERATION)?,
            Functions::All => f.write_str(ANY_CALL)?,
        }
        if let Some(session) = self.session {
            write!(f, " on {session}")?;
        }
        if let Some(image) = &self.image {
            write!(f, " of {image}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " named {name:?}")?;
        }
        if let Some(discards) = self.discards {
            f.write_str(if discards { ", discarding" } else { ", committing" })?;
        }
        match (self.skip, self.times) {
            (0, None) => {}
            (skip, Some(1)) => write!(f, ", call {} only", u64::from(skip) + 1)?,
            (0, Some(times)) => write!(f, ", {times} times")?,
            (skip, times) => {
                write!(f, ", from call {} on", u64::from(skip) + 1)?;
                if let Some(times) = times {
                    write!(f, ", {times} times")?;
                }
            }
        }
        write!(f, ", answers {}", self.scripted(self.answer))?;
        if let Some(later) = self.later {
            write!(f, ", then {later:?}")?;
        }
        match self.progress.as_deref() {
            None => {}
            Some([]) => f.write_str(", no progress")?,
            Some(steps) => {
                f.write_str(", progress")?;
                for Progress { current, total } in steps {
                    write!(f, " {current}/{total}")?;
                }
            }
        }
        let CancelPolicy { after, until, code } = self.cancel;
        if let Some(after) = after {
            write!(f, ", cancelled after {after}")?;
        }
        if let Some(until) = until {
            write!(f, ", cancellable until {until}")?;
        }
        if code != CancelPolicy::UNSCRIPTED.code {
            write!(f, ", cancelled with {code:?}")?;
        }
        match self.expected {
            Expected::AtLeastOnce => Ok(()),
            Expected::AnyNumber => f.write_str(", optional"),
            Expected::Exactly(expected) => write!(f, ", expected {expected} times"),
        }
    }
}

/// What a rule for every operation is called, and one for every call.
const ANY_OPERATION: &str = "any operation";
const ANY_CALL: &str = "any call";

/// Reads a rule from one line, in the form in which it [displays](#impl-Display-for-Rule) itself.
///
/// First comes the function, `any operation` or `any call`, and behind it `on session 2`,
/// `of "C:\mount"`, `of online` or `named "kb2.cab"`. Then come clauses, in any order, each after a
/// comma:
///
/// | clause | method |
/// |---|---|
/// | `call 3 only` | [`nth(3)`](Rule::nth) |
/// | `from call 3 on` | [`after(2)`](Rule::after) |
/// | `2 times` | [`times(2)`](Rule::times) |
/// | `discarding`, `committing` | [`discarding`](Rule::discarding), [`committing`](Rule::committing) |
/// | `answers 3010` | [`answer(3010)`](Rule::answer) |
/// | `answers 0xC0040009 in effect` | [`fail_in_effect`](Rule::fail_in_effect) |
/// | `answers RPC_E_DISCONNECTED, then 0x800706BE` | the answer of the first call, and of all others |
/// | `progress 0/100 30/100`, `no progress` | [`progress`](Rule::progress) |
/// | `cancelled after 2` | [`cancel_after(2)`](Rule::cancel_after) |
/// | `cancellable until 3` | [`cancellable_until(3)`](Rule::cancellable_until) |
/// | `cancelled with 0x800704C7` | [`cancelled_with`](Rule::cancelled_with) |
/// | `optional`, `expected 2 times` | [`optional`](Rule::optional), [`expect(2)`](Rule::expect) |
///
/// A code is a number, `0x800F0902` or `3010`, or a name, `DISMAPI_E_BUSY`; the name may follow the
/// number in parentheses. Without `answers`, the rule answers `S_OK`. Two parts that contradict each
/// other, such as `2 times` and `3 times`, are an error. Functions are read in any letter case, and
/// without a leading underscore, too.
///
/// ```
/// use dism_emu::{Function, Hresult, Rule};
///
/// let rule: Rule = r#"DismAddPackage named "kb2.cab", answers DISMAPI_E_BUSY"#.parse()?;
/// assert_eq!(rule, Rule::on(Function::AddPackage).named("kb2.cab").fail(Hresult::DISMAPI_E_BUSY));
/// assert_eq!(rule.to_string().parse(), Ok(rule));
/// # Ok::<(), dism_emu::ParseRuleError>(())
/// ```
impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, ParseRuleError> {
        let mut clauses = split(text)?;
        let (rule, rest) = functions(clauses.remove(0))?;
        let rule = read(rule, &targets(rest)?, |rule, text| Ok(target(rule, text)?.0))?;
        let rule = read(rule, &clauses, clause)?;
        if rule.takes_effect && !rule.can_fail_in_effect() {
            return Err(ParseRuleError::NoEffect);
        }
        Ok(rule)
    }
}

/// The reason why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseRuleError {
    /// The text does not begin with a function.
    #[error("`{0}` is neither a function, such as `DismAddPackage`, nor any operation or any call")]
    Function(String),
    /// A part behind the function, or between commas, is not one of those that a rule has.
    #[error(
        "a rule has no part `{0}` here, unlike `DismAddPackage named \"kb2.cab\", answers 0x800F0902`"
    )]
    Part(String),
    /// Two parts say different things of the same.
    #[error("`{0}` and `{1}` contradict each other")]
    Contradiction(String, String),
    /// A number is not a number, or too large.
    #[error("`{0}` is not a number that fits")]
    Number(String),
    /// A clause is about call 0.
    #[error("there is no call 0: calls are counted from 1")]
    NoCall,
    /// A code is neither a number nor a known name.
    #[error("`{0}` is neither a code, such as 0x800F0902, nor the name of one")]
    Code(String),
    /// A quotation mark has no partner.
    #[error("a quotation mark is missing")]
    Quote,
    /// The code of a call that fails in effect has to be a failure, and few functions can.
    #[error(
        "only an initialize, close, shutdown, mount or unmount can fail in effect, with a failing \
         code"
    )]
    NoEffect,
    /// A call that is cancelled fails, so its code has to be a failure.
    #[error("a call that is cancelled fails, and the code is a success")]
    CancelledWith,
}

/// Splits a text at its commas, except those in quotes.
fn split(text: &str) -> Result<Vec<&str>, ParseRuleError> {
    let mut is_quoted = false;
    let parts = text.split(|character| {
        is_quoted ^= character == '"';
        character == ',' && !is_quoted
    });
    let parts: Vec<_> = parts.map(str::trim).collect();
    if is_quoted { Err(ParseRuleError::Quote) } else { Ok(parts) }
}

/// Adds what the parts of a text say to a rule, each with `add`.
///
/// No two may contradict each other: it would matter which of them comes last.
fn read(
    rule: Rule,
    parts: &[&str],
    add: impl Fn(Rule, &str) -> Result<Rule, ParseRuleError>,
) -> Result<Rule, ParseRuleError> {
    for (at, part) in parts.iter().enumerate() {
        for earlier in &parts[..at] {
            let [one, other] = [[earlier, part], [part, earlier]].map(|order| {
                order.into_iter().try_fold(rule.clone(), |rule, part| add(rule, part))
            });
            if one? != other? {
                return Err(ParseRuleError::Contradiction((*earlier).into(), (*part).into()));
            }
        }
    }
    parts.iter().try_fold(rule, |rule, part| add(rule, part))
}

/// Reads which functions the rule is for. Returns the rest, too.
fn functions(text: &str) -> Result<(Rule, &str), ParseRuleError> {
    if let Some(rest) = text.strip_prefix(ANY_OPERATION) {
        return Ok((Rule::on_any_operation(), rest));
    }
    if let Some(rest) = text.strip_prefix(ANY_CALL) {
        return Ok((Rule::on_any_call(), rest));
    }
    let (name, rest) = word_of(text);
    let has_name = |function: &&Function| {
        let full = function.name();
        [full, full.trim_start_matches('_')].iter().any(|it| it.eq_ignore_ascii_case(name))
    };
    let function = Function::ALL.iter().find(has_name);
    let function = function.ok_or_else(|| ParseRuleError::Function(name.to_owned()))?;
    Ok((Rule::on(*function), rest))
}

/// Splits the text behind the function: `on session 2`, `of online`, `named "kb2.cab"`.
fn targets(text: &str) -> Result<Vec<&str>, ParseRuleError> {
    let mut targets = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (_, behind) = target(Rule::on_any_call(), rest)?;
        targets.push(rest[..rest.len() - behind.len()].trim_end());
        rest = behind.trim_start();
    }
    Ok(targets)
}

/// Reads the first of these parts. Returns the rest, too.
fn target(rule: Rule, text: &str) -> Result<(Rule, &str), ParseRuleError> {
    let unknown = || ParseRuleError::Part(text.to_owned());
    let (word, rest) = text.split_once(' ').ok_or_else(unknown)?;
    Ok(match word {
        "on" => {
            let (session, rest) = word_of(rest.strip_prefix("session ").ok_or_else(unknown)?);
            (rule.session(Session::from_raw(number(session)?)), rest)
        }
        "of" => {
            let (image, rest) = match word_of(rest) {
                ("online", rest) => (DISM_ONLINE_IMAGE.to_owned(), rest),
                _ => quoted(rest)?,
            };
            (rule.image(image), rest)
        }
        "named" => {
            let (name, rest) = quoted(rest)?;
            (rule.named(name), rest)
        }
        _ => return Err(unknown()),
    })
}

/// Reads a clause.
fn clause(mut rule: Rule, text: &str) -> Result<Rule, ParseRuleError> {
    let words: Vec<_> = text.split_whitespace().collect();
    match *words {
        ["discarding"] => rule = rule.discarding(),
        ["committing"] => rule = rule.committing(),
        ["call", n, "only"] => rule = rule.after(calls_before(n)?).times(1),
        ["from", "call", n, "on"] => rule = rule.after(calls_before(n)?),
        [n, "times"] => rule = rule.times(number(n)?),
        ["answers", ref code @ .., "in", "effect"] => {
            rule.answer = self::code(code)?;
            rule.takes_effect = rule.answer.is_failure();
            if !rule.takes_effect {
                return Err(ParseRuleError::NoEffect);
            }
        }
        ["answers", ref code @ ..] => {
            rule.answer = self::code(code)?;
            rule.takes_effect = false;
        }
        ["then", ref code @ ..] => rule.later = Some(self::code(code)?),
        ["no", "progress"] => rule = rule.progress([]),
        ["progress", ref steps @ ..] => {
            let steps: Result<Vec<_>, _> = steps.iter().map(|step| progress(step)).collect();
            rule = rule.progress(steps?);
        }
        ["cancelled", "after", n] => rule = rule.cancel_after(number(n)?),
        ["cancelled", "with", ref code @ ..] => match self::code(code)? {
            code if code.is_failure() => rule = rule.cancelled_with(code),
            _ => return Err(ParseRuleError::CancelledWith),
        },
        ["cancellable", "until", n] => rule = rule.cancellable_until(number(n)?),
        ["optional"] => rule = rule.optional(),
        ["expected", n, "times"] => rule = rule.expect(number(n)?),
        _ => return Err(ParseRuleError::Part(text.to_owned())),
    }
    Ok(rule)
}

fn number(text: &str) -> Result<u32, ParseRuleError> {
    text.parse().map_err(|_| ParseRuleError::Number(text.to_owned()))
}

/// Reads the number of a call, from 1. Returns how many calls come before it.
fn calls_before(text: &str) -> Result<u32, ParseRuleError> {
    let number = text.parse::<u64>().ok();
    let before = number.map(|number| number.checked_sub(1).ok_or(ParseRuleError::NoCall));
    let before = before.transpose()?.and_then(|before| before.try_into().ok());
    before.ok_or_else(|| ParseRuleError::Number(text.to_owned()))
}

/// Reads a code from its words: a number or a name, or both.
fn code(words: &[&str]) -> Result<Hresult, ParseRuleError> {
    let unknown = || ParseRuleError::Code(words.join(" "));
    match *words {
        [code] => code.parse().ok(),
        [code, name] => {
            let name = name.strip_prefix('(').and_then(|name| name.strip_suffix(')'));
            let code: Option<Hresult> = code.parse().ok();
            code.filter(|code| name.is_some_and(|name| name.parse() == Ok(*code)))
        }
        _ => None,
    }
    .ok_or_else(unknown)
}

fn progress(text: &str) -> Result<Progress, ParseRuleError> {
    let (current, total) =
        text.split_once('/').ok_or_else(|| ParseRuleError::Number(text.to_owned()))?;
    Ok(Progress::new(number(current)?, number(total)?))
}

/// Returns the first word, and the rest.
fn word_of(text: &str) -> (&str, &str) {
    text.split_once(' ').unwrap_or((text, ""))
}

/// Reads a text in quotes. Returns it, and the rest.
fn quoted(text: &str) -> Result<(String, &str), ParseRuleError> {
    let text = text.strip_prefix('"').ok_or_else(|| ParseRuleError::Part(text.to_owned()))?;
    let (quoted, rest) = text.split_once('"').ok_or(ParseRuleError::Quote)?;
    Ok((ImagePath::unescape(quoted), rest))
}
