use std::ops::ControlFlow;

use deploy::{Features, Servicing};
use dism_emu::{Dism, Function, Memory, Progress, Session};

/// An emulated process, as the tool sees it.
///
/// A newtype, since the trait is the tool's and [`Dism`] the emulator's. A test is a crate of its
/// own, which can implement the trait only for its own types.
pub struct Emulated(pub Dism);

impl Servicing for Emulated {
    fn initialize(&self) -> Result<u32, i32> {
        self.0.initialize().map(u32::from).map_err(i32::from)
    }

    fn open_session(&self, image: &str) -> Result<u32, i32> {
        self.0.open_session(image).map(Session::raw).map_err(i32::from)
    }

    fn add_package(
        &self,
        session: u32,
        _package: &str,
        on_progress: &mut dyn FnMut(u32, u32) -> ControlFlow<()>,
    ) -> Result<u32, i32> {
        let operation = self.0.operation(Session::from_raw(session), Function::AddPackage);
        let operation = operation.map_err(i32::from)?;
        let result = operation.run(|Progress { current, total }| on_progress(current, total));
        result.map(u32::from).map_err(i32::from)
    }

    fn enable_feature(&self, session: u32, _feature: &str) -> Result<u32, i32> {
        let result = self.0.perform(Session::from_raw(session), Function::EnableFeature);
        result.map(u32::from).map_err(i32::from)
    }

    fn features(&self, session: u32) -> Result<Features, i32> {
        self.0.perform(Session::from_raw(session), Function::GetFeatures).map_err(i32::from)?;
        let memory = self.0.hand_out(Function::GetFeatures).map_err(i32::from)?;
        Ok(Features { names: vec!["NetFx3".into(), "TelnetClient".into()], memory: memory.raw() })
    }

    fn delete(&self, memory: u32) -> Result<(), i32> {
        self.0.delete(Memory::from_raw(memory)).map(drop).map_err(i32::from)
    }

    fn close_session(&self, session: u32) -> Result<u32, i32> {
        self.0.close_session(Session::from_raw(session)).map(u32::from).map_err(i32::from)
    }

    fn shutdown(&self) -> Result<(), i32> {
        self.0.shutdown().map(drop).map_err(i32::from)
    }
}
