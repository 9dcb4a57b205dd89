//! A second implementation of rules, as plain as their documentation: data, and a count of calls.

use dism_emu::machine::{Call, Scripted};
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
    /// The name of a package or the like, or the last part of its path.
    pub name: Option<String>,
    pub discards: Option<bool>,
    pub which: Which,
    pub answer: Scripted,
    pub cancel: Cancel,
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

/// P7: when a cancel comes, until when it comes in time, and what the call then returns.
#[derive(Clone, Copy, Debug)]
pub struct Cancel {
    /// The report at which the rule itself cancels the call; 0 for before the first.
    pub after: Option<u32>,
    /// The first report at which a cancel is too late.
    pub until: Option<u32>,
    pub code: Hresult,
}

impl Cancel {
    /// What holds if no rule says anything.
    pub const UNSCRIPTED: Self = Self { after: None, until: None, code: Hresult::new(0x8007_04D3) };

    fn is_in_time(self, report: u32) -> bool {
        self.until.is_none_or(|until| report < until)
    }
}

/// What a rule decides of a call that it answers.
#[derive(Clone, Copy, Debug)]
pub struct Decision {
    pub answer: Scripted,
    /// How many reports of progress the call makes, if the client lets it.
    reports: u32,
    cancel: Cancel,
}

impl Decision {
    /// Decides as a rule with this answer and without a progress of its own.
    pub fn new(answer: Scripted, cancel: Cancel) -> Self {
        let reports = if answer.code.is_failure() { 4 } else { 5 }; // P7: no 100
        match cancel.after.filter(|after| *after <= reports && cancel.is_in_time(*after)) {
            Some(reports) => Self { answer: cancel.code.into(), reports, cancel },
            None => Self { answer, reports, cancel },
        }
    }

    /// Returns how often the client's callback is called, which cancels at the report `at`, and
    /// what the call returns.
    pub fn run(self, at: u32) -> (u32, Hresult) {
        if (1..=self.reports).contains(&at) && self.cancel.is_in_time(at) {
            return (at, self.cancel.code);
        }
        (self.reports, self.answer.code)
    }
}

/// P7, and the arguments of each function in the header.
fn has_cancel_event(function: Function) -> bool {
    const NAMES: &str = "AddCapability RemoveCapability AddPackage RemovePackage EnableFeature \
        DisableFeature CheckImageHealth RestoreImageHealth MountImage CommitImage UnmountImage";
    NAMES.split_whitespace().any(|name| function.name().strip_prefix("Dism") == Some(name))
}

/// What a rule is matched against: a call that the contract allows.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    pub function: Function,
    pub session: Option<Session>,
    /// In any spelling.
    pub image: Option<&'a str>,
    pub call: &'a Call,
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
    pub fn fire(&mut self, query: Query<'_>) -> Option<Decision> {
        for rule in &mut self.0 {
            if rule.in_force && rule.spec.matches(query) {
                rule.seen += 1;
                if rule.spec.which.includes(rule.seen) {
                    rule.fired += 1;
                    let mut cancel = rule.spec.cancel;
                    cancel.after = cancel.after.filter(|_| has_cancel_event(query.function));
                    return Some(Decision::new(rule.spec.answer, cancel));
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
        let name = self.name.as_deref().is_none_or(|name| is_named(query.call, name));
        let discards = self.discards.is_none() || self.discards == discards(query.call);
        let image = own.is_none() || own == query.image.map(image);
        function && session && image && name && discards
    }
}

/// Returns whether the client names what the call is about so, or by a path that ends so.
fn is_named(call: &Call, name: &str) -> bool {
    let Call::BeginOperation { name: Some(passed), .. } = call else { return false };
    let (passed, name) = (image(&passed.to_string_lossy()), image(name));
    passed == name || passed.split('\\').next_back() == Some(&name)
}

/// N8: returns whether an unmount or a commit discards the changes.
fn discards(call: &Call) -> Option<bool> {
    match call {
        Call::UnmountImage { flags, .. }
        | Call::BeginOperation { function: Function::CommitImage, flags, .. } => {
            Some(flags.bits() & 1 == 1)
        }
        _ => None,
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
