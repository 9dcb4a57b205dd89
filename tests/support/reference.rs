//! A second implementation of the contract, so plain that a reader can check it against the rules.
//!
//! It shares only the vocabulary with the crate: it uses lists for the machine's indexes, codes for
//! its errors, and texts for its bytes.

use dism_emu::machine::{Call, Config, Effect, State};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Function, Hresult, ImageIdentifier, Memory, MountImage,
    OpenSession,
};

use super::{Next, SAME};

pub type Answer = Result<Effect, Hresult>;

#[derive(Clone)]
pub struct Reference {
    config: Config,
    up: Option<Up>,
    was_up: bool,
    last_errors: Vec<(u64, Hresult)>,
    /// Whether each memory that was ever handed out was deleted; the first one has the number 1.
    memory: Vec<bool>,
    /// N4: each mount with its path as O6 compares it. It outlives a shutdown.
    mounted: Vec<(String, MountImage)>,
    /// O11: the images that are locked for as long as the process lives.
    locked: Vec<String>,
}

#[derive(Clone)]
struct Up {
    count: u32,
    next: u64,
    sessions: Vec<Open>,
}

#[derive(Clone)]
struct Open {
    number: u32,
    image: String,
    references: u32,
    reboot: bool,
    /// The threads with an operation: the first performs it, the others wait (P2).
    operations: Vec<u64>,
    /// The thread that closes it (C4).
    closer: Option<u64>,
}

impl Reference {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            up: None,
            was_up: false,
            last_errors: Vec::new(),
            memory: Vec::new(),
            mounted: Vec::new(),
            locked: Vec::new(),
        }
    }

    pub fn state(&self) -> State {
        match &self.up {
            None => State::Down,
            Some(up) => State::Up { count: up.count, open_sessions: up.sessions.len() },
        }
    }

    /// Returns the numbers that come next, for tests that use earlier ones.
    pub fn next(&self) -> Next {
        Next {
            session: self.up.as_ref().map_or(2, |up| up.next as u32),
            memory: self.memory.len() as u32 + 1,
        }
    }

    /// Returns the image of an open session.
    pub fn image_of(&self, session: u32) -> Option<&str> {
        let open = self.up.as_ref()?.sessions.iter().find(|open| open.number == session)?;
        Some(&open.image)
    }

    /// Returns what is mounted, the oldest first (N4).
    pub fn mounted(&self) -> Vec<MountImage> {
        self.mounted.iter().map(|(_, mount)| mount.clone()).collect()
    }

    /// Returns whether the memory is handed out and not deleted (D1).
    pub fn is_handed_out(&self, memory: Memory) -> bool {
        let at = (memory.raw() as usize).checked_sub(1);
        at.and_then(|at| self.memory.get(at)).is_some_and(|deleted| !deleted)
    }

    /// Returns whether the contract allows a call, so that rules apply to it.
    pub fn allows(&self, thread: u64, call: &Call) -> bool {
        !is_part_of_a_call(call) && self.clone().answer(thread, call).is_ok()
    }

    pub fn apply(&mut self, thread: u64, call: &Call) -> Answer {
        let asked = call.asked();
        let answer = match call.answer() {
            // An operation fails only at its end (P5).
            Some(scripted)
                if scripted.code.is_failure()
                    && !scripted.takes_effect
                    && self.allows(thread, asked)
                    && !matches!(asked, Call::BeginOperation { .. }) =>
            {
                if let Call::OpenSession(open) = asked {
                    self.fail_open(open, scripted.code);
                }
                Err(scripted.code)
            }
            _ => self.answer(thread, asked),
        };
        // I6: it takes effect, and its code is a failure.
        let in_effect = call.answer().filter(|it| it.takes_effect && it.code.is_failure());
        let in_effect = in_effect.filter(|_| !is_part_of_a_call(asked));
        let failure = match (answer, in_effect) {
            (Err(code), _) => Some(code),
            (Ok(_), in_effect) => in_effect.map(|scripted| scripted.code),
        };
        // E2, S7: these never set it. E3: nothing clears it.
        let silent = match asked {
            Call::HandOut { function } | Call::CallWithoutArgument { function } => {
                SILENT.contains(function)
            }
            Call::Shutdown | Call::GetLastErrorMessage | Call::Delete { .. } => true,
            _ => false,
        };
        if let (Some(code), false) = (failure, silent) {
            self.last_errors.retain(|(whose, _)| *whose != thread);
            self.last_errors.push((thread, code));
        }
        answer
    }

    fn answer(&mut self, thread: u64, call: &Call) -> Answer {
        let config = self.config.clone();
        let recorded = config.contract == Contract::Recorded;
        // D4: memory can be used in any state except after a last shutdown.
        let is_down_again = self.up.is_none() && self.was_up;
        match call {
            Call::HandOut { .. } | Call::Delete { .. } | Call::GetLastErrorMessage
                if is_down_again =>
            {
                return Err(Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED); // S4, E5, D4
            }
            Call::HandOut { .. } => {
                self.memory.push(false); // D1
                let memory = Memory::from_raw(self.memory.len() as u32);
                return Ok(Effect::HandedOut { memory });
            }
            Call::Delete { memory } if memory.raw() == 0 => return Ok(Effect::Deleted), // D2
            Call::Delete { memory } => {
                return match self.memory.get_mut(memory.raw() as usize - 1) {
                    Some(deleted @ false) => {
                        *deleted = true;
                        Ok(Effect::Deleted) // D1
                    }
                    _ => Err(Hresult::E_INVALIDARG), // D3
                };
            }
            Call::GetLastErrorMessage => return Ok(self.last_error(thread)), // also E5
            // E5: it works before the first initialize, so even then it can lack its argument.
            Call::CallWithoutArgument { function: Function::GetLastErrorMessage }
                if !is_down_again =>
            {
                return Err(Hresult::E_INVALIDARG);
            }
            _ => {}
        }
        let Some(up) = &mut self.up else {
            if !matches!(call, Call::Initialize(_)) {
                return Err(Hresult::DISMAPI_E_DISMAPI_NOT_INITIALIZED); // S1, S4, O1, C1, P1, N1
            }
            if !config.elevated {
                return Err(Hresult::WIN32_ELEVATION_REQUIRED); // I2
            }
            self.up = Some(Up { count: 1, next: 2, sessions: Vec::new() }); // I1, I4, O2
            self.was_up = true;
            return Ok(Effect::Initialized { count: 1 });
        };
        match call {
            Call::Initialize(_) if recorded => {
                up.count += 1; // I3
                Ok(Effect::Initialized { count: up.count })
            }
            Call::Initialize(_) => Err(config.already_initialized), // I3
            Call::Shutdown if up.count > 1 => {
                up.count -= 1; // S3
                Ok(Effect::ShutDown { count: up.count })
            }
            Call::Shutdown if !up.sessions.is_empty() => {
                Err(Hresult::DISMAPI_E_OPEN_SESSION_HANDLES) // S2
            }
            Call::Shutdown => {
                self.up = None; // S4
                Ok(Effect::ShutDown { count: 0 })
            }
            Call::GetMountedImageInfo | Call::CleanupMountpoints => Ok(Effect::Called),
            Call::GetImageInfo { file } if file.to_string_lossy().is_empty() => {
                Err(Hresult::E_INVALIDARG)
            }
            Call::GetImageInfo { .. } => Ok(Effect::Called),
            Call::CallWithoutArgument { .. } => Err(Hresult::E_INVALIDARG),
            Call::MountImage(mount) => {
                let (path, file) = (mount.path().to_string_lossy(), mount.file().to_string_lossy());
                if path.is_empty() || file.is_empty() || mount.mount_flags().bits() > 0xF {
                    return Err(Hresult::E_INVALIDARG); // N5
                }
                let path = image(&path);
                if path == DISM_ONLINE_IMAGE {
                    return Err(Hresult::E_INVALIDARG); // N4
                }
                if up.has(&path) {
                    return Err(Hresult::new(0xC004_000B)); // N2
                }
                if self.mounted.iter().any(|(there, _)| *there == path) {
                    return Err(Hresult::new(0xC142_0113)); // N4
                }
                if *mount.image() == ImageIdentifier::Index(0) {
                    return Err(Hresult::DISMAPI_E_INVALID_IMAGE_INDEX);
                }
                let writes = |mount: &MountImage| mount.mount_flags().bits() & 1 == 0;
                let file = image(&file);
                let is_written = |other: &MountImage| {
                    writes(other) && image(&other.file().to_string_lossy()) == file
                };
                if writes(mount) && self.mounted.iter().any(|(_, other)| is_written(other)) {
                    return Err(Hresult::new(0xC142_0127)); // N7
                }
                self.mounted.push((path, mount.clone())); // N4
                Ok(Effect::Mounted)
            }
            Call::UnmountImage { path, .. } | Call::RemountImage { path } => {
                let flags = call.commit_flags().map(|flags| flags.bits());
                let unmounts = flags.is_some();
                let path = path.to_string_lossy();
                if path.is_empty() || flags.is_some_and(|flags| flags & !0x7_0001 != 0) {
                    return Err(Hresult::E_INVALIDARG); // N5
                }
                let path = image(&path);
                if up.has(&path) {
                    let code = if unmounts { 0xC004_000A } else { 0xC004_000C };
                    return Err(Hresult::new(code)); // N2
                }
                if !self.mounted.iter().any(|(there, _)| *there == path) {
                    return Err(Hresult::new(0xC004_0007)); // N3
                }
                let Some(flags) = flags else { return Ok(Effect::Remounted) };
                if flags & 1 == 0 && self.is_read_only(&path) {
                    return Err(Hresult::new(0xC142_010C)); // N6
                }
                self.mounted.retain(|(there, _)| *there != path);
                Ok(Effect::Unmounted)
            }
            Call::OpenSession(open) => up.open(open, config.last_session, &self.locked),
            Call::BeginOperation { session, function, flags, .. } => {
                if !function.is_operation() {
                    return Err(Hresult::E_INVALIDARG);
                }
                let commit = *function == Function::CommitImage; // P1: its own code
                let or_commits = |code| if commit { Hresult::E_INVALIDARG } else { code };
                let Some(open) = up.find(session.raw()) else {
                    return Err(or_commits(config.closed_session)); // P1, C2
                };
                if open.closer.is_some() {
                    return Err(or_commits(config.closing_session)); // C4
                }
                let mount = self.mounted.iter().find(|(there, _)| *there == open.image);
                if commit && mount.is_none() {
                    return Err(Hresult::E_INVALIDARG); // P1
                }
                if open.operations.contains(&thread) {
                    return Err(Hresult::WIN32_POSSIBLE_DEADLOCK); // P3
                }
                if commit && flags.bits() & !0x7_0001 != 0 {
                    return Err(Hresult::E_INVALIDARG); // N5
                }
                let is_read_only = |(_, it): &(_, MountImage)| it.mount_flags().bits() & 1 == 1;
                if commit && flags.bits() & 1 == 0 && mount.is_some_and(is_read_only) {
                    return Err(Hresult::new(0xC142_010C)); // N6
                }
                open.operations.push(thread); // P2
                Ok(Effect::Begun { ready: open.operations.len() == 1 })
            }
            Call::EndOperation { session, result } => {
                let Some(open) = up.find(session.raw()) else { return Err(config.closed_session) };
                if open.operations.first() != Some(&thread) {
                    return Err(Hresult::E_INVALIDARG);
                }
                open.operations.remove(0);
                if *result == Hresult::new(3010) {
                    open.reboot = true; // C6
                }
                // P5: the session stays as it is, whatever the result.
                if result.is_failure() {
                    Err(*result)
                } else if result.number() == 1 {
                    Ok(Effect::ReloadRequired) // P6
                } else {
                    Ok(Effect::Ended { result: *result })
                }
            }
            Call::CloseSession { session } => {
                let Some(open) = up.find(session.raw()) else { return Err(config.closed_session) };
                if open.closer.is_some() {
                    return Err(config.closed_session); // C5
                }
                if open.references > 1 {
                    open.references -= 1; // C3
                    return Ok(Effect::Released { references: open.references });
                }
                if open.operations.contains(&thread) {
                    return Err(Hresult::WIN32_POSSIBLE_DEADLOCK); // C7
                }
                open.closer = Some(thread); // C4
                Ok(Effect::Closing { ready: open.operations.is_empty() })
            }
            Call::FinishClose { session } => {
                let Some(open) = up.find(session.raw()) else { return Err(config.closed_session) };
                if open.closer != Some(thread) || !open.operations.is_empty() {
                    return Err(Hresult::E_INVALIDARG);
                }
                let reboot = open.reboot;
                up.sessions.retain(|open| open.number != session.raw());
                Ok(Effect::Closed { reboot }) // C4, C6
            }
            other => panic!("the reference does not know {other}"),
        }
    }

    fn last_error(&self, thread: u64) -> Effect {
        let last = self.last_errors.iter().find(|(whose, _)| *whose == thread);
        match last {
            Some((_, code)) => Effect::LastError(*code), // E1
            None => Effect::NoLastError { code: self.config.no_message }, // E4
        }
    }

    /// O10, O11: what an open leaves behind that gets as far as the image and fails there.
    fn fail_open(&mut self, open: &OpenSession, code: Hresult) {
        let Some(up) = &mut self.up else { return };
        let image = image(&open.path().to_string_lossy());
        if up.sessions.iter().any(|it| it.image == image && it.closer.is_none()) {
            return; // O3
        }
        up.next += 1;
        if code.number() == 0x8004_0154 && image != DISM_ONLINE_IMAGE {
            self.locked.push(image);
        }
    }

    fn is_read_only(&self, path: &str) -> bool {
        let mount = self.mounted.iter().find(|(there, _)| *there == path);
        mount.is_some_and(|(_, mount)| mount.mount_flags().bits() & 1 == 1)
    }

    /// Returns whether a thread has to wait for a session no longer.
    pub fn is_ready(&self, thread: u64, session: u32) -> bool {
        let open = |up: &Up| {
            let open = up.sessions.iter().find(|open| open.number == session)?;
            Some(match open.operations.first() {
                Some(first) => *first == thread,
                None => open.closer == Some(thread),
            })
        };
        self.up.as_ref().and_then(open).unwrap_or(false)
    }
}

impl Up {
    fn find(&mut self, number: u32) -> Option<&mut Open> {
        self.sessions.iter_mut().find(|open| open.number == number)
    }

    /// N2: returns whether a session is open on a path, or is being closed.
    fn has(&self, image: &str) -> bool {
        self.sessions.iter().any(|open| open.image == image)
    }

    fn open(&mut self, open: &OpenSession, last: u32, locked: &[String]) -> Answer {
        let path = open.path().to_string_lossy();
        if path.is_empty() {
            return Err(Hresult::E_INVALIDARG); // O5
        }
        let image = image(&path);
        if image == DISM_ONLINE_IMAGE && *open != OpenSession::new(path.as_ref()) {
            return Err(Hresult::E_INVALIDARG); // O4
        }
        // O3; C9: a session that is being closed does not count.
        let is_open = |open: &&mut Open| open.image == image && open.closer.is_none();
        if let Some(known) = self.sessions.iter_mut().find(is_open) {
            known.references += 1;
            return Ok(Effect::Opened {
                session: dism_emu::Session::from_raw(known.number),
                references: known.references,
            });
        }
        if self.next > u64::from(last) {
            return Err(Hresult::E_OUTOFMEMORY); // O8, O7
        }
        let number = self.next as u32; // O2, C9
        self.next += 1;
        if locked.contains(&image) {
            return Err(Hresult::WIN32_ALREADY_EXISTS); // O11, O10
        }
        self.sessions.push(Open {
            number,
            image,
            references: 1,
            reboot: false,
            operations: Vec::new(),
            closer: None,
        });
        Ok(Effect::Opened { session: dism_emu::Session::from_raw(number), references: 1 })
    }
}

/// Functions that never set the last error (E2).
const SILENT: &[Function] = &[Function::Shutdown, Function::Delete, Function::GetLastErrorMessage];

/// Returns whether this is a later part of a call. Rules apply only to the first part.
fn is_part_of_a_call(call: &Call) -> bool {
    matches!(call, Call::EndOperation { .. } | Call::FinishClose { .. } | Call::HandOut { .. })
}

/// Returns the form of a path that is the same for all spellings of an image (O6).
pub fn image(path: &str) -> String {
    let mut path = path.replace('/', "\\");
    let is_root = |path: &str| {
        let device = path.strip_prefix(r"\\?\").or(path.strip_prefix(r"\\.\"));
        let drive = device.unwrap_or(path).strip_suffix(r":\");
        let is_letter = |it: &str| matches!(it.as_bytes(), [b'a'..=b'z' | b'A'..=b'Z']);
        path == r"\" || drive.is_some_and(is_letter)
    };
    while path.ends_with('\\') && !is_root(&path) {
        path.pop();
    }
    let upper = |c: char| {
        let upper: Vec<char> = c.to_uppercase().collect();
        match upper[..] {
            [upper] => upper,
            // The simple mapping, if there is one, is a few characters on and maps back.
            _ => (1..10)
                .filter_map(|on| char::from_u32(u32::from(c) + on))
                .find(|capital| capital.to_lowercase().eq([c]))
                .unwrap_or(c),
        }
    };
    let folded: String = path.chars().map(upper).collect();
    let same = SAME.iter().find(|(alias, _)| folded == alias.to_uppercase());
    same.map_or(folded, |(_, image)| image.to_uppercase())
}
