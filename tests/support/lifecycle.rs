//! The traits that the shared test bodies use, so that they also run on emulators that are wrong.

use dism_emu::machine::{Config, State, Step};
use dism_emu::{Dism, Emulator, Error, Function, Hold, HoldGuard, Hresult, Memory, Rule, Session};

use super::BUSY;

pub type Answer = Result<Hresult, Error>;

/// A process as its test sees it: the emulator, or a twin that is wrong.
pub trait Double {
    type Dism: Lifecycle;
    type Guard: Guard;

    fn dism(&self) -> Self::Dism;

    /// Makes one call of the function fail. The closure returns how many calls have failed.
    fn fail_once(&self, function: Function) -> impl Fn() -> u64;
    fn hold_before(&self, function: Function) -> Self::Guard;
    fn hold_closing(&self) -> Self::Guard;

    fn state(&self) -> State;
    fn config(&self) -> Config;
    /// Returns the steps of its journal.
    fn steps(&self) -> Vec<Step>;
}

/// The lifecycle of the API, as the code under test calls it.
pub trait Lifecycle: Clone + Send + 'static {
    fn initialize(&self) -> Answer;
    fn open(&self, path: &str) -> Result<Session, Error>;
    /// Performs an operation that lasts as long as `meanwhile`.
    fn operate(&self, session: Session, meanwhile: impl FnOnce()) -> Answer;
    fn close(&self, session: Session) -> Answer;
    fn shutdown(&self) -> Answer;
    fn last_error(&self) -> Result<Option<Hresult>, Error>;
    fn hand_out(&self) -> Result<Memory, Error>;
    fn delete(&self, memory: Memory) -> Answer;
}

/// A hold that is set. Dropping it releases it, too.
pub trait Guard {
    fn wait(&self);
    fn release(self);
}

impl Double for Emulator {
    type Dism = Dism;
    type Guard = HoldGuard;

    fn dism(&self) -> Dism {
        self.dism()
    }

    fn fail_once(&self, function: Function) -> impl Fn() -> u64 {
        let rule = self.script(Rule::on(function).times(1).answer(BUSY));
        move || rule.fired()
    }

    fn hold_before(&self, function: Function) -> HoldGuard {
        self.hold(Hold::before(function))
    }

    fn hold_closing(&self) -> HoldGuard {
        self.hold(Hold::closing())
    }

    fn state(&self) -> State {
        self.state()
    }

    fn config(&self) -> Config {
        self.journal().config().clone()
    }

    fn steps(&self) -> Vec<Step> {
        self.journal().steps().to_vec()
    }
}

impl Lifecycle for Dism {
    fn initialize(&self) -> Answer {
        self.initialize()
    }

    fn open(&self, path: &str) -> Result<Session, Error> {
        self.open_session(path)
    }

    fn operate(&self, session: Session, meanwhile: impl FnOnce()) -> Answer {
        let operation = self.operation(session, Function::GetFeatures)?;
        meanwhile();
        operation.end_with(Hresult::S_OK)
    }

    fn close(&self, session: Session) -> Answer {
        self.close_session(session)
    }

    fn shutdown(&self) -> Answer {
        self.shutdown()
    }

    fn last_error(&self) -> Result<Option<Hresult>, Error> {
        self.last_error()
    }

    fn hand_out(&self) -> Result<Memory, Error> {
        self.hand_out(Function::GetImageInfo)
    }

    fn delete(&self, memory: Memory) -> Answer {
        self.delete(memory)
    }
}

impl Guard for HoldGuard {
    fn wait(&self) {
        self.wait();
    }

    fn release(self) {
        self.release();
    }
}
