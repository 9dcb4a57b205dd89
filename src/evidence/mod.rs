//! What happened, and what it says of the client.

pub(crate) mod audit;
pub(crate) mod journal;
mod mistake;
pub(crate) mod paired;
mod report;
mod timeline;

pub use self::audit::Finding;
pub use self::journal::{Journal, ReplayError, Step, replay};
pub use self::mistake::Mistake;
pub use self::report::{Remark, Report};
pub use self::timeline::Timeline;
