//! The program and the test of the README, with a mistake in one line of the program: prints what
//! the test reports.
//!
//!     cargo run --example sweep

use dism_emu::{Dism, FaultSweep, Function, Session};

/// The code under test. The mistake is in the line with `and_then`: if the package fails, the
/// session stays open.
fn install(dism: &impl Servicing, package: &str) -> Result<(), i32> {
    dism.initialize()?;
    let installed = dism.open(r"C:\mount").and_then(|session| {
        let added = dism.add_package(session, package);
        let closed = added.and_then(|_| dism.close(session));
        added.and(closed)
    });
    let shut_down = dism.shutdown();
    installed.and(shut_down).map(drop)
}

/// The test.
pub(crate) fn report() -> String {
    let swept = FaultSweep::new().run(|dism| install(&Emulated(dism.clone()), "fonts.cab"));
    swept.expect_err("if the package fails, a session is left open").to_string()
}

fn main() {
    print!("{}", report());
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
