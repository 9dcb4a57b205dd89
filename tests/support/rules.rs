//! Rules once more, as plainly as their documentation has them: data, and a number of calls seen.

use dism_emu::{Function, Hresult, Session};

use super::Which;
use super::reference::image;

/// A rule as it is documented, without the calls that it has seen.
#[derive(Clone, Debug)]
pub struct Said {
    /// `None` for every operation.
    pub function: Option<Function>,
    pub session: Option<Session>,
    pub image: Option<String>,
    pub which: Which,
    pub answer: Hresult,
    pub fires: Fires,
    /// The rule as it is shown.
    pub shown: String,
}

/// How often a test expects a rule to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fires {
    AtLeastOnce,
    AnyNumber,
    Times(u32),
}

/// A call that the contract has let through.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub function: Function,
    pub session: Option<Session>,
    /// Any spelling.
    pub image: Option<&'a str>,
}

/// All rules that ever were in force.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Known>);

#[derive(Clone, Debug)]
struct Known {
    /// The place of the first of those that were put in force together.
    id: usize,
    said: Said,
    in_force: bool,
    /// The calls that it meant, from which it was not kept by a rule before it.
    seen: u64,
    fired: u64,
}

impl Rules {
    /// Puts rules in force together; gives the number by which they are known.
    pub fn put(&mut self, rules: impl IntoIterator<Item = Said>) -> usize {
        let id = self.0.len();
        let known = |said| Known { id, said, in_force: true, seen: 0, fired: 0 };
        self.0.extend(rules.into_iter().map(known));
        id
    }

    pub fn take_back(&mut self, id: usize) {
        self.0.iter_mut().filter(|it| it.id == id).for_each(|it| it.in_force = false);
    }

    /// What the first rule that wants to answer the call answers. Whoever lets it pass has counted
    /// it; whoever stands behind the one that answers has not.
    pub fn fire(&mut self, asking: Asking<'_>) -> Option<Hresult> {
        for rule in &mut self.0 {
            if rule.in_force && rule.said.means(asking) {
                rule.seen += 1;
                if rule.said.which.includes(rule.seen) {
                    rule.fired += 1;
                    return Some(rule.said.answer);
                }
            }
        }
        None
    }

    /// How many calls were answered by what was put in force together.
    pub fn fired(&self, id: usize) -> u64 {
        self.0[id..].iter().take_while(|it| it.id == id).map(|it| it.fired).sum()
    }

    /// The rules of which a verification reports: one of each that were put in force together, in
    /// force or not any more.
    pub fn unmet(&self) -> Vec<String> {
        let rules = self.0.iter().enumerate().filter(|(at, it)| *at == it.id);
        let unmet = rules.filter(|(_, it)| match it.said.fires {
            Fires::AtLeastOnce => self.fired(it.id) == 0,
            Fires::AnyNumber => false,
            Fires::Times(times) => self.fired(it.id) != u64::from(times),
        });
        unmet.map(|(_, it)| it.said.shown.clone()).collect()
    }
}

impl Said {
    fn means(&self, asking: Asking<'_>) -> bool {
        let function = match self.function {
            Some(function) => function == asking.function,
            None => asking.function.is_operation(),
        };
        let session = self.session.is_none() || self.session == asking.session;
        let named = self.image.as_deref().map(image);
        function && session && (named.is_none() || named == asking.image.map(image))
    }
}

impl Which {
    /// Whether it is the `seen`th call that is answered, counted from 1.
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
