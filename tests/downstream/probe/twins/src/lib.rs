//! DismApi with one fault: what the probe has to find. It passes every other call on to the emulator's
//! library, which the loader has to find. `PROBE_TWIN` names the fault:
//!
//! - `wrong-code`: a thread that initializes a second time gets `E_FAIL`, if it gets anything but
//!   `S_OK`;
//! - `hangs`: a close of 0 never returns;
//! - `aborts`: a second delete of the same memory ends the process;
//! - `not-elevated`: no initialize succeeds, as without elevation.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::c_void;
use std::sync::{LazyLock, Mutex};
use std::{env, process, thread};

use libloading::{Library, library_filename};

static EMULATOR: LazyLock<Library> = LazyLock::new(|| {
    // SAFETY: the shared library of dism-emu.
    unsafe { Library::new(library_filename("DismApi")).expect("the emulator's library is there") }
});

static FAULT: LazyLock<String> = LazyLock::new(|| env::var("PROBE_TWIN").unwrap_or_default());

static DELETED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

thread_local! {
    static INITIALIZED: Cell<bool> = const { Cell::new(false) };
}

/// Exports functions that first ask whether the fault is theirs. Pointers are passed on as they are.
macro_rules! twins {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $fault:expr;)+) => {
        $(
            /// # Safety
            ///
            /// As in C.
            #[unsafe(no_mangle)]
            #[allow(non_snake_case, reason = "the names of the DLL")]
            pub unsafe extern "system" fn $name($($argument: $type),*) -> i32 {
                let call = || {
                    let name = concat!(stringify!($name), "\0").as_bytes();
                    // SAFETY: the function has this type, and the caller vouches for the rest.
                    unsafe {
                        let function = EMULATOR.get::<unsafe extern "system" fn($($type),*) -> i32>(name);
                        function.expect("the emulator has the function")($($argument),*)
                    }
                };
                let fault: fn(&dyn Fn() -> i32, ($($type,)*)) -> i32 = $fault;
                fault(&call, ($($argument,)*))
            }
        )+
    };
}

twins! {
    fn DismInitialize(level: i32, log: *const u16, scratch: *const u16) |call, _| {
        match FAULT.as_str() {
            "not-elevated" => 0x8007_02E4_u32 as i32,
            "wrong-code" => match (INITIALIZED.replace(true), call()) {
                (true, code) if code != 0 => 0x8000_4005_u32 as i32,
                (_, code) => code,
            },
            _ => call(),
        }
    };
    fn DismShutdown() |call, _| call();
    fn DismOpenSession(
        image: *const u16, windows: *const u16, drive: *const u16, session: *mut u32
    ) |call, _| call();
    fn DismCloseSession(session: u32) |call, (session,)| {
        if *FAULT == "hangs" && session == 0 {
            loop {
                thread::park();
            }
        }
        call()
    };
    fn DismGetPackages(session: u32, packages: *mut *mut c_void, count: *mut u32) |call, _| call();
    fn DismCheckImageHealth(
        session: u32, scan: i32, cancel: *mut c_void, progress: *mut c_void, user: *mut c_void,
        health: *mut i32
    ) |call, _| call();
    fn DismGetLastErrorMessage(message: *mut *mut c_void) |call, _| call();
    fn DismDelete(memory: *mut c_void) |call, (memory,)| {
        let mut deleted = DELETED.lock().unwrap();
        if *FAULT == "aborts" && deleted.contains(&memory.addr()) {
            process::abort();
        }
        let code = call();
        if code == 0 && !memory.is_null() {
            deleted.insert(memory.addr());
        }
        code
    };
}
