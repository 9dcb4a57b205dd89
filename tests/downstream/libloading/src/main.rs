//! Counts the packages of the running system.

use std::error::Error;

use libloading_client::DismApi;

fn main() -> Result<(), Box<dyn Error>> {
    // SAFETY: nothing but DISM has a library of this name.
    let dism = unsafe { DismApi::load(libloading::library_filename("DismApi"))? };
    let count = dism.count_packages().map_err(|code| format!("failed with {code:#010X}"))?;
    println!("{count} packages");
    Ok(())
}
