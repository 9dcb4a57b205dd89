//! The configuration of a process.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

pub(crate) use super::aliases::Aliases;
use crate::call::{Hresult, ImagePath};

/// One of the two contracts that the emulated DLL can keep.
///
/// Microsoft's pages and recordings of the genuine DLL disagree about a second `DismInitialize` and
/// what follows from it (rules I3 and S3). Everything else is the same. A client that passes its
/// tests under both is safe whichever of the two is true on a machine.
///
/// ```
/// use dism_emu::{Contract, Emulator};
///
/// for contract in Contract::ALL {
///     let emulator = Emulator::builder().contract(contract).build();
///     let dism = emulator.dism();
///     dism.initialize()?;
///     dism.shutdown()?;
/// }
/// assert_eq!("recorded".parse(), Ok(Contract::Recorded));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub enum Contract {
    /// As Microsoft's pages say: a second initialize fails, and the first shutdown ends the API.
    #[default]
    Documented,
    /// As recorded: a second initialize is counted, and only the final shutdown ends the API.
    Recorded,
}

impl Contract {
    /// Both contracts, for a test that runs under each.
    pub const ALL: [Self; 2] = [Self::Documented, Self::Recorded];
}

/// Writes `Documented` or `Recorded`.
impl fmt::Display for Contract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Documented => "Documented",
            Self::Recorded => "Recorded",
        })
    }
}

/// Parses what [`Display`](fmt::Display) writes, in any letter case: `recorded`.
impl FromStr for Contract {
    type Err = ParseContractError;

    fn from_str(name: &str) -> Result<Self, ParseContractError> {
        let has_name = |contract: &Self| contract.to_string().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(has_name).ok_or(ParseContractError)
    }
}

/// The error for a name that is not the name of a [`Contract`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("the contract is neither `documented` nor `recorded`")]
#[non_exhaustive]
pub struct ParseContractError;

/// The configuration of an emulated process: the contract, the elevation, the codes on which the
/// sources disagree, and the highest session number.
///
/// A [`Builder`](crate::Builder) sets these one by one, or all at once with
/// [`Builder::config`](crate::Builder::config). A [`Machine`](super::Machine) takes them all at
/// once.
///
/// A code may be any number, and is returned unchanged. The code of an error is in an `Err`, and is
/// the thread's last error, even if it has the sign of a success.
///
/// ```
/// use dism_emu::Contract;
/// use dism_emu::machine::{Config, Machine};
///
/// let mut config = Config::default();
/// config.contract = Contract::Recorded;
/// let machine = Machine::new(config);
/// # let _ = machine;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Config {
    /// The contract. Default: [`Contract::Documented`].
    pub contract: Contract,
    /// Whether the process is elevated (rule I2). Default: yes.
    pub elevated: bool,
    /// The code of a second initialize under [`Contract::Documented`] (rule I3). Default:
    /// [`Hresult::WIN32_ALREADY_INITIALIZED`], a stand-in for a number that was never published.
    pub already_initialized: Hresult,
    /// The code for a handle that is not open: never given out, or closed (rules C2, C5). Default:
    /// [`Hresult::DISMAPI_E_INVALID_DISM_SESSION`]. An old edition of Microsoft's page says
    /// [`Hresult::E_INVALIDARG`].
    pub closed_session: Hresult,
    /// The code of an operation on a session that another thread is closing (rule C4). Default:
    /// [`Hresult::DISMAPI_E_INVALID_DISM_SESSION`]. The header has
    /// [`Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS`] for the same situation.
    pub closing_session: Hresult,
    /// The highest session number to give out, for tests that run out of numbers (rule O8).
    /// Default: [`u32::MAX`]. The first number is 2, so no session can be opened if this is lower.
    pub last_session: u32,
    /// The code of `DismGetLastErrorMessage` in C if no call of the thread has failed. The message
    /// is then a null pointer (rule E4). Default: `S_OK`. Some clients expect [`Hresult::S_FALSE`].
    /// [`Dism::last_error`](crate::Dism::last_error) returns `None` with either.
    pub no_message: Hresult,
    /// The images that are known by several paths (rule O6).
    pub(crate) aliases: Aliases,
}

impl Config {
    /// Declares that two paths are the same image: see
    /// [`Builder::same_image`](crate::Builder::same_image).
    ///
    /// # Panics
    ///
    /// If a path is empty, or that of the online image, which is an image of its own.
    #[track_caller]
    pub fn same_image(&mut self, one: impl AsRef<OsStr>, other: impl AsRef<OsStr>) {
        let (one, other) = (ImagePath::new(one), ImagePath::new(other));
        for path in [&one, &other] {
            if let Err(why) = Aliases::check(path) {
                panic!("{why}");
            }
        }
        self.aliases.declare(one, other);
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            contract: Contract::default(),
            elevated: true,
            already_initialized: Hresult::WIN32_ALREADY_INITIALIZED,
            closed_session: Hresult::DISMAPI_E_INVALID_DISM_SESSION,
            closing_session: Hresult::DISMAPI_E_INVALID_DISM_SESSION,
            last_session: u32::MAX,
            no_message: Hresult::S_OK,
            aliases: Aliases::default(),
        }
    }
}
