//! What happened, and what it shows about the client.

mod audit;
mod color;
mod doubts;
mod journal;
mod mistake;
mod paired;
mod remark;
mod report;
mod table;
mod text;
mod threads;
mod timeline;

pub use self::audit::Finding;
pub(crate) use self::color::shown;
pub use self::journal::Journal;
pub(crate) use self::journal::{Caller, Recorder};
pub use self::mistake::Mistake;
pub use self::remark::Remark;
pub use self::report::Report;
pub use self::timeline::Timeline;
