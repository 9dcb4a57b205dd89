use std::ops::ControlFlow;

use deploy::{Features, Servicing};
use dism_emu::{Emulator, Error, Function, Memory, Progress, Session};

/// An emulated process, as the tool sees it.
///
/// Every method is `#[track_caller]`, so that a report shows the tool's own lines and not these.
/// For that to work the tool is generic over the trait: a call through `dyn` has no caller.
pub struct Emulated(pub Emulator);

fn code(error: Error) -> i32 {
    error.code().into()
}

impl Servicing for Emulated {
    #[track_caller]
    fn initialize(&self) -> Result<u32, i32> {
        self.0.initialize().map(u32::from).map_err(code)
    }

    #[track_caller]
    fn open_session(&self, image: &str) -> Result<u32, i32> {
        self.0.open_session(image).map(Session::raw).map_err(code)
    }

    #[track_caller]
    fn add_package(
        &self,
        session: u32,
        _package: &str,
        on_progress: &mut dyn FnMut(u32, u32) -> ControlFlow<()>,
    ) -> Result<u32, i32> {
        let operation =
            self.0.operation(Session::from_raw(session), Function::AddPackage).map_err(code)?;
        let result = operation.run(|Progress { current, total }| on_progress(current, total));
        result.map(u32::from).map_err(code)
    }

    #[track_caller]
    fn enable_feature(&self, session: u32, _feature: &str) -> Result<u32, i32> {
        let result = self.0.perform(Session::from_raw(session), Function::EnableFeature);
        result.map(u32::from).map_err(code)
    }

    #[track_caller]
    fn features(&self, session: u32) -> Result<Features, i32> {
        self.0.perform(Session::from_raw(session), Function::GetFeatures).map_err(code)?;
        let memory = self.0.hand_out(Function::GetFeatures).map_err(code)?;
        Ok(Features { names: vec!["NetFx3".into(), "TelnetClient".into()], memory: memory.raw() })
    }

    #[track_caller]
    fn delete(&self, memory: u32) -> Result<(), i32> {
        self.0.delete(Memory::from_raw(memory)).map_err(code)
    }

    #[track_caller]
    fn close_session(&self, session: u32) -> Result<u32, i32> {
        self.0.close_session(Session::from_raw(session)).map(u32::from).map_err(code)
    }

    #[track_caller]
    fn shutdown(&self) -> Result<(), i32> {
        self.0.shutdown().map_err(code)
    }
}
