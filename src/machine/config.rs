//! What a process is like.

use crate::call::Hresult;

/// Which of the two contracts the emulated DLL keeps.
///
/// Microsoft's pages and recordings of the genuine DLL disagree about a second `DismInitialize`
/// and everything that follows from it (rules I3, I5, S3, S5); in all else the two are the same.
/// A client that passes its tests under both is safe on the machines that exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Contract {
    /// The pages: a second initialize fails, and the first shutdown ends the API.
    #[default]
    Documented,
    /// The recordings: a second initialize counts, and only the last shutdown ends the API.
    Recorded,
}

/// What an emulated process is like: the contract, the elevation, and the codes that the sources
/// dispute.
///
/// [`Emulator::builder`](crate::Emulator::builder) sets these one by one; a
/// [`Machine`](crate::Machine) takes the whole.
///
/// A disputed code is answered as it stands, whatever its number: the call fails in the sense of
/// [`Result`], and the number is the thread's last error, even where it has the sign of a success.
///
/// ```
/// use dism_emu::{Config, Contract, Machine};
///
/// let mut config = Config::default();
/// config.contract = Contract::Recorded;
/// let machine = Machine::new(config);
/// # let _ = machine;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Config {
    /// The contract. Default: [`Contract::Documented`].
    pub contract: Contract,
    /// Whether the process is elevated (rule I2). Default: yes.
    pub elevated: bool,
    /// The answer to a second initialize under [`Contract::Documented`] (rule I3). Default:
    /// [`Hresult::ERROR_ALREADY_INITIALIZED`], a stand-in for a number that was never published.
    pub already_initialized: Hresult,
    /// The answer for a handle that is not open: never given out, or closed (rules C2, C5).
    /// Default: [`Hresult::DISMAPI_E_INVALID_DISM_SESSION`]; an old edition of Microsoft's page
    /// says [`Hresult::E_INVALIDARG`].
    pub closed_session: Hresult,
    /// The answer to an operation on a session that another thread is closing (rule C4). Default:
    /// [`Hresult::DISMAPI_E_INVALID_DISM_SESSION`]; the header has
    /// [`Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS`] for the same moment.
    pub closing_session: Hresult,
    /// The highest session number to give out, for tests of what happens when they run out
    /// (rule O8). Default: [`u32::MAX`]. The first number is 2, so anything lower means none.
    pub last_session: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contract: Contract::default(),
            elevated: true,
            already_initialized: Hresult::ERROR_ALREADY_INITIALIZED,
            closed_session: Hresult::DISMAPI_E_INVALID_DISM_SESSION,
            closing_session: Hresult::DISMAPI_E_INVALID_DISM_SESSION,
            last_session: u32::MAX,
        }
    }
}
