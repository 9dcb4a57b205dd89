//! A small tool with a mistake on its error path: if a package or the repair fails, the session
//! stays open.
//!
//! ```sh
//! cargo run --example repair -- package...
//! ```

use std::env;
use std::error::Error;
use std::ffi::c_void;
use std::ptr::null;

use libloading::{Symbol, library_filename};
use libloading_client::{DismApi, Hresult};

type ProgressCallback = Option<unsafe extern "system" fn(u32, u32, *mut c_void)>;
type AddPackage = unsafe extern "system" fn(
    u32,
    *const u16,
    i32,
    i32,
    *mut c_void,
    ProgressCallback,
    *mut c_void,
) -> Hresult;
type RestoreImageHealth = unsafe extern "system" fn(
    u32,
    *const *const u16,
    u32,
    i32,
    *mut c_void,
    ProgressCallback,
    *mut c_void,
) -> Hresult;

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn check(what: &str, code: Hresult) -> Result<(), String> {
    if code < 0 { Err(format!("{what}: {code:#010X}")) } else { Ok(()) }
}

/// Counts the reports of progress.
unsafe extern "system" fn on_progress(_: u32, _: u32, reports: *mut c_void) {
    // SAFETY: the caller passes a counter.
    unsafe { *reports.cast::<u32>() += 1 };
}

/// # Safety
///
/// The library is DismApi.dll, or has functions of the same types.
unsafe fn repair(dism: &DismApi, packages: &[String]) -> Result<(), Box<dyn Error>> {
    let library = dism.library.as_ref().ok_or("the functions are not from a library")?;
    let (path, mut session, mut reports) = (wide(r"C:\mount"), 0, 0_u32);
    let null_mut = std::ptr::null_mut();
    // SAFETY: the types are those of the header, texts have their 0, and NULL is allowed.
    unsafe {
        let add_package: Symbol<'_, AddPackage> = library.get(b"DismAddPackage\0")?;
        let restore: Symbol<'_, RestoreImageHealth> = library.get(b"DismRestoreImageHealth\0")?;
        check("open", (dism.open_session)(path.as_ptr(), null(), null(), &mut session))?;
        for package in packages {
            let path = wide(package);
            let code = add_package(session, path.as_ptr(), 0, 0, null_mut, None, null_mut);
            check(package, code)?;
        }
        let counter = (&raw mut reports).cast();
        let code = restore(session, null(), 0, 0, null_mut, Some(on_progress), counter);
        println!("repair: {code:#010X} after {reports} reports");
        check("repair", code)?;
        // The mistake: an error skips this.
        check("close", (dism.close_session)(session))?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let packages: Vec<_> = env::args().skip(1).collect();
    // SAFETY: nothing but DISM has a library of this name, and NULL is allowed.
    unsafe {
        let dism = DismApi::load(library_filename("DismApi"))?;
        check("initialize", (dism.initialize)(1, null(), null()))?;
        if let Err(failed) = repair(&dism, &packages) {
            println!("{failed}");
        }
        (dism.shutdown)();
    }
    // The library is closed here.
    Ok(())
}
