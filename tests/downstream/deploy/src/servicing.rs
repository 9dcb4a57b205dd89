use std::ops::ControlFlow;

/// What the tool needs of DISM: one method a function, in plain numbers.
///
/// `Ok` has the number that the function returned, since not every success is 0; `Err` has the
/// failing `HRESULT`. In production this is implemented by calls of `DismApi.dll`, in the tests by
/// an emulator.
pub trait Servicing {
    /// `DismInitialize`.
    fn initialize(&self) -> Result<u32, i32>;

    /// `DismOpenSession`: the new handle.
    fn open_session(&self, image: &str) -> Result<u32, i32>;

    /// `DismAddPackage`. The callback is told how much of how much is done, and cancels with
    /// [`ControlFlow::Break`].
    fn add_package(
        &self,
        session: u32,
        package: &str,
        on_progress: &mut dyn FnMut(u32, u32) -> ControlFlow<()>,
    ) -> Result<u32, i32>;

    /// `DismEnableFeature`.
    fn enable_feature(&self, session: u32, feature: &str) -> Result<u32, i32>;

    /// `DismGetFeatures`.
    fn features(&self, session: u32) -> Result<Features, i32>;

    /// `DismDelete`.
    fn delete(&self, memory: u32) -> Result<(), i32>;

    /// `DismCloseSession`.
    fn close_session(&self, session: u32) -> Result<u32, i32>;

    /// `DismShutdown`.
    fn shutdown(&self) -> Result<(), i32>;
}

/// The array that `DismGetFeatures` hands out.
#[derive(Clone, Debug)]
pub struct Features {
    /// The features' names, copied out of the array.
    pub names: Vec<String>,
    /// The array itself, a number here as everything is: to be given to [`Servicing::delete`].
    pub memory: u32,
}
