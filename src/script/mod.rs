//! What the test has decided about calls to come.

pub(crate) mod hold;
pub(crate) mod rule;

pub use self::hold::{Hold, HoldGuard};
pub use self::rule::{Progress, Rule, RuleGuard};
