#![doc = include_str!("../README.md")]

mod call;
mod config;
mod emulator;
mod error;
mod function;
mod hresult;
mod image;
mod index;
mod journal;
mod machine;
mod session;
mod sessions;
mod sync;

/// Pages beside the reference.
pub mod docs {
    #[doc = include_str!("docs/contract.md")]
    pub mod contract {}

    #[doc = include_str!("docs/limitations.md")]
    pub mod limitations {}
}

pub use call::{Call, DISM_ONLINE_IMAGE, Effect, OpenSession, Outcome, Session, ThreadId};
pub use config::{Config, Contract};
pub use emulator::{Builder, Emulator, Operation};
pub use error::{Error, InvalidArgument};
pub use function::Function;
pub use hresult::Hresult;
pub use image::ImagePath;
pub use journal::{Journal, ReplayError, Step, replay};
pub use machine::{Machine, State};
pub use session::OwnedSession;
pub use sync::MODEL_CHECKED;
