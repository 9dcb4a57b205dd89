use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::core::{Busy, Core, Dism};

/// The asynchronous part: runs the core's jobs on threads for blocking work.
#[derive(Debug)]
pub struct Client<D> {
    core: Arc<Core<D>>,
}

impl<D: Dism + Send + Sync + 'static> Client<D> {
    /// Creates a client without a job. Nothing else in the process may initialize DISM.
    pub fn new(dism: D) -> Self {
        Self { core: Arc::new(Core::new(dism)) }
    }

    /// Checks the health of an image, and gives up on it after a while.
    ///
    /// # Errors
    ///
    /// [`Error::Busy`] if another job is not over yet; [`Error::TimedOut`] if this one takes too
    /// long.
    pub async fn check_health(&self, image: &str, patience: Duration) -> Result<(), Error> {
        let core = self.core.clone();
        let image = image.to_owned();
        let mut job = spawn_blocking(move || core.check_health(&image));
        match timeout(patience, &mut job).await {
            Ok(ended) => ended.expect("no call of DISM panics")?.map_err(Error::Dism),
            Err(_) => Err(Error::TimedOut(Abandoned { job })),
        }
    }
}

/// A job that the client no longer waits for. It goes on all the same.
#[derive(Debug)]
pub struct Abandoned {
    job: JoinHandle<Result<Result<(), i32>, Busy>>,
}

impl Abandoned {
    /// Waits for it after all.
    ///
    /// # Errors
    ///
    /// The error of the job.
    pub async fn finish(self) -> Result<(), Error> {
        self.job.await.expect("no call of DISM panics")?.map_err(Error::Dism)
    }
}

/// Why the health of an image is not known.
#[derive(Debug)]
pub enum Error {
    /// Another job is not over yet.
    Busy,
    /// It took too long.
    TimedOut(Abandoned),
    /// A call of DISM failed with this `HRESULT`.
    Dism(i32),
}

impl From<Busy> for Error {
    fn from(_: Busy) -> Self {
        Self::Busy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => Busy.fmt(f),
            Self::TimedOut(_) => f.write_str("the job took too long, and goes on"),
            Self::Dism(code) => write!(f, "DISM failed with {code:#010X}"),
        }
    }
}

impl std::error::Error for Error {}
