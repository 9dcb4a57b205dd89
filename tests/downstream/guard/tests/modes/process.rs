use dism_emu::{Contract, DISM_ONLINE_IMAGE, Emulator, Error, Session};
use guard::Dism;

/// Microsoft's pages and the genuine DLL disagree; who passes under both is safe.
pub const CONTRACTS: [Contract; 2] = [Contract::Documented, Contract::Recorded];

/// An emulated process.
#[derive(Clone, Debug)]
pub struct Process(pub Emulator);

impl Process {
    pub fn new(contract: Contract) -> Self {
        Self(Emulator::builder().contract(contract).build())
    }

    /// What everybody who is in wants: an image of their own, for a moment.
    pub fn work(&self) -> Result<(), i32> {
        let session: Session = self.0.open_session(DISM_ONLINE_IMAGE).map_err(code)?;
        self.0.close_session(session).map_err(code)?;
        Ok(())
    }
}

fn code(error: Error) -> i32 {
    error.code().into()
}

impl Dism for Process {
    #[track_caller]
    fn initialize(&self) -> Result<u32, i32> {
        self.0.initialize().map(u32::from).map_err(code)
    }

    #[track_caller]
    fn shutdown(&self) -> Result<(), i32> {
        self.0.shutdown().map_err(code)
    }
}
