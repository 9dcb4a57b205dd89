use std::error::Error;
use std::fmt;

/// The tool's steps, to say which one failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `DismInitialize`.
    Initialize,
    /// `DismOpenSession`.
    OpenSession,
    /// `DismAddPackage`.
    AddPackage,
    /// `DismEnableFeature`.
    EnableFeature,
    /// `DismGetFeatures`, or the `DismDelete` that belongs to it.
    ListFeatures,
    /// `DismCloseSession`.
    CloseSession,
    /// `DismShutdown`.
    Shutdown,
}

/// Why a deployment did not succeed: the first step that failed, and its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The step.
    pub step: Step,
    /// The `HRESULT`.
    pub code: i32,
}

impl Failed {
    /// `HRESULT_FROM_WIN32(ERROR_REQUEST_ABORTED)`.
    const REQUEST_ABORTED: i32 = 0x8007_04D3_u32 as i32;

    /// Returns whether the user cancelled the deployment.
    pub fn is_cancelled(&self) -> bool {
        self.code == Self::REQUEST_ABORTED
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.step {
            Step::Initialize => "initializing DISM",
            Step::OpenSession => "opening the image",
            Step::AddPackage => "adding a package",
            Step::EnableFeature => "enabling a feature",
            Step::ListFeatures => "listing the features",
            Step::CloseSession => "closing the image",
            Step::Shutdown => "shutting DISM down",
        };
        write!(f, "{what} failed with {:#010X}", self.code)
    }
}

impl Error for Failed {}
