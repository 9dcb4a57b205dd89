#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "capi"), forbid(unsafe_code))]

mod audit;
mod call;
mod calls;
#[cfg(feature = "capi")]
pub mod capi;
mod config;
mod emulator;
mod error;
mod function;
mod hold;
mod hresult;
mod image;
mod index;
mod journal;
mod machine;
mod mistake;
mod operation;
mod report;
mod rule;
mod session;
mod sessions;
mod sync;
mod timeline;

/// Pages beside the reference.
pub mod docs {
    #[doc = include_str!("docs/capi.md")]
    pub mod capi {}

    #[doc = include_str!("docs/contract.md")]
    pub mod contract {}

    #[doc = include_str!("docs/limitations.md")]
    pub mod limitations {}

    #[doc = include_str!("docs/migration.md")]
    pub mod migration {}

    #[doc = include_str!("docs/mistakes.md")]
    pub mod mistakes {}

    #[doc = include_str!("docs/models.md")]
    #[expect(clippy::test_attr_in_doctest, reason = "it shows what runs under loom")]
    pub mod models {}
}

pub use audit::Finding;
pub use call::{
    Call, DISM_ONLINE_IMAGE, Effect, ImageIdentifier, Memory, MountImage, MountMode, OpenSession,
    Outcome, Session, ThreadId,
};
pub use config::{Config, Contract};
pub use emulator::{Builder, Emulator};
pub use error::{Error, InvalidArgument};
pub use function::Function;
pub use hold::{Hold, HoldGuard};
pub use hresult::Hresult;
pub use image::ImagePath;
pub use journal::{Journal, ReplayError, Step, replay};
pub use machine::{Machine, State};
pub use mistake::Mistake;
pub use operation::Operation;
pub use report::{Remark, Report};
pub use rule::{Progress, Rule, RuleGuard};
pub use session::OwnedSession;
pub use sync::MODEL_CHECKED;
pub use timeline::Timeline;
