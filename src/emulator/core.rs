//! The one path of a call: past the holds and the rules, through the machine, into the journal.

use std::collections::BTreeMap;
use std::io::Write;
#[cfg(feature = "capi")]
use std::ops::ControlFlow;
use std::panic::{Location, RefUnwindSafe, UnwindSafe, resume_unwind};
use std::sync::Arc;
use std::{io, process};

use crate::call::image::ImageKey;
#[cfg(feature = "capi")]
use crate::call::{Call, Scripted};
use crate::call::{Effect, Error, Function, Hresult, Memory, Outcome, Session, ThreadNumber};
use crate::evidence::{Caller, Recorder, Remark};
use crate::machine::Machine;
use crate::machine::config::Contract;
use crate::machine::request::{BeginOperation, CloseSession, EndOperation, FinishClose, Request};
#[cfg(feature = "capi")]
use crate::script::Progress;
use crate::script::{Answer, HoldError, Injection, Point, Query, Rule, Script};
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard};

/// The state that an emulator and its handles share.
///
/// It begins a cache line. So what all threads write is not next to the reference count of the
/// handles, and a call costs the same wherever the allocator puts this.
#[repr(align(64))]
pub(super) struct Shared {
    pub(super) core: Mutex<Core>,
    /// Signals that a thread has reached a hold, or that a hold was released.
    held: Condvar,
}

/// What the lock guards: the state, and the journal that is written with it.
pub(super) struct Core {
    pub(super) machine: Machine,
    pub(super) journal: Recorder,
    /// `None` until the test scripts something, so that a test that never does pays nothing for it.
    pub(super) script: Option<Box<Script>>,
    /// What the last verification has looked at, if there was one.
    pub(super) verified: Option<Watermark>,
    /// The threads that wait for a turn, each with what wakes it alone.
    pub(super) sleepers: BTreeMap<ThreadNumber, Arc<Condvar>>,
}

/// How many steps a verification has seen, and how many changes of the script.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Watermark {
    pub(super) steps: u64,
    /// How often the script changed.
    pub(super) script: u64,
}

/// Nothing panics under the lock, and a panic anywhere else leaves the state intact (rule X2).
impl UnwindSafe for Shared {}
impl RefUnwindSafe for Shared {}

/// A step that was taken.
pub(crate) struct Taken {
    pub(crate) outcome: Outcome,
    /// The answer that was scripted for the call. Boxed, since almost no call has one.
    pub(crate) answer: Option<Box<Answer>>,
}

impl Taken {
    /// Returns the code of the call: its own, unless another one is scripted.
    #[inline]
    pub(crate) fn code(&self) -> Result<Hresult, Error> {
        let effect = self.outcome?;
        match &self.answer {
            None => Ok(effect.code()),
            Some(answer) => answer.returned(),
        }
    }

    #[inline]
    pub(crate) fn session(&self) -> Result<Session, Error> {
        let Effect::Opened { session, .. } = self.outcome? else { unreachable!("an open") };
        Ok(session)
    }

    pub(crate) fn last_error(&self) -> Result<Option<Hresult>, Error> {
        match self.outcome? {
            Effect::LastError(code) => Ok(Some(code)),
            _ => Ok(None),
        }
    }

    pub(crate) fn memory(&self) -> Result<Memory, Error> {
        let Effect::HandedOut { memory } = self.outcome? else { unreachable!("a hand-out") };
        Ok(memory)
    }
}

impl Core {
    /// Takes one step. Rules apply only if the contract allows the call. The journal is written
    /// under the same lock (rule X1).
    #[inline]
    pub(super) fn step(&mut self, caller: Caller, request: &impl Request) -> Taken {
        let step = self.journal.taken();
        self.step_answered(caller, request, |script, image| match (request.answer(), script) {
            (Some(scripted), _) => Some(Box::new(Answer::from(scripted))),
            (None, Some(script)) => fire(script, step, request, image),
            (None, None) => None,
        })
    }

    /// Takes one step that `ask` answers if the contract allows the call.
    #[inline]
    fn step_answered(
        &mut self,
        caller: Caller,
        request: &impl Request,
        ask: impl FnOnce(Option<&mut Script>, Option<ImageKey<'_>>) -> Option<Box<Answer>>,
    ) -> Taken {
        let Self { machine, journal, script, .. } = self;
        let mut answer = None;
        let outcome = machine.step(caller.thread, request, |image| {
            answer = ask(script.as_deref_mut(), image);
            answer.as_ref().map(|answer| answer.scripted)
        });
        let scripted = answer.as_ref().map(|answer| answer.scripted);
        journal.push(caller, || request.call().answered(scripted), outcome);
        Taken { outcome, answer }
    }

    /// Returns the answer of a rule to a mount or an unmount that is going to be made, or `None` if
    /// the contract refuses it. Nothing else happens.
    #[cfg(feature = "capi")]
    fn ask(&mut self, thread: ThreadNumber, call: &Call) -> Option<Option<Box<Answer>>> {
        let Self { machine, journal, script, .. } = self;
        let mut asked = None;
        let not_yet = Scripted::from(Hresult::E_UNEXPECTED);
        let _ = call.apply(machine, thread, |image| {
            let fire = |script| fire(script, journal.taken(), call, image);
            asked = Some(script.as_deref_mut().and_then(fire));
            Some(not_yet)
        });
        asked
    }

    /// Corrects the step of a mount or an unmount that a sweep makes fail: calls of its callback, or
    /// of other threads, have taken the one at which it was asked.
    #[cfg(feature = "capi")]
    fn postpone(&mut self, answer: Option<&Answer>) {
        let injection = self.script.as_mut().and_then(|script| script.injection.as_mut());
        if let (Some(injection), Some(fault)) = (injection, answer.and_then(|it| it.fault)) {
            injection.postpone(fault, self.journal.taken());
        }
    }

    pub(super) fn add_rule(
        &mut self,
        rule: Rule,
        location: Option<&'static Location<'static>>,
    ) -> u64 {
        let aliases = &self.machine.config().aliases;
        self.script.get_or_insert_default().add_rule(rule, aliases, location)
    }

    /// Wakes the thread that has the turn on the session, if it sleeps.
    #[inline]
    fn wake(&self, session: Session) {
        if self.sleepers.is_empty() {
            return;
        }
        if let Some(woken) = self.machine.turn(session).and_then(|it| self.sleepers.get(&it)) {
            woken.notify_one();
        }
    }
}

#[cold]
fn fire(
    script: &mut Script,
    step: u64,
    request: &impl Request,
    image: Option<ImageKey<'_>>,
) -> Option<Box<Answer>> {
    let (function, session) = (request.function(), request.session());
    // The arguments of most calls are copied only for a rule that asks for them.
    let call = script.rules.ask_for_arguments().then(|| request.call());
    let answer = script.rules.fire(Query { function, session, image, call: call.as_ref() });
    let injected = || script.injection.as_mut()?.fire(step).map(Answer::from);
    answer.or_else(injected).map(Box::new)
}

/// Ends the program, since a client that is cut off goes on: no panic passes a C function, and a
/// client can catch one.
#[cold]
fn abort(run: &Injection, contract: Contract) -> ! {
    // A test harness would capture what `eprintln` writes, and never show it.
    let _ = writeln!(
        io::stderr(),
        "dism-emu: a client of a fault sweep goes on although it was cut off: see \
         `FaultSweep::max_steps`\nrepeat it with `{run}`, under the contract {contract}"
    );
    process::abort()
}

impl Shared {
    pub(super) fn new(core: Core) -> Self {
        Self { core: Mutex::new(core), held: Condvar::default() }
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock()
    }

    pub(super) fn with_script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(self.lock().script.get_or_insert_default())
    }

    /// Makes a call that takes effect at one instant.
    #[inline]
    pub(super) fn take(&self, caller: Caller, request: &impl Request) -> Taken {
        self.take_and(caller, request, |_| ()).0
    }

    /// Makes a call that takes effect at one instant, and looks at the machine at that instant.
    #[inline]
    pub(super) fn take_and<T>(
        &self,
        caller: Caller,
        request: &impl Request,
        look: impl FnOnce(&Machine) -> T,
    ) -> (Taken, T) {
        let mut core = self.reach(self.lock(), Point::Before, caller.thread, request);
        let taken = core.step(caller, request);
        let seen = look(&core.machine);
        drop(self.reach(core, Point::Returning, caller.thread, request));
        (taken, seen)
    }

    /// Makes a call that reports its progress before it takes effect at one instant. A call that is
    /// cancelled in time changes nothing (rule P7).
    ///
    /// The callback runs under no lock, so other threads go on. If the contract refuses the call by
    /// then, it fails as any other.
    #[cfg(feature = "capi")]
    pub(super) fn run(
        &self,
        caller: Caller,
        call: Call,
        report: impl FnMut(Option<Progress>) -> ControlFlow<()>,
    ) -> Taken {
        let mut core = self.reach(self.lock(), Point::Before, caller.thread, &call);
        let mut answer = None;
        if let Some(asked) = core.ask(caller.thread, &call) {
            drop(core);
            let cancelled = Answer::run(asked.as_deref(), report);
            core = self.lock();
            core.postpone(asked.as_deref());
            answer = match cancelled {
                Some(code) => {
                    let cancelled = Scripted { cancelled: true, ..code.into() };
                    Some(Box::new(cancelled.into()))
                }
                None => asked,
            };
        }
        let taken = core.step_answered(caller, &call, |_, _| answer);
        drop(self.reach(core, Point::Returning, caller.thread, &call));
        taken
    }

    /// Begins an operation, up to the point at which it is performed. Returns the answer with which
    /// it is to end, if a rule has one.
    #[inline]
    pub(super) fn begin(
        &self,
        caller: Caller,
        request: &BeginOperation<'_>,
    ) -> Result<Option<Box<Answer>>, Error> {
        let thread = caller.thread;
        let mut core = self.reach(self.lock(), Point::Before, thread, request);
        let Taken { outcome, answer } = core.step(caller, request);
        match outcome {
            Ok(Effect::Begun { ready: false }) => core = self.wait(core, thread, request.session),
            Ok(_) => {}
            Err(error) => {
                drop(self.reach(core, Point::Returning, thread, request));
                return Err(error);
            }
        }
        drop(self.reach(core, Point::Between, thread, request));
        Ok(answer)
    }

    /// Ends an operation.
    #[inline]
    pub(super) fn end(&self, caller: Caller, request: &EndOperation) -> Result<Hresult, Error> {
        let mut core = self.lock();
        let ended = core.step(caller, request).code();
        core.wake(request.session);
        drop(self.reach(core, Point::Returning, caller.thread, request));
        ended
    }

    /// Closes a session. The close of a last reference has two instants.
    pub(super) fn close(&self, caller: Caller, session: Session) -> Result<Hresult, Error> {
        let (thread, request) = (caller.thread, CloseSession { session });
        let mut core = self.reach(self.lock(), Point::Before, thread, &request);
        let Taken { outcome, answer } = core.step(caller, &request);
        let outcome = match outcome {
            Ok(Effect::Closing { ready }) => {
                core = self.reach(core, Point::Between, thread, &request);
                if !ready {
                    core = self.wait(core, thread, session);
                }
                core.step(caller, &FinishClose { session }).outcome
            }
            outcome => outcome,
        };
        drop(self.reach(core, Point::Returning, thread, &request));
        Taken { outcome, answer }.code()
    }

    // Where threads sleep, and what wakes them.

    /// Waits until it is the thread's turn on the session.
    ///
    /// The lock is released meanwhile, so other threads go on: operations queue behind this one,
    /// the session starts to close, the test sets a hold. The thread that ends the operation in
    /// front passes the turn on and [wakes](Core::wake) the thread that has it now, and no other. A
    /// closer waits here, too, and no operation queues behind it (rule C4).
    #[cold]
    fn wait<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        thread: ThreadNumber,
        session: Session,
    ) -> MutexGuard<'a, Core> {
        let woken = Arc::new(Condvar::default());
        core.sleepers.insert(thread, woken.clone());
        while !core.machine.is_ready(thread, session) {
            core = woken.wait(core);
        }
        core.sleepers.remove(&thread);
        core
    }

    /// Stops the thread at a point of its call if a hold says so.
    #[inline]
    fn reach<'a>(
        &'a self,
        core: MutexGuard<'a, Core>,
        point: Point,
        thread: ThreadNumber,
        request: &impl Request,
    ) -> MutexGuard<'a, Core> {
        match core.script {
            None => core,
            Some(_) => self.stop(core, point, thread, request.function(), request.session()),
        }
    }

    /// Holds the thread, if a hold catches it, until the test releases the hold.
    ///
    /// The lock is released meanwhile, so every other thread goes on. The test's thread may be in
    /// [`wait_for_hold`](Self::wait_for_hold), which this wakes; it calls
    /// [`release_hold`](Self::release_hold), which wakes this. If no thread releases the hold, the
    /// deadline does.
    #[cold]
    fn stop<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        point: Point,
        thread: ThreadNumber,
        function: Option<Function>,
        session: Option<Session>,
    ) -> MutexGuard<'a, Core> {
        let steps = core.journal.taken();
        let contract = core.machine.config().contract;
        let Some(script) = &mut core.script else { return core };
        if let (Point::Before, Some(injection)) = (point, &mut script.injection) {
            let is_late = injection.cuts_off(steps);
            if injection.is_ignored() {
                abort(injection, contract);
            }
            // A second panic would abort the process.
            if is_late && !std::thread::panicking() {
                drop(core);
                // The sweep knows why, so no panic hook is called.
                resume_unwind(Box::new("cut off by the fault sweep"));
            }
        }
        let Some((id, deadline)) = script.holds.catch(point, function, session, thread) else {
            return core;
        };
        self.held.notify_all();
        let deadline = Deadline::after(deadline);
        loop {
            match &mut core.script {
                Some(script) if script.holds.is_set(id) => {
                    if deadline.is_past() {
                        script.holds.expire(id);
                        return core;
                    }
                }
                _ => return core,
            }
            core = self.held.wait_until(core, deadline);
        }
    }

    /// Waits until the hold has its thread.
    ///
    /// The lock is released meanwhile. The thread that reaches the hold wakes this; so does a
    /// release, by another thread of the test.
    pub(super) fn wait_for_hold(&self, id: u64) -> Result<(), HoldError> {
        let mut core = self.lock();
        let mut deadline = None;
        loop {
            let Some(script) = &core.script else { return Ok(()) };
            let Some((patience, unreached)) = script.holds.missing(id)? else { return Ok(()) };
            let deadline = *deadline.get_or_insert_with(|| Deadline::after(patience));
            if deadline.is_past() {
                return Err(unreached);
            }
            core = self.held.wait_until(core, deadline);
        }
    }

    /// Releases the hold and wakes its thread. Returns a remark if the deadline came first.
    pub(super) fn release_hold(&self, id: u64) -> Option<Remark> {
        let expired = self.with_script(|script| script.remove_hold(id));
        self.held.notify_all();
        expired
    }
}

#[cfg(all(test, feature = "capi", not(any(loom, dism_loom, shuttle, dism_shuttle))))]
mod tests {
    use std::ops::ControlFlow;

    use crate::call::{Call, Hresult, MountImage};
    use crate::emulator::Emulator;

    /// P7: as with an operation, the test did not choose what the caller has cancelled.
    #[test]
    fn a_mount_that_its_caller_cancels_is_not_scripted() {
        let emulator = Emulator::new();
        let dism = emulator.dism();
        dism.initialize().unwrap();
        let mount = Call::MountImage(MountImage::new("mount", "a.wim"));
        let mounted = dism.run(mount, |_| ControlFlow::Break(())).code();
        assert_eq!(mounted.unwrap_err().code(), Hresult::WIN32_REQUEST_ABORTED);
        dism.shutdown().unwrap();
        let journal = emulator.journal();
        let timeline = journal.timeline().to_string();
        assert!(timeline.contains("-> 0x800704D3 WIN32_REQUEST_ABORTED\n"), "{timeline}");
        journal.replay().unwrap();
    }
}
