//! Emulators that are wrong in one place each: the models here have to catch them, or they would
//! prove nothing of the right one.

use std::sync::Arc;

use dism_emu::{Call, Config, Machine, Outcome, Step, ThreadId, replay};
use loom::sync::Mutex;
use loom::thread;

use crate::explore;

/// A machine behind a lock, as anybody might write it around the public one.
struct Twin {
    machine: Mutex<Machine>,
    journal: Mutex<Vec<Step>>,
}

impl Twin {
    fn new() -> Arc<Self> {
        let machine = Mutex::new(Machine::new(Config::default()));
        Arc::new(Self { machine, journal: Mutex::new(Vec::new()) })
    }

    fn apply(&self, call: Call) -> Outcome {
        self.machine.lock().unwrap().apply(ThreadId::current(), &call)
    }

    /// Wrong: writes the journal after the state's lock was let go.
    fn apply_and_journal_outside_the_lock(&self, call: Call) {
        let outcome = self.apply(call.clone());
        let step = Step { thread: ThreadId::current(), call, outcome, place: None };
        self.journal.lock().unwrap().push(step);
    }

    /// Wrong: looks first, and acts under another lock.
    fn shutdown_if_it_looks_possible(&self) -> bool {
        let is_up = self.machine.lock().unwrap().state().is_initialized();
        if is_up {
            let _ = self.apply(Call::Shutdown);
        }
        is_up
    }
}

#[test]
#[should_panic(expected = "a journal that does not replay")]
fn x1_a_journal_written_outside_the_lock_is_caught() {
    explore(|| {
        let twin = Twin::new();
        let other = twin.clone();
        let other =
            thread::spawn(move || other.apply_and_journal_outside_the_lock(Call::Initialize));
        twin.apply_and_journal_outside_the_lock(Call::Shutdown);
        other.join().unwrap();
        let journal = twin.journal.lock().unwrap();
        assert!(replay(Config::default(), &*journal).is_ok(), "a journal that does not replay");
    });
}

#[test]
#[should_panic(expected = "two winners")]
fn s5_a_shutdown_that_checks_before_it_acts_is_caught() {
    explore(|| {
        let twin = Twin::new();
        twin.apply(Call::Initialize).unwrap();
        let other = twin.clone();
        let other = thread::spawn(move || other.shutdown_if_it_looks_possible());
        let won = [twin.shutdown_if_it_looks_possible(), other.join().unwrap()];
        assert!(won != [true, true], "two winners");
    });
}
