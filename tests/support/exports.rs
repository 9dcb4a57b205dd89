//! A program that calls the C functions: a table of all of them, and a client that makes the calls
//! of [`Call`] through it.

#![allow(dead_code, unreachable_pub, reason = "each target uses its part")]

use std::cell::{Cell, UnsafeCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::mem;
use std::ptr;
use std::sync::Mutex;

use dism_emu::capi::ffi::*;
use dism_emu::machine::{Call, Effect};
use dism_emu::{
    Dism, Emulator, Function, Hresult, ImageIdentifier, ImagePath, Initialize, Memory, OpenSession,
    ThreadNumber,
};

use crate::support::client::{Answered, Differences, Way, pack};

/// The calls of a client, through the C functions.
pub const C: Way = Way {
    make,
    c: Some(Differences { unscripted, hands_out, is_exported, is_named, note, knows }),
};

/// Returns a text as C has it: UTF-16 with a 0 at its end.
pub fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

pub fn code(returned: HRESULT) -> Hresult {
    Hresult::new(returned as u32)
}

/// The arguments of a call of any function.
pub struct Given {
    pub session: DismSession,
    /// Whether every pointer argument is NULL.
    pub null: bool,
    /// The pointer argument that is NULL, counted from 0 in the order in which they are passed.
    pub null_at: Option<usize>,
    /// How many pointer arguments were passed.
    pub pointers: Cell<usize>,
    /// The path, or the name of what the operation is about.
    pub text: Vec<u16>,
    pub file: Vec<u16>,
    pub index: u32,
    /// The name of an image, if it is not identified by its index.
    pub image_name: Option<Vec<u16>>,
    pub log_level: DismLogLevel,
    /// The log file and the scratch directory, or the Windows directory and the system drive.
    pub optional: [Option<Vec<u16>>; 2],
    /// The flags of a mount, an unmount or a commit.
    pub flags: u32,
    pub memory: *mut c_void,
    pub cancel: HANDLE,
    pub progress: DismProgressCallback,
    pub user: *mut c_void,
    pub outs: UnsafeCell<[usize; 3]>,
}

/// The value of an out-parameter that was not written to.
const UNTOUCHED: usize = 0xA5A5_A5A5_A5A5_A5A5_u64 as usize;

impl Given {
    /// A path is mounted from a file of its own (rule N7).
    pub fn new(session: DismSession, text: &str) -> Self {
        Self {
            session,
            null: false,
            null_at: None,
            pointers: Cell::new(0),
            text: wide(text),
            file: wide(&format!("{text}.wim")),
            index: 1,
            image_name: None,
            log_level: DismLogErrors,
            optional: [None, None],
            flags: 0,
            memory: ptr::null_mut(),
            cancel: ptr::null_mut(),
            progress: None,
            user: ptr::null_mut(),
            outs: UnsafeCell::new([UNTOUCHED; 3]),
        }
    }

    pub fn null(session: DismSession) -> Self {
        Self { null: true, ..Self::new(session, "") }
    }

    fn is_null(&self) -> bool {
        let at = self.pointers.replace(self.pointers.get() + 1);
        self.null || self.null_at == Some(at)
    }

    fn text(&self) -> PCWSTR {
        if self.is_null() { ptr::null() } else { self.text.as_ptr() }
    }

    fn file(&self) -> PCWSTR {
        if self.is_null() { ptr::null() } else { self.file.as_ptr() }
    }

    fn image_name(&self) -> PCWSTR {
        self.image_name.as_ref().map_or(ptr::null(), |name| name.as_ptr())
    }

    fn optional(&self, at: usize) -> PCWSTR {
        self.optional[at].as_ref().map_or(ptr::null(), |text| text.as_ptr())
    }

    fn out<T>(&self, at: usize) -> *mut T {
        if self.is_null() {
            return ptr::null_mut();
        }
        self.outs.get().cast::<usize>().wrapping_add(at).cast()
    }

    /// Returns what the function has written to the out-parameters.
    pub fn outs(&self) -> [usize; 3] {
        // SAFETY: no call is running that could write to it, since calls borrow it.
        unsafe { *self.outs.get() }
    }

    pub fn are_outs_untouched(&self) -> bool {
        self.outs() == [UNTOUCHED; 3]
    }

    pub fn number_at(&self, at: usize) -> u32 {
        // SAFETY: as above; each out-parameter is as wide as a pointer.
        unsafe { self.outs.get().cast::<usize>().add(at).cast::<u32>().read() }
    }
}

/// A function of the table.
pub struct Export {
    pub name: &'static str,
    pub function: Function,
    /// Whether it has an argument that must not be NULL.
    pub needs: bool,
    /// Whether it takes the name of a feature, package, capability, driver or the like.
    pub is_named: bool,
    pub call: fn(&Given) -> HRESULT,
}

macro_rules! exports {
    ($($name:ident $function:ident $needs:literal $($named:ident)? |$it:ident| ($($argument:expr),* $(,)?))+) => {
        /// All functions, including those without an underscore.
        pub const EXPORTS: &[Export] = &[$(
            Export {
                name: stringify!($name),
                function: Function::$function,
                needs: $needs,
                is_named: !stringify!($($named)?).is_empty(),
                call: |$it| {
                    let _ = $it;
                    // SAFETY: each pointer is NULL, or points to a text or an out-parameter of
                    // `Given`. They live while it is borrowed, and nothing else uses them.
                    unsafe { $name($($argument),*) }
                },
            },
        )+];
    };
}

exports! {
    DismAddCapability AddCapability true named |it|
        (it.session, it.text(), 0, ptr::null(), 0, it.cancel, it.progress, it.user)
    DismAddDriver AddDriver true named |it| (it.session, it.text(), 0)
    DismAddPackage AddPackage true named |it|
        (it.session, it.text(), 0, 0, it.cancel, it.progress, it.user)
    DismApplyUnattend ApplyUnattend true named |it| (it.session, it.text(), 0)
    DismCheckImageHealth CheckImageHealth true |it|
        (it.session, 0, it.cancel, it.progress, it.user, it.out(0))
    DismCleanupMountpoints CleanupMountpoints false |it| ()
    DismCloseSession CloseSession false |it| (it.session)
    DismCommitImage CommitImage false |it|
        (it.session, it.flags, it.cancel, it.progress, it.user)
    DismDelete Delete false |it| (it.memory)
    DismDisableFeature DisableFeature true named |it|
        (it.session, it.text(), ptr::null(), 0, it.cancel, it.progress, it.user)
    DismEnableFeature EnableFeature true named |it| (
        it.session, it.text(), ptr::null(), DismPackageNone, 0, ptr::null(), 0, 0, it.cancel,
        it.progress, it.user,
    )
    DismGetCapabilities GetCapabilities true |it| (it.session, it.out(0), it.out(1))
    DismGetCapabilityInfo GetCapabilityInfo true named |it| (it.session, it.text(), it.out(0))
    DismGetDriverInfo GetDriverInfo true named |it|
        (it.session, it.text(), it.out(0), it.out(1), it.out(2))
    DismGetDrivers GetDrivers true |it| (it.session, 1, it.out(0), it.out(1))
    DismGetFeatureInfo GetFeatureInfo true named |it|
        (it.session, it.text(), ptr::null(), DismPackageNone, it.out(0))
    DismGetFeatureParent GetFeatureParent true named |it|
        (it.session, it.text(), ptr::null(), DismPackageNone, it.out(0), it.out(1))
    DismGetFeatures GetFeatures true |it|
        (it.session, ptr::null(), DismPackageNone, it.out(0), it.out(1))
    DismGetImageInfo GetImageInfo true |it| (it.text(), it.out(0), it.out(1))
    DismGetLastErrorMessage GetLastErrorMessage true |it| (it.out(0))
    DismGetMountedImageInfo GetMountedImageInfo true |it| (it.out(0), it.out(1))
    DismGetPackageInfo GetPackageInfo true named |it|
        (it.session, it.text(), DismPackageName, it.out(0))
    DismGetPackageInfoEx GetPackageInfoEx true named |it|
        (it.session, it.text(), DismPackageName, it.out(0))
    DismGetPackages GetPackages true |it| (it.session, it.out(0), it.out(1))
    DismGetReservedStorageState GetReservedStorageState true |it| (it.session, it.out(0))
    DismInitialize Initialize false |it| (it.log_level, it.optional(0), it.optional(1))
    DismMountImage MountImage true |it| (
        it.file(), it.text(), it.index, it.image_name(),
        if it.image_name.is_some() { DismImageName } else { DismImageIndex }, it.flags,
        it.cancel, it.progress, it.user,
    )
    DismOpenSession OpenSession true |it|
        (it.text(), it.optional(0), it.optional(1), it.out(0))
    DismRemountImage RemountImage true |it| (it.text())
    DismRemoveCapability RemoveCapability true named |it|
        (it.session, it.text(), it.cancel, it.progress, it.user)
    DismRemoveDriver RemoveDriver true named |it| (it.session, it.text())
    DismRemovePackage RemovePackage true named |it|
        (it.session, it.text(), DismPackageName, it.cancel, it.progress, it.user)
    DismRestoreImageHealth RestoreImageHealth false |it|
        (it.session, ptr::null(), 0, 0, it.cancel, it.progress, it.user)
    DismSetReservedStorageState SetReservedStorageState false |it|
        (it.session, DISM_RESERVED_STORAGE_ENABLED)
    DismShutdown Shutdown false |it| ()
    DismUnmountImage UnmountImage true |it|
        (it.text(), it.flags, it.cancel, it.progress, it.user)
    _DismAddProvisionedAppxPackage AddProvisionedAppxPackage true named |it| (
        it.session, it.text(), ptr::null(), 0, ptr::null(), 0, ptr::null(), 0, 1, ptr::null(),
        ptr::null(), DismStubPackageOptionNone,
    )
    DismAddProvisionedAppxPackage AddProvisionedAppxPackage true named |it| (
        it.session, it.text(), ptr::null(), 0, ptr::null(), 0, ptr::null(), 0, 1, ptr::null(),
        ptr::null(), DismStubPackageOptionNone,
    )
    _DismGetProvisionedAppxPackages GetProvisionedAppxPackages true |it|
        (it.session, it.out(0), it.out(1))
    DismGetProvisionedAppxPackages GetProvisionedAppxPackages true |it|
        (it.session, it.out(0), it.out(1))
    _DismRemoveProvisionedAppxPackage RemoveProvisionedAppxPackage true named |it|
        (it.session, it.text())
    DismRemoveProvisionedAppxPackage RemoveProvisionedAppxPackage true named |it|
        (it.session, it.text())
    _DismExportDriver ExportDriver true named |it| (it.session, it.text())
}

pub fn export(function: Function) -> &'static Export {
    let found = EXPORTS.iter().find(|it| it.function == function);
    found.unwrap_or_else(|| panic!("{function} is not exported"))
}

fn is_exported(function: Function) -> bool {
    function.is_operation() && EXPORTS.iter().any(|it| it.function == function)
}

/// Returns whether the function is always called for something with a name.
fn is_named(function: Function) -> bool {
    EXPORTS.iter().any(|it| it.function == function && it.is_named)
}

/// Returns the code of a look-up in an empty image.
pub fn unscripted(function: Function) -> Hresult {
    Hresult::new(match function {
        Function::GetFeatureInfo | Function::GetFeatureParent | Function::GetCapabilityInfo => {
            0x800F_080C
        }
        Function::GetPackageInfo | Function::GetPackageInfoEx => 0x800F_0805,
        Function::GetDriverInfo => 0x8007_0002,
        _ => 0,
    })
}

/// Returns whether the function hands out a structure if a rule makes it find something.
pub fn hands_out(function: Function) -> bool {
    unscripted(function).is_failure() && function != Function::GetFeatureParent
}

/// The address of each memory, by its number in the journal.
static ADDRESSES: Mutex<BTreeMap<u32, usize>> = Mutex::new(BTreeMap::new());

/// The memory that threads received and that has no number yet, in the order of each thread.
static UNNUMBERED: Mutex<Vec<(ThreadNumber, usize)>> = Mutex::new(Vec::new());

/// Forgets all memory. A new process numbers it from 1 again.
pub fn forget() {
    ADDRESSES.lock().unwrap().clear();
    UNNUMBERED.lock().unwrap().clear();
}

/// Records the memory that this thread has just received.
fn keep(address: usize) {
    UNNUMBERED.lock().unwrap().push((ThreadNumber::current(), address));
}

/// Finds the numbers of the memory that was received since the last time.
pub fn note(emulator: &Emulator) {
    let received = mem::take(&mut *UNNUMBERED.lock().unwrap());
    if received.is_empty() {
        return;
    }
    let journal = emulator.journal();
    let mut addresses = ADDRESSES.lock().unwrap();
    for (thread, address) in received {
        let mut steps = journal.steps().iter().filter(|step| step.thread == thread);
        let number = steps.find_map(|step| match step.outcome {
            Ok(Effect::HandedOut { memory }) => {
                Some(memory.raw()).filter(|it| !addresses.contains_key(it))
            }
            _ => None,
        });
        addresses.insert(number.expect("it was handed out"), address);
    }
}

fn knows(memory: Memory) -> bool {
    ADDRESSES.lock().unwrap().contains_key(&memory.raw())
}

fn make(_: &Dism, call: &Call) -> Answered {
    let Some(function) = call.function() else { panic!("{call} is not a call of its own") };
    let mut given = Given::new(0, "");
    let wide_path = |path: &ImagePath| wide(&path.to_string_lossy());
    match call {
        Call::Initialize(initialize) => {
            let log = LOGS.iter().find(|log| log.arguments() == *initialize);
            let log = log.unwrap_or_else(|| panic!("no arguments are those of {call}"));
            given.log_level = log.level as DismLogLevel;
            given.optional = [log.file, log.scratch_directory].map(|path| path.map(wide));
        }
        Call::OpenSession(open) => {
            given.text = wide_path(open.path());
            given.optional = placement(open).map(|path| path.map(wide));
        }
        Call::BeginOperation { session, name, flags, .. } => {
            given.session = session.raw();
            given.flags = flags.bits();
            given.text = name.as_ref().map_or_else(|| wide(""), wide_path);
        }
        Call::CloseSession { session } => given.session = session.raw(),
        Call::MountImage(mount) => {
            given.file = wide_path(mount.file());
            given.text = wide_path(mount.path());
            given.flags = mount.mount_flags().bits();
            match mount.image() {
                ImageIdentifier::Index(index) => given.index = *index,
                ImageIdentifier::Name(name) => given.image_name = Some(wide_path(name)),
                ImageIdentifier::Unknown(_) => panic!("no client of Rust can: {call}"),
            }
        }
        Call::UnmountImage { path, flags } => {
            given.text = wide_path(path);
            given.flags = flags.bits();
        }
        Call::RemountImage { path } => given.text = wide_path(path),
        Call::GetImageInfo { file } => given.text = wide_path(file),
        Call::Delete { memory } => {
            // No memory is at the very end of the address space.
            let known = ADDRESSES.lock().unwrap().get(&memory.raw()).copied();
            let address = if *memory == Memory::NULL { 0 } else { known.unwrap_or(usize::MAX) };
            given.memory = ptr::without_provenance_mut(address);
        }
        Call::CallWithoutArgument { .. } => given = Given::null(0),
        _ => {}
    }
    let returned = code((export(function).call)(&given));
    if returned.is_failure() {
        assert!(given.are_outs_untouched(), "{call} failed and wrote to an out-parameter");
        return Err(returned);
    }
    let value = match function {
        Function::OpenSession => given.number_at(0),
        Function::GetLastErrorMessage => match given.outs()[0] {
            0 => 0,
            address => {
                keep(address);
                // SAFETY: it was just handed out, and is kept until it is deleted.
                let message = unsafe { text_at(first::<DismString>(address).Value) };
                code_in(&message).number()
            }
        },
        Function::GetMountedImageInfo => {
            let (list, count) = (given.outs()[0], given.number_at(1));
            assert_eq!(list == 0, count == 0, "a list is NULL if and only if it is empty");
            if list != 0 {
                keep(list);
            }
            count
        }
        function if hands_out(function) => {
            // The driver's package is the third out-parameter, and its list of hardware is empty.
            let at = if function == Function::GetDriverInfo { 2 } else { 0 };
            keep(given.outs()[at]);
            0
        }
        _ => 0,
    };
    Ok(pack(value, returned))
}

/// The arguments with which a client initializes the API.
pub struct Log {
    pub level: u32,
    pub file: Option<&'static str>,
    pub scratch_directory: Option<&'static str>,
}

/// All of them: `Initialize` has no getters.
pub const LOGS: &[Log] = &[
    Log { level: 0, file: None, scratch_directory: None },
    Log { level: 2, file: Some(r"C:\logs\a.log"), scratch_directory: Some(r"D:\scratch") },
    Log { level: 1, file: None, scratch_directory: Some(r"C:\b") },
];

impl Log {
    pub fn arguments(&self) -> Initialize {
        let arguments = Initialize::new().log_level(self.level);
        let arguments = self.file.into_iter().fold(arguments, Initialize::log_file);
        self.scratch_directory.into_iter().fold(arguments, Initialize::scratch_directory)
    }
}

/// Returns the Windows directory and the system drive, for which `OpenSession` has no getters.
fn placement(open: &OpenSession) -> [Option<&'static str>; 2] {
    let (directory, drive) = ("Windows", "S:");
    let placed = OpenSession::new(open.path());
    if *open == placed {
        [None, None]
    } else if *open == placed.clone().windows_directory(directory) {
        [Some(directory), None]
    } else {
        assert_eq!(*open, placed.system_drive(drive));
        [None, Some(drive)]
    }
}

/// Reads the first structure at an address that was handed out.
///
/// # Safety
///
/// There is a structure of this type, and it is not deleted.
pub unsafe fn first<T>(address: usize) -> T {
    // SAFETY: the caller guarantees it; the structure need not be aligned.
    unsafe { ptr::with_exposed_provenance::<T>(address).read_unaligned() }
}

/// Reads the text at a pointer.
///
/// # Safety
///
/// There is a text, with a 0 at its end.
pub unsafe fn text_at(text: PCWSTR) -> String {
    // SAFETY: the caller guarantees it.
    String::from_utf16_lossy(&unsafe { units_at(text) })
}

/// Reads the UTF-16 units before the 0.
///
/// # Safety
///
/// As for [`text_at`].
pub unsafe fn units_at(text: PCWSTR) -> Vec<u16> {
    assert!(!text.is_null(), "a text is never NULL");
    // SAFETY: the caller guarantees it.
    let unit = |at| unsafe { text.add(at).read_unaligned() };
    (0..).map(unit).take_while(|unit| *unit != 0).collect()
}

/// Returns the code that a message is about. The message is the code's text in the DLL's message
/// table, or has its number in it.
fn code_in(message: &str) -> Hresult {
    let table = (0xC004_0001..=0xC004_000F_u32).chain([1, 0xC151_0114]).map(Hresult::new);
    let has_this_text =
        |code: &Hresult| code.message().is_some_and(|it| message == format!("{it}.\r\n"));
    let number = || {
        let at = message.find("0x").unwrap_or_else(|| panic!("no number in {message:?}"));
        Hresult::new(u32::from_str_radix(&message[at + 2..at + 10], 16).unwrap())
    };
    table.into_iter().find(has_this_text).unwrap_or_else(number)
}
