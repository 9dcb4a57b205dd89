//! The result codes.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::Error as CallError;

/// A result code of the DISM API: any 32-bit number, with names for those that the contract knows.
///
/// The sign decides, as for every HRESULT: a number with the top bit set is a failure. Every other
/// number is a success, including `S_FALSE` (1) and `ERROR_SUCCESS_REBOOT_REQUIRED` (3010). Unknown
/// numbers are legal.
///
/// ```
/// use dism_emu::Hresult;
///
/// let code = Hresult::DISMAPI_E_OPEN_SESSION_HANDLES;
/// assert_eq!(code.to_string(), "0xC0040003");
/// assert_eq!(code.name(), Some("DISMAPI_E_OPEN_SESSION_HANDLES"));
/// assert!(code.is_failure());
/// assert_eq!(Hresult::from(0xC0040003_u32), code);
///
/// assert!(Hresult::ERROR_SUCCESS_REBOOT_REQUIRED.is_success());
/// assert_eq!(Hresult::new(0x8BAD_F00D).name(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Hresult(u32);

impl Hresult {
    /// Creates the code with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Creates the code with this signed number, the form that Windows headers and bindings use.
    ///
    /// ```
    /// use dism_emu::Hresult;
    ///
    /// assert_eq!(Hresult::from_i32(-1_073_479_677), Hresult::DISMAPI_E_OPEN_SESSION_HANDLES);
    /// ```
    #[must_use]
    pub const fn from_i32(number: i32) -> Self {
        Self(number as u32)
    }

    /// Creates the code for a Win32 error, as `HRESULT_FROM_WIN32` does.
    ///
    /// Only the lowest 16 bits of the error count. 0 is a success and stays 0. A number with the
    /// top bit set is an HRESULT already and stays as it is.
    ///
    /// ```
    /// use dism_emu::Hresult;
    ///
    /// assert_eq!(Hresult::from_win32(740), Hresult::WIN32_ELEVATION_REQUIRED);
    /// assert_eq!(Hresult::from_win32(0), Hresult::S_OK);
    /// ```
    #[must_use]
    pub const fn from_win32(error: u32) -> Self {
        match Self(error) {
            Self::S_OK => Self::S_OK,
            code if code.is_failure() => code,
            Self(error) => Self(0x8007_0000 | error & 0xFFFF),
        }
    }

    /// Returns the number as a bit pattern: `0xC0040003`, not a negative number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Returns whether the code is a success: its top bit is clear.
    #[must_use]
    pub const fn is_success(self) -> bool {
        !self.is_failure()
    }

    /// Returns whether the code is a failure: its top bit is set.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        self.0 >> 31 == 1
    }
}

/// Reads a number, `0xC0040003` or `3010`, or a name, `DISMAPI_E_BUSY`.
impl FromStr for Hresult {
    type Err = ParseHresultError;

    fn from_str(text: &str) -> Result<Self, ParseHresultError> {
        let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => text.parse().ok(),
        };
        number.map(Self).or_else(|| Self::named(text)).ok_or(ParseHresultError)
    }
}

/// The error for a text that is neither a number nor the name of an [`Hresult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("it is neither a code, such as 0x800F0902, nor the name of one")]
#[non_exhaustive]
pub struct ParseHresultError;

/// Serializes the code as a string, `0xC0040003`.
#[cfg(feature = "serde")]
impl serde::Serialize for Hresult {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Writes the number, `0xC0040003`.
impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:#010X}", self.0))
    }
}

/// Writes the number and, if there is one, the name.
impl fmt::Debug for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{self} ({name})"),
            None => write!(f, "{self}"),
        }
    }
}

/// Converts from the unsigned number, `0xC0040003`.
impl From<u32> for Hresult {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// Converts to the code that the failing call returns.
impl From<CallError> for Hresult {
    fn from(error: CallError) -> Self {
        error.code()
    }
}

/// Converts to the unsigned number, `0xC0040003`.
impl From<Hresult> for u32 {
    fn from(code: Hresult) -> Self {
        code.0
    }
}

/// Converts to the signed number, the form that Windows headers and bindings use.
impl From<Hresult> for i32 {
    fn from(code: Hresult) -> Self {
        code.0 as i32
    }
}

/// Converts to the code that the failing call returns, as a signed number.
impl From<CallError> for i32 {
    fn from(error: CallError) -> Self {
        error.code().into()
    }
}

/// Defines all codes in one table: number, name, and the text in the DLL's message table, or `-` if
/// it has none. In the DLL each text ends with a full stop, CR and LF.
macro_rules! codes {
    ($($number:literal $name:ident $text:tt $(#[$doc:meta])+)+) => {
        impl Hresult {
            $($(#[$doc])+ pub const $name: Self = Self($number);)+

            /// Returns the name of the constant with this number, if there is one.
            ///
            /// The number 1 has two names; this returns `S_FALSE`.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)+
                    _ => None,
                }
            }

            /// Returns the code with this name.
            fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)+
                    "DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED" => Some(Self::S_FALSE),
                    _ => None,
                }
            }

            /// Returns what the DLL's message table says of this code, or `None` if it has no text.
            /// The full stop and the line break at the end of each text are left out.
            ///
            /// ```
            /// use dism_emu::Hresult;
            ///
            /// let text = Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED.message();
            /// assert_eq!(text, Some("DISM API was not initialized for this process"));
            /// assert_eq!(Hresult::S_OK.message(), None);
            /// ```
            #[must_use]
            pub const fn message(self) -> Option<&'static str> {
                match self.0 {
                    $($number => codes!(@text $text),)+
                    _ => None,
                }
            }
        }
    };
    (@text -) => { None };
    (@text $text:literal) => { Some($text) };
}

codes! {
    0x0000_0000 S_OK -
        /// Success.
    0x0000_0001 S_FALSE "The DISM session needs to be reloaded"
        /// Success with a remark: a second initialize (rule I3 Recorded), or an operation after
        /// which the session needs to be reloaded.
    0x0000_0BC2 ERROR_SUCCESS_REBOOT_REQUIRED -
        /// Success, and a reboot is needed: 3010, not wrapped as an HRESULT (rule C6).
    0xC004_0001 DISMAPI_E_DISMAPI_NOT_INITIALIZED "DISM API was not initialized for this process"
        /// The API is not initialized, or was shut down (rules S1, S4).
    0xC004_0002 DISMAPI_E_SHUTDOWN_IN_PROGRESS
        "A DismSession was being shutdown when another operation was called on it"
        /// The header's code for a call on a closing session (rule C4).
    0xC004_0003 DISMAPI_E_OPEN_SESSION_HANDLES
        "A DismShutdown was called while there were open DismSession handles"
        /// The final shutdown with a session open (rule S2).
    0xC004_0004 DISMAPI_E_INVALID_DISM_SESSION
        "An invalid DismSession handle was passed into a DISMAPI function"
        /// The handle is not that of an open session (rules C2, C4, P1).
    0xC004_0005 DISMAPI_E_INVALID_IMAGE_INDEX "An invalid image index was specified"
        /// No image with that index.
    0xC004_0006 DISMAPI_E_INVALID_IMAGE_NAME "An invalid image name was specified"
        /// No image with that name.
    0xC004_0007 DISMAPI_E_UNABLE_TO_UNMOUNT_IMAGE_PATH
        "An image that is not a mounted WIM or mounted VHD was attempted to be unmounted"
        /// Unmount of a path that is not mounted.
    0xC004_0009 DISMAPI_E_LOGGING_DISABLED
        "Failed to gain access to the log file user specified. Logging has been disabled"
        /// The log file cannot be written, and the API is initialized nevertheless (rule I6).
    0xC004_000A DISMAPI_E_OPEN_HANDLES_UNABLE_TO_UNMOUNT_IMAGE_PATH
        "A DismSession with open handles was attempted to be unmounted"
        /// Unmount of a path with an open session.
    0xC004_000B DISMAPI_E_OPEN_HANDLES_UNABLE_TO_MOUNT_IMAGE_PATH
        "A DismSession with open handles was attempted to be mounted"
        /// Mount at a path with an open session.
    0xC004_000C DISMAPI_E_OPEN_HANDLES_UNABLE_TO_REMOUNT_IMAGE_PATH
        "A DismSession with open handles was attempted to be remounted"
        /// Remount of a path with an open session.
    0xC004_000D DISMAPI_E_PARENT_FEATURE_DISABLED
        "One or several parent features are disabled so current feature can not be enabled"
        /// A parent feature is disabled.
    0xC004_000E DISMAPI_E_MUST_SPECIFY_ONLINE_IMAGE
        "The offline image specified is the running system. The macro DISM_ONLINE_IMAGE must be used instead"
        /// The path is that of the running system.
    0xC004_000F DISMAPI_E_INVALID_PRODUCT_KEY -
        /// The product key is not valid.
    0xC151_0114 DISMAPI_E_NEEDS_REMOUNT
        "The image needs to be remounted before any servicing operation"
        /// The image has to be remounted first.
    0x800F_080C DISMAPI_E_UNKNOWN_FEATURE -
        /// The servicing stack does not know the feature.
    0x800F_0902 DISMAPI_E_BUSY -
        /// The servicing stack is busy.
    0x8007_02E4 WIN32_ELEVATION_REQUIRED -
        /// `HRESULT_FROM_WIN32(ERROR_ELEVATION_REQUIRED)`: the process is not elevated (rule I2).
    0x8007_00B7 WIN32_ALREADY_EXISTS -
        /// `HRESULT_FROM_WIN32(ERROR_ALREADY_EXISTS)`: an open of an image whose lock an earlier open
        /// has left behind (rule O11).
    0x8004_0154 REGDB_E_CLASSNOTREG -
        /// The servicing host of the image did not come up. An open that fails with this code leaves
        /// a lock on the image behind (rule O11).
    0xC142_010C WIMMOUNT_READ_ONLY -
        /// A commit of an image that is mounted for reading only (rule N6). Microsoft publishes no
        /// name for this code, nor for the other codes of the mount driver; these are the crate's.
    0xC142_0113 WIMMOUNT_MOUNTED_FOLDER -
        /// Mount at a path at which an image is mounted (rule N4).
    0xC142_0114 WIMMOUNT_FOLDER_NOT_EMPTY -
        /// Mount at a folder that is not empty.
    0xC142_0117 WIMMOUNT_FILES_OPEN -
        /// Unmount while files of the image are open. The image stays mounted, and the call can be
        /// tried again.
    0xC142_0127 WIMMOUNT_IMAGE_IN_USE -
        /// Mount of a file that is mounted for writing already (rule N7).
    0xC157_0106 PROVISIONING_IN_PROGRESS -
        /// Another session provisions an app package. The name is the crate's.
    0x8007_04DF WIN32_ALREADY_INITIALIZED -
        /// `HRESULT_FROM_WIN32(ERROR_ALREADY_INITIALIZED)`: the stand-in for the unpublished
        /// `DISMAPI_E_DISMAPI_ALREADY_INITIALIZED` (rule I3 Documented). Microsoft names that code
        /// on two pages, but states its number on none. A test that knows the number sets it with
        /// [`Builder::already_initialized`](crate::Builder::already_initialized).
    0x8007_0005 E_ACCESSDENIED -
        /// Access is denied.
    0x8007_0057 E_INVALIDARG -
        /// An argument is not valid.
    0x8000_4005 E_FAIL -
        /// A failure that is not specified.
    0x8000_FFFF E_UNEXPECTED -
        /// The emulator itself failed. Only the C functions return this code, in place of a panic
        /// that would otherwise leave them.
    0x8007_0002 WIN32_FILE_NOT_FOUND -
        /// `HRESULT_FROM_WIN32(ERROR_FILE_NOT_FOUND)`: the file does not exist.
    0x800F_0805 CBS_E_INVALID_PACKAGE -
        /// The servicing stack does not know the package.
    0x8007_000E E_OUTOFMEMORY -
        /// Something ran out: memory, or session numbers (rule O8).
    0x8007_04D3 WIN32_REQUEST_ABORTED -
        /// `HRESULT_FROM_WIN32(ERROR_REQUEST_ABORTED)`: the call was cancelled (rule P7). Long-used
        /// clients test for this code.
    0x8007_04C7 WIN32_CANCELLED -
        /// `HRESULT_FROM_WIN32(ERROR_CANCELLED)`: the call was cancelled. This code is seen, too.
    0x8007_06BE WIN32_RPC_S_CALL_FAILED -
        /// `HRESULT_FROM_WIN32(RPC_S_CALL_FAILED)`: the servicing host is gone (rule P5).
    0x8001_0108 RPC_E_DISCONNECTED -
        /// The servicing host went away during the call (rule P5).
    0x8007_046B WIN32_POSSIBLE_DEADLOCK -
        /// `HRESULT_FROM_WIN32(ERROR_POSSIBLE_DEADLOCK)`: the emulator's own code for a call that
        /// would wait for itself in the real DLL (rules C7, P3).
}

impl Hresult {
    /// The other name of 1 ([`S_FALSE`](Self::S_FALSE)), for an operation's result.
    pub const DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED: Self = Self::S_FALSE;
}
