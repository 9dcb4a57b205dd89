//! Makes the calls of a recording, on threads of their own.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use dism_emu::capi::ffi::{DismImageHealthy, DismLogErrors, DismPackage, DismString, HRESULT};

use crate::dism::DismApi;
use crate::images::{Image, Images, missing};
use crate::recording::{Call, Step};

/// What a session's variable has before a call writes it.
const UNWRITTEN: u32 = 0xDEAD_BEEF;

/// Makes calls one after another, and remembers what they have returned.
pub struct Player {
    shared: Arc<Shared>,
    threads: BTreeMap<usize, Sender<Job>>,
    returned: (Sender<String>, Receiver<String>),
}

/// A call, and the barrier at which the threads that make it meet.
type Job = (Call, Arc<Barrier>);

/// What the threads share.
struct Shared {
    dism: DismApi,
    images: Images,
    /// Opens an image in another process.
    elsewhere: Box<dyn Fn(Image) -> String + Send + Sync>,
    /// Shows the text of calls and answers at once: the next call may never return.
    show: fn(&str),
    /// The answer of the current step so far.
    answer: Mutex<String>,
    sessions: Mutex<BTreeMap<String, u32>>,
    /// Addresses.
    memory: Mutex<BTreeMap<String, usize>>,
}

impl fmt::Debug for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Player").field("dism", &self.shared.dism).finish_non_exhaustive()
    }
}

impl Player {
    /// Creates a player that has made no call yet.
    pub fn new(
        dism: DismApi,
        images: Images,
        elsewhere: impl Fn(Image) -> String + Send + Sync + 'static,
        show: fn(&str),
    ) -> Self {
        let shared = Shared {
            dism,
            images,
            elsewhere: Box::new(elsewhere),
            show,
            answer: Mutex::default(),
            sessions: Mutex::default(),
            memory: Mutex::default(),
        };
        Self { shared: Arc::new(shared), threads: BTreeMap::new(), returned: channel() }
    }

    /// Makes a call, on all its threads at once. Returns what has to follow the step's text.
    pub fn take(&mut self, step: &Step) -> String {
        self.shared.answer.lock().unwrap().clear();
        (self.shared.show)(&format!("  {}", step.text));
        let count = step.threads.clone().count();
        let barrier = Arc::new(Barrier::new(count));
        for number in step.threads.clone() {
            let (shared, returned) = (&self.shared, &self.returned.0);
            let thread = self.threads.entry(number).or_insert_with(|| worker(shared, returned));
            thread.send((step.call.clone(), barrier.clone())).expect("a worker ends last");
        }
        let answers = (0..count).map(|_| self.returned.1.recv().expect("a worker answers"));
        self.shared.show(&format!(" = {}", set(answers.collect())));
        (self.shared.show)("\n");
        self.shared.answer.lock().unwrap().trim().to_owned()
    }
}

/// Returns the answers of calls that were made at once, in an order that does not depend on the
/// threads.
#[must_use]
pub fn set(mut answers: Vec<String>) -> String {
    answers.sort();
    let counted = answers.chunk_by(|one, other| one == other).map(|equal| match equal {
        [answer] => answer.clone(),
        _ => format!("{} x{}", equal[0], equal.len()),
    });
    counted.collect::<Vec<_>>().join(", ")
}

fn worker(shared: &Arc<Shared>, returned: &Sender<String>) -> Sender<Job> {
    let (shared, returned) = (shared.clone(), returned.clone());
    let (sender, jobs) = channel::<Job>();
    thread::spawn(move || {
        for (call, barrier) in jobs {
            barrier.wait();
            // Nobody listens any more if the player is gone.
            let _ = returned.send(shared.make(&call));
        }
    });
    sender
}

/// What the progress callback gets.
struct Callback<'a> {
    shared: &'a Shared,
    call: &'a Call,
    was_called: AtomicBool,
}

/// Makes the call when it is called for the first time. That may be on any thread.
unsafe extern "system" fn progress(_: u32, _: u32, user: *mut c_void) {
    // SAFETY: `check_image_health` passes it, and the structure lives until the function returns.
    let callback = unsafe { &*user.cast::<Callback<'_>>() };
    if !callback.was_called.swap(true, Ordering::Relaxed) {
        callback.shared.show(" callback");
        let answer = callback.shared.make(callback.call);
        callback.shared.show(&format!(" {answer}"));
    }
}

impl Shared {
    /// Shows a part of the answer.
    fn show(&self, text: &str) {
        self.answer.lock().unwrap().push_str(text);
        (self.show)(text);
    }

    /// Makes a call. Returns its code, and what it has written.
    fn make(&self, call: &Call) -> String {
        match call {
            Call::Initialize { with_missing_log } => {
                let log = with_missing_log.then(|| wide(&missing("dism.log")));
                let log = log.as_ref().map_or(null(), |log| log.as_ptr());
                // SAFETY: NULL is allowed for both paths, and the text has its 0.
                code(unsafe { (self.dism.initialize)(DismLogErrors, log, null()) })
            }
            // SAFETY: no session is in use when a scenario shuts down.
            Call::Shutdown => code(unsafe { (self.dism.shutdown)() }),
            Call::Open { image, session } => self.open(*image, session),
            Call::Close { session } => {
                let session = self.session(session);
                // SAFETY: a session is a number, and any number is allowed.
                code(unsafe { (self.dism.close_session)(session) })
            }
            Call::GetPackages { session, memory } => self.get_packages(session, memory),
            Call::CheckImageHealth { session, callback } => {
                self.check_image_health(session, callback.as_deref())
            }
            Call::GetLastErrorMessage { memory } => self.get_last_error_message(memory),
            // SAFETY: what the function does with a wrong address is what the scenario asks. Its
            // process is there for nothing else.
            Call::Delete { memory } => code(unsafe { (self.dism.delete)(self.address(memory)) }),
            Call::Elsewhere { image } => (self.elsewhere)(*image),
        }
    }

    fn open(&self, image: Image, name: &str) -> String {
        let path = self.images.path(image).map(|path| wide(&path));
        let path = path.as_ref().map_or(null(), |path| path.as_ptr());
        let windows = wide("Windows");
        let windows = if image == Image::OnlineWithWindows { windows.as_ptr() } else { null() };
        let mut session = UNWRITTEN;
        let written = if name == "null" { null_mut() } else { &raw mut session };
        // SAFETY: NULL is allowed for the folders, and each text has its 0. What the function does
        // with another NULL is what the scenario asks.
        let code = code(unsafe { (self.dism.open_session)(path, windows, null(), written) });
        self.sessions.lock().unwrap().insert(name.to_owned(), session);
        match session {
            _ if written.is_null() => code,
            UNWRITTEN => format!("{code} -> untouched"),
            session => format!("{code} -> {session}"),
        }
    }

    fn get_packages(&self, session: &str, memory: &str) -> String {
        let (mut packages, mut count) = (null_mut::<DismPackage>(), 0);
        let session = self.session(session);
        // SAFETY: both variables can be written.
        let code = code(unsafe { (self.dism.get_packages)(session, &mut packages, &mut count) });
        self.memory.lock().unwrap().insert(memory.to_owned(), packages.addr());
        code
    }

    fn check_image_health(&self, session: &str, call: Option<&Call>) -> String {
        let session = self.session(session);
        let callback =
            call.map(|call| Callback { shared: self, call, was_called: AtomicBool::new(false) });
        let (function, user) = match &callback {
            Some(callback) => (Some(progress as _), (&raw const *callback).cast_mut().cast()),
            None => (None, null_mut()),
        };
        let mut health = DismImageHealthy;
        let is_scanned = 0;
        // SAFETY: the variable can be written, and the callback gets what it expects.
        let code = code(unsafe {
            (self.dism.check_image_health)(
                session,
                is_scanned,
                null_mut(),
                function,
                user,
                &mut health,
            )
        });
        if callback.is_some_and(|callback| !callback.was_called.into_inner()) {
            self.show(" callback never");
        }
        code
    }

    fn get_last_error_message(&self, name: &str) -> String {
        let unwritten = null_mut::<DismString>().wrapping_byte_add(UNWRITTEN as usize);
        let mut message = unwritten;
        // SAFETY: the variable can be written.
        let code = code(unsafe { (self.dism.get_last_error_message)(&mut message) });
        self.memory.lock().unwrap().insert(name.to_owned(), message.addr());
        if message == unwritten {
            format!("{code} -> untouched")
        } else if message.is_null() {
            format!("{code} -> null")
        } else {
            // SAFETY: the function has handed it out.
            let text = unsafe { read(message) };
            format!("{code} -> {:?}", text.trim_end())
        }
    }

    /// Returns a session by its name, or by its number.
    fn session(&self, name: &str) -> u32 {
        let number = name.parse().ok();
        number.or(self.sessions.lock().unwrap().get(name).copied()).unwrap_or(UNWRITTEN)
    }

    /// Returns an address by the name of what was handed out.
    fn address(&self, name: &str) -> *mut c_void {
        match name {
            "null" => null_mut(),
            // Memory of the probe, which DISM has not handed out.
            "stray" => Box::leak(Box::new([0_u64; 8])).as_mut_ptr().cast(),
            _ => {
                let address = self.memory.lock().unwrap().get(name).copied().unwrap_or(0);
                std::ptr::with_exposed_provenance_mut(address)
            }
        }
    }
}

fn code(code: HRESULT) -> String {
    format!("{code:#010x}")
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// Reads a message.
///
/// # Safety
///
/// It was handed out, and not deleted. The structure is packed, so it may be unaligned.
unsafe fn read(message: *const DismString) -> String {
    // SAFETY: guaranteed by the caller.
    unsafe {
        let text = message.read_unaligned().Value;
        let length = (0..).take_while(|&at| text.add(at).read_unaligned() != 0).count();
        let units: Vec<u16> = (0..length).map(|at| text.add(at).read_unaligned()).collect();
        String::from_utf16_lossy(&units)
    }
}
