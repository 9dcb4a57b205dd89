//! The one process on which the C functions act, and the guard by which a test has one of its own.

use std::collections::BTreeMap;
use std::env;
use std::ffi::c_void;
use std::fmt;
use std::mem;
use std::sync::{Arc, Weak};

use super::environment::Environment;
use super::exports::linked;
use super::memory::Block;
use super::program::{Program, refuse};
use crate::call::{Call, Error, Function, Hresult, Memory, ThreadNumber};
use crate::emulator::{Builder, Dism, Emulator};
use crate::sync::{Mutex, MutexGuard, lazy_static};

/// An emulated process, and the memory that its C functions have handed out.
pub(super) struct Loaded {
    /// Its calls come from another language, so they have no locations.
    pub(super) dism: Dism,
    handles: Weak<()>,
    allocations: Mutex<Allocations>,
    /// `None` if it is the process of a test.
    program: Option<Program>,
}

/// The memory at each address.
#[derive(Default)]
struct Allocations {
    live: BTreeMap<usize, (Memory, Block)>,
    /// The memory that was last at an address, so that the journal can say what is deleted twice.
    freed: BTreeMap<usize, Memory>,
}

impl Allocations {
    fn find(&self, address: usize) -> Option<Memory> {
        let live = self.live.get(&address).map(|(memory, _)| memory);
        live.or(self.freed.get(&address)).copied()
    }
}

impl Loaded {
    fn new(emulator: &Emulator) -> Arc<Self> {
        Arc::new(Self {
            dism: emulator.dism().foreign(),
            handles: emulator.handles(),
            allocations: Mutex::new(Allocations::default()),
            program: None,
        })
    }

    /// A program has no test that could wait for calls in progress, so they are not counted.
    fn of(program: Program) -> Arc<Self> {
        Arc::new(Self {
            dism: program.emulator().dism().foreign(),
            handles: Weak::new(),
            allocations: Mutex::new(Allocations::default()),
            program: Some(program),
        })
    }

    pub(super) fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Counts as a handle of the process until it is dropped: a thread is in a call.
    pub(super) fn handle(&self) -> Option<Arc<()>> {
        self.handles.upgrade()
    }

    /// Hands out a block in the name of a function (rule D1).
    pub(super) fn hand_out(&self, function: Function, block: Block) -> Result<*mut c_void, Error> {
        let memory = self.dism.hand_out(function)?;
        let address = block.address();
        let mut allocations = self.allocations.lock();
        allocations.freed.remove(&address.addr());
        allocations.live.insert(address.addr(), (memory, block));
        Ok(address)
    }

    /// Takes a block back, by its address (rules D2, D3, D4).
    pub(super) fn delete(&self, address: *mut c_void) -> Result<Hresult, Error> {
        let address = address.addr();
        let memory = match address {
            0 => Memory::NULL,
            _ => self.allocations.lock().find(address).unwrap_or(NEVER_HANDED_OUT),
        };
        // If two threads delete the same block, the emulator allows only one of them.
        let code = self.dism.take(&Call::Delete { memory }).code()?;
        let mut allocations = self.allocations.lock();
        if allocations.live.remove(&address).is_some() {
            allocations.freed.insert(address, memory);
        }
        Ok(code)
    }
}

/// No memory has this number: the numbers end before it.
const NEVER_HANDED_OUT: Memory = Memory::from_raw(u32::MAX);

lazy_static! {
    static ref PROCESS: Mutex<Option<Arc<Loaded>>> = Mutex::new(None);
    static ref TURNS: Mutex<()> = Mutex::new(());
    static ref HOLDER: Mutex<Option<ThreadNumber>> = Mutex::new(None);
    // Processes that ended while a thread was in a call of theirs.
    static ref ENDED: Mutex<Vec<Arc<Loaded>>> = Mutex::new(Vec::new());
}

/// Returns the process on which the C functions act now. A program that is not a test gets one at
/// its first call.
///
/// The caller keeps it alive, so the lock is not held while a call waits or a callback runs.
#[inline]
pub(super) fn current() -> Arc<Loaded> {
    let loaded = PROCESS.lock().clone();
    loaded.unwrap_or_else(from_environment)
}

/// Returns the process if the lock can be had: `Some(None)` if there is no process.
pub(super) fn running_program() -> Option<Option<Arc<Loaded>>> {
    Some(PROCESS.try_lock()?.clone())
}

/// Replaces the process. Returns the one before, so that it is not dropped under the lock.
fn replace(process: Option<Arc<Loaded>>) -> Option<Arc<Loaded>> {
    mem::replace(&mut *PROCESS.lock(), process)
}

/// Starts the process of a program that is not a test.
///
/// The environment is read under no lock: a variable that cannot be read ends the program, and its
/// handlers may call DISM. If another thread is faster, its process is the one.
#[cold]
fn from_environment() -> Arc<Loaded> {
    let environment = Environment::read(env::vars_os());
    let environment = environment.unwrap_or_else(|bad| refuse(&bad));
    let loaded = Loaded::of(Program::new(environment));
    PROCESS.lock().get_or_insert(loaded).clone()
}

/// Directs the C functions to an emulated process of this test, until dropped.
///
/// A program has one set of C functions, so only one such test runs at a time: a second one waits
/// for the first. All threads are in this process, including those that the code under test starts.
///
/// Dropping the guard restores the process that was there before, and drops the [`Emulator`], which
/// verifies the calls.
///
/// ```
/// use dism_emu::capi::Process;
/// use dism_emu::capi::ffi::{DismInitialize, DismShutdown};
/// use dism_emu::{Emulator, Function, Rule};
///
/// let process = Process::start(Emulator::builder());
/// let refused = Rule::on(Function::Initialize).nth(1).fail(0x8007_0005);
/// let _refused = process.emulator().script(refused);
///
/// // SAFETY: NULL is allowed for both paths.
/// unsafe {
///     assert_eq!(DismInitialize(0, std::ptr::null(), std::ptr::null()) as u32, 0x8007_0005);
///     assert_eq!(DismInitialize(0, std::ptr::null(), std::ptr::null()), 0);
///     assert_eq!(DismShutdown(), 0);
/// }
/// ```
#[must_use = "the process ends when this guard is dropped: bind it to a variable"]
pub struct Process {
    emulator: Emulator,
    before: Option<Arc<Loaded>>,
    _turn: MutexGuard<'static, ()>,
}

impl Process {
    /// Waits until no other test has a guard, and starts a process.
    ///
    /// # Panics
    ///
    /// If the calling thread already has a guard: it would wait for itself.
    #[track_caller]
    pub fn start(builder: Builder) -> Self {
        linked();
        Self::assert_none();
        let turn = TURNS.lock();
        *HOLDER.lock() = Some(ThreadNumber::current());
        let emulator = builder.build();
        let before = replace(Some(Loaded::new(&emulator)));
        Self { emulator, before, _turn: turn }
    }

    /// Panics if the calling thread has a guard.
    #[track_caller]
    pub(crate) fn assert_none() {
        let thread = Some(ThreadNumber::current());
        assert!(*HOLDER.lock() != thread, "this thread already has a process: drop that one first");
    }

    /// Returns the emulator behind the C functions, for rules, holds, the journal and the state.
    #[must_use]
    pub const fn emulator(&self) -> &Emulator {
        &self.emulator
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A thread that is in a call may get memory from it, and read that later.
        let ended = replace(self.before.take());
        ENDED.lock().extend(ended.filter(|ended| Arc::strong_count(ended) > 1));
        *HOLDER.lock() = None;
        // Next the emulator is dropped and verifies, and then the turn, so that another test can
        // start.
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("emulator", &self.emulator).finish_non_exhaustive()
    }
}
