//! A small client that is tested with the emulator: its trait, the client, the adapter, five tests.
//!
//!     cargo run --example adapter     # runs the client once, and prints what it called
//!     cargo test --example adapter    # runs its tests

use dism_emu::{Dism, Emulator, Function, Session};

/// What the client needs of DISM, in DISM's numbers. `Ok` has a success, which need not be 0, and
/// `Err` a failure.
///
/// In production, an adapter calls `DismApi.dll`. With `#[track_caller]` on the methods of the trait,
/// a report names lines of the client and not lines of the adapter.
trait Servicing: Sync {
    #[track_caller]
    fn initialize(&self) -> Result<i32, i32>;
    #[track_caller]
    fn open_session(&self, image: &str) -> Result<u32, i32>;
    #[track_caller]
    fn add_package(&self, session: u32, package: &str) -> Result<i32, i32>;
    #[track_caller]
    fn close_session(&self, session: u32) -> Result<i32, i32>;
    #[track_caller]
    fn shutdown(&self) -> Result<i32, i32>;
}

const ERROR_SUCCESS_REBOOT_REQUIRED: i32 = 3010;

/// The client: adds a package to an image, and returns whether a reboot is required.
///
/// Whatever fails, the image is closed, DISM is shut down, and the first failure is returned.
fn install(dism: &dyn Servicing, image: &str, package: &str) -> Result<bool, i32> {
    dism.initialize()?;
    let installed = add_package(dism, image, package);
    let shut_down = dism.shutdown();
    let reboot_required = installed?;
    shut_down?;
    Ok(reboot_required)
}

fn add_package(dism: &dyn Servicing, image: &str, package: &str) -> Result<bool, i32> {
    let session = dism.open_session(image)?;
    let added = dism.add_package(session, package);
    let closed = dism.close_session(session);
    Ok([added?, closed?].contains(&ERROR_SUCCESS_REBOOT_REQUIRED))
}

/// The adapter: DISM as an emulated process.
///
/// Here, `impl Servicing for Dism` works, too, since the trait is local. In `tests/*.rs` of a library,
/// both the trait and `Dism` are from another crate, and the orphan rule requires a local type.
struct Emulated(Dism);

impl Servicing for Emulated {
    fn initialize(&self) -> Result<i32, i32> {
        self.0.initialize().map(i32::from).map_err(i32::from)
    }

    fn open_session(&self, image: &str) -> Result<u32, i32> {
        self.0.open_session(image).map(Session::raw).map_err(i32::from)
    }

    fn add_package(&self, session: u32, package: &str) -> Result<i32, i32> {
        let added = self.0.perform(Session::from_raw(session), Function::AddPackage.named(package));
        added.map(i32::from).map_err(i32::from)
    }

    fn close_session(&self, session: u32) -> Result<i32, i32> {
        let closed = self.0.close_session(Session::from_raw(session));
        closed.map(i32::from).map_err(i32::from)
    }

    fn shutdown(&self) -> Result<i32, i32> {
        self.0.shutdown().map(i32::from).map_err(i32::from)
    }
}

fn main() {
    let emulator = Emulator::new();
    let dism = Emulated(emulator.dism());
    match install(&dism, r"C:\mount", "fonts.cab") {
        Ok(true) => println!("installed, and a reboot is required"),
        Ok(false) => println!("installed"),
        Err(code) => println!("failed with {code:#010X}"),
    }
    let report = emulator.verify().expect("the client makes no mistake");
    print!("{}", report.timeline());
}

/// Each test has a process of its own. At the end of the test, the emulator is dropped and verifies:
/// it panics with a report if the client has made a mistake.
#[cfg(test)]
mod tests {
    use dism_emu::machine::State;
    use dism_emu::{Contract, Hresult, Mistake, Rule};

    use super::*;

    #[test]
    fn a_package_is_installed_under_both_contracts() {
        for contract in Contract::ALL {
            let emulator = Emulator::builder().contract(contract).build();
            let dism = Emulated(emulator.dism());
            assert_eq!(install(&dism, r"C:\mount", "fonts.cab"), Ok(false));
        }
    }

    #[test]
    fn a_package_that_fails_leaves_nothing_behind() {
        let emulator = Emulator::new();
        let dism = Emulated(emulator.dism());
        let busy = Rule::on(Function::AddPackage).fail(Hresult::DISMAPI_E_BUSY);
        let _busy = emulator.script(busy);

        let failed = install(&dism, r"C:\mount", "fonts.cab").unwrap_err();
        assert_eq!(Hresult::from_i32(failed), Hresult::DISMAPI_E_BUSY);
        assert_eq!(emulator.state(), State::Down);
    }

    #[test]
    fn a_process_that_is_not_elevated_stops_at_once() {
        let emulator = Emulator::builder().elevated(false).build();
        let dism = Emulated(emulator.dism());

        let failed = install(&dism, r"C:\mount", "fonts.cab").unwrap_err();
        assert_eq!(Hresult::from_i32(failed), Hresult::WIN32_ELEVATION_REQUIRED);
        assert_eq!(emulator.journal().steps().len(), 1);
    }

    #[test]
    fn a_reboot_that_a_package_requires_is_reported() {
        let emulator = Emulator::new();
        let dism = Emulated(emulator.dism());
        let reboot = Rule::on(Function::AddPackage).answer(3010);
        let _reboot = emulator.script(reboot);

        assert_eq!(install(&dism, r"C:\mount", "fonts.cab"), Ok(true));
    }

    /// Wrong: a package that fails leaves the image open, and DISM initialized.
    fn install_carelessly(dism: &dyn Servicing) -> Result<(), i32> {
        dism.initialize()?;
        let session = dism.open_session(r"C:\mount")?;
        dism.add_package(session, "fonts.cab")?;
        dism.close_session(session)?;
        dism.shutdown()?;
        Ok(())
    }

    #[test]
    fn a_client_that_does_not_clean_up_is_caught() {
        let emulator = Emulator::new();
        let dism = Emulated(emulator.dism());
        let busy = Rule::on(Function::AddPackage).fail(Hresult::DISMAPI_E_BUSY);
        let _busy = emulator.script(busy);

        install_carelessly(&dism).unwrap_err();
        let report = emulator.verify().unwrap_err();
        let [finding] = report.mistakes() else { panic!("{report}") };
        assert_eq!(finding.mistake, Mistake::NeverShutDown);
    }
}
