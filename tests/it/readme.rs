use dism_emu::{Dism, FaultSweep, Function, Session};

#[test]
fn whatever_fails_leaves_nothing_behind() {
    FaultSweep::new().assert(|dism| install(&Emulated(dism.clone()), "fonts.cab"));
}

/// The code under test.
fn install(dism: &impl Servicing, package: &str) -> Result<(), i32> {
    dism.initialize()?;
    let installed = dism.open(r"C:\mount").and_then(|session| {
        let added = dism.add_package(session, package);
        let closed = dism.close(session);
        added.and(closed)
    });
    let shut_down = dism.shutdown();
    installed.and(shut_down).map(drop)
}

/// What it needs of DISM. In production, an implementation calls `DismApi.dll`.
trait Servicing: Sync {
    #[track_caller]
    fn initialize(&self) -> Result<i32, i32>;
    #[track_caller]
    fn open(&self, image: &str) -> Result<u32, i32>;
    #[track_caller]
    fn add_package(&self, session: u32, package: &str) -> Result<i32, i32>;
    #[track_caller]
    fn close(&self, session: u32) -> Result<i32, i32>;
    #[track_caller]
    fn shutdown(&self) -> Result<i32, i32>;
}

/// In tests, this implementation calls the emulator.
struct Emulated(Dism);

impl Servicing for Emulated {
    fn initialize(&self) -> Result<i32, i32> {
        self.0.initialize().map(i32::from).map_err(i32::from)
    }

    fn open(&self, image: &str) -> Result<u32, i32> {
        self.0.open_session(image).map(Session::raw).map_err(i32::from)
    }

    fn add_package(&self, session: u32, package: &str) -> Result<i32, i32> {
        let added = self.0.perform(Session::from_raw(session), Function::AddPackage.named(package));
        added.map(i32::from).map_err(i32::from)
    }

    fn close(&self, session: u32) -> Result<i32, i32> {
        self.0.close_session(Session::from_raw(session)).map(i32::from).map_err(i32::from)
    }

    fn shutdown(&self) -> Result<i32, i32> {
        self.0.shutdown().map(i32::from).map_err(i32::from)
    }
}
