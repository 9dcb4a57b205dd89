// `tests/it/pages.rs` checks its code, which is one file in two parts: neither compiles alone.
#![cfg_attr(not(doctest), doc = include_str!("../README.md"))]
#![expect(clippy::test_attr_in_doctest, reason = "it shows a test that runs elsewhere")]
#![cfg_attr(not(feature = "capi"), forbid(unsafe_code))]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod call;
#[cfg(feature = "capi")]
pub mod capi;
mod emulator;
mod evidence;
pub mod machine;
mod script;
mod sweep;
mod sync;

/// Pages in addition to the API reference.
pub mod docs {
    #[doc = include_str!("docs/capi.md")]
    pub mod capi {}

    #[doc = include_str!("docs/contract.md")]
    pub mod contract {}

    #[doc = include_str!("docs/design.md")]
    pub mod design {}

    #[doc = include_str!("docs/failures.md")]
    pub mod failures {}

    #[doc = include_str!("docs/guide.md")]
    pub mod guide {}

    #[doc = include_str!("docs/limitations.md")]
    pub mod limitations {}

    #[doc = include_str!("docs/migration.md")]
    pub mod migration {}

    #[doc = include_str!("docs/mistakes.md")]
    pub mod mistakes {}

    #[doc = include_str!("docs/models.md")]
    #[expect(clippy::test_attr_in_doctest, reason = "it shows tests that run under loom")]
    pub mod models {}

    #[doc = include_str!("docs/policy.md")]
    pub mod policy {}

    #[doc = include_str!("docs/probe.md")]
    pub mod probe {}

    #[doc = include_str!("docs/recipes.md")]
    #[expect(clippy::test_attr_in_doctest, reason = "it shows tests that run elsewhere")]
    pub mod recipes {}

    #[doc = include_str!("docs/speed.md")]
    #[doc = ""]
    #[doc = include_str!("docs/speed.svg")]
    pub mod speed {}
}

pub use call::{
    Action, CommitFlags, DISM_ONLINE_IMAGE, Error, Function, Hresult, ImageIdentifier, ImagePath,
    Initialize, InvalidArgument, Memory, MountFlags, MountImage, MountMode, OpenSession,
    ParseHresultError, Session, ThreadNumber,
};
pub use emulator::{Builder, Dism, Emulator, HoldGuard, Operation, OwnedSession, RuleGuard};
pub use evidence::{Finding, Journal, Mistake, Remark, Report, Timeline};
pub use machine::config::{Contract, ParseContractError};
pub use script::{Hold, ParseRuleError, Progress, Rule};
pub use sweep::{FaultSweep, SweepReport};
pub use sync::MODEL_CHECKED;
