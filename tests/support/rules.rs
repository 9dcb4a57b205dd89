//! A second implementation of rules, as plain as their documentation: data, and a count of calls.

use dism_emu::{Function, Hresult, Session};

use super::Which;
use super::reference::image;

/// What a rule is made of, without the calls that it has counted.
#[derive(Clone, Debug)]
pub struct RuleSpec {
    /// `None` for every operation.
    pub function: Option<Function>,
    pub session: Option<Session>,
    pub image: Option<String>,
    pub which: Which,
    pub answer: Hresult,
    pub fires: Fires,
    /// The text that the rule is displayed as.
    pub shown: String,
}

/// How often a test expects a rule to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fires {
    AtLeastOnce,
    AnyNumber,
    Times(u32),
}

/// What a rule is matched against: a call that the contract allows.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub function: Function,
    pub session: Option<Session>,
    /// In any spelling.
    pub image: Option<&'a str>,
}

/// All rules that were ever in force.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<ScriptedRule>);

#[derive(Clone, Debug)]
struct ScriptedRule {
    /// The index of the first rule of those that were put in force together.
    id: usize,
    spec: RuleSpec,
    in_force: bool,
    /// How many calls it matched that no earlier rule answered.
    seen: u64,
    fired: u64,
}

impl Rules {
    /// Puts rules in force together and returns the id that they share.
    pub fn put(&mut self, rules: impl IntoIterator<Item = RuleSpec>) -> usize {
        let id = self.0.len();
        let scripted = |spec| ScriptedRule { id, spec, in_force: true, seen: 0, fired: 0 };
        self.0.extend(rules.into_iter().map(scripted));
        id
    }

    pub fn take_back(&mut self, id: usize) {
        self.0.iter_mut().filter(|it| it.id == id).for_each(|it| it.in_force = false);
    }

    /// Returns the answer of the first rule that answers the call. Rules before it that matched the
    /// call have counted it; rules after it have not.
    pub fn fire(&mut self, query: Query<'_>) -> Option<Hresult> {
        for rule in &mut self.0 {
            if rule.in_force && rule.spec.matches(query) {
                rule.seen += 1;
                if rule.spec.which.includes(rule.seen) {
                    rule.fired += 1;
                    return Some(rule.spec.answer);
                }
            }
        }
        None
    }

    /// Returns how many calls were answered by the rules that were put in force together.
    pub fn fired(&self, id: usize) -> u64 {
        self.0[id..].iter().take_while(|it| it.id == id).map(|it| it.fired).sum()
    }

    /// Returns the rules that a verification reports, whether they are still in force or not. Of
    /// those that were put in force together it reports one.
    pub fn unmet(&self) -> Vec<String> {
        let rules = self.0.iter().enumerate().filter(|(at, it)| *at == it.id);
        let unmet = rules.filter(|(_, it)| match it.spec.fires {
            Fires::AtLeastOnce => self.fired(it.id) == 0,
            Fires::AnyNumber => false,
            Fires::Times(times) => self.fired(it.id) != u64::from(times),
        });
        unmet.map(|(_, it)| it.spec.shown.clone()).collect()
    }
}

impl RuleSpec {
    fn matches(&self, query: Query<'_>) -> bool {
        let function = match self.function {
            Some(function) => function == query.function,
            None => query.function.is_operation(),
        };
        let session = self.session.is_none() || self.session == query.session;
        let own = self.image.as_deref().map(image);
        function && session && (own.is_none() || own == query.image.map(image))
    }
}

impl Which {
    /// Returns whether the `seen`th call is answered, counted from 1.
    fn includes(self, seen: u64) -> bool {
        match self {
            Self::Nth(n) => seen == u64::from(n),
            Self::After { skip, times } => {
                let last = times.map(|times| u64::from(skip) + u64::from(times));
                seen > u64::from(skip) && last.is_none_or(|last| seen <= last)
            }
        }
    }
}
