use std::ops::ControlFlow;

/// What the tool needs of DISM: a method for each function, in plain numbers.
///
/// `Ok` has the number that the function returned, since not every success is 0; `Err` has the
/// failing `HRESULT`. In production this is implemented by calls of `DismApi.dll`, in the tests by
/// an emulator.
///
/// The methods are `#[track_caller]`, so that a report of the tests shows the tool's own lines and
/// not those of the implementation.
pub trait Servicing {
    /// `DismInitialize`.
    #[track_caller]
    fn initialize(&self) -> Result<u32, i32>;

    /// `DismOpenSession`: the new handle.
    #[track_caller]
    fn open_session(&self, image: &str) -> Result<u32, i32>;

    /// `DismAddPackage`. The callback gets how much of how much is done, and cancels with
    /// [`ControlFlow::Break`].
    #[track_caller]
    fn add_package(
        &self,
        session: u32,
        package: &str,
        on_progress: &mut dyn FnMut(u32, u32) -> ControlFlow<()>,
    ) -> Result<u32, i32>;

    /// `DismEnableFeature`.
    #[track_caller]
    fn enable_feature(&self, session: u32, feature: &str) -> Result<u32, i32>;

    /// `DismGetFeatures`.
    #[track_caller]
    fn features(&self, session: u32) -> Result<Features, i32>;

    /// `DismDelete`.
    #[track_caller]
    fn delete(&self, memory: u32) -> Result<(), i32>;

    /// `DismCloseSession`.
    #[track_caller]
    fn close_session(&self, session: u32) -> Result<u32, i32>;

    /// `DismShutdown`.
    #[track_caller]
    fn shutdown(&self) -> Result<(), i32>;
}

/// The array that `DismGetFeatures` hands out.
#[derive(Clone, Debug)]
pub struct Features {
    /// The features' names, copied out of the array.
    pub names: Vec<String>,
    /// The array itself, which is a number here: to be passed to [`Servicing::delete`].
    pub memory: u32,
}
