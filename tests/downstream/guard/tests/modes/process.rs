use dism_emu::{Contract, DISM_ONLINE_IMAGE, Emulator};
use guard::Dism;

/// Microsoft's pages and the genuine DLL disagree; a client that passes under both is safe.
pub fn process(contract: Contract) -> Emulator {
    Emulator::builder().contract(contract).build()
}

/// An emulated process, as the guard sees it.
#[derive(Debug)]
pub struct Emulated(pub dism_emu::Dism);

impl Emulated {
    /// Does what each user does: opens an image for a moment.
    pub fn work(&self) -> Result<(), i32> {
        let session = self.0.open_session(DISM_ONLINE_IMAGE).map_err(i32::from)?;
        self.0.close_session(session).map_err(i32::from)?;
        Ok(())
    }
}

impl Dism for Emulated {
    #[track_caller]
    fn initialize(&self) -> Result<u32, i32> {
        self.0.initialize().map(u32::from).map_err(i32::from)
    }

    #[track_caller]
    fn shutdown(&self) -> Result<(), i32> {
        self.0.shutdown().map(drop).map_err(i32::from)
    }
}
