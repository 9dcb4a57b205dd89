use dism_emu::{Contract, Emulator, Function, Session};
use tokio_client::Dism;

/// Microsoft's pages and the genuine DLL disagree; a client that passes under both is safe.
pub fn process(contract: Contract) -> Emulator {
    Emulator::builder().contract(contract).build()
}

/// An emulated process, as the client sees it.
#[derive(Debug)]
pub struct Emulated(pub dism_emu::Dism);

impl Dism for Emulated {
    #[track_caller]
    fn initialize(&self) -> Result<u32, i32> {
        self.0.initialize().map(u32::from).map_err(i32::from)
    }

    #[track_caller]
    fn open_session(&self, image: &str) -> Result<u32, i32> {
        self.0.open_session(image).map(Session::raw).map_err(i32::from)
    }

    #[track_caller]
    fn check_health(&self, session: u32) -> Result<u32, i32> {
        let result = self.0.perform(Session::from_raw(session), Function::CheckImageHealth);
        result.map(u32::from).map_err(i32::from)
    }

    #[track_caller]
    fn close_session(&self, session: u32) -> Result<u32, i32> {
        self.0.close_session(Session::from_raw(session)).map(u32::from).map_err(i32::from)
    }

    #[track_caller]
    fn shutdown(&self) -> Result<(), i32> {
        self.0.shutdown().map(drop).map_err(i32::from)
    }
}
