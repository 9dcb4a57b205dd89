//! A machine that is driven by hand, and the mistakes in what it did.

use std::ptr;

use dism_emu::machine::{Call, Config, Effect, Machine, Outcome, Step};
use dism_emu::{
    Contract, DISM_ONLINE_IMAGE, Finding, Function, Hresult, Initialize, Journal, Memory,
    OpenSession, Session, ThreadNumber,
};

/// A machine that is driven by hand, and the steps that it took.
pub struct Hand {
    pub machine: Machine,
    pub steps: Vec<Step>,
}

impl Hand {
    pub fn new(contract: Contract) -> Self {
        let mut config = Config::default();
        config.contract = contract;
        Self::with(config)
    }

    pub fn with(config: Config) -> Self {
        Self { machine: Machine::new(config), steps: Vec::new() }
    }

    pub fn contract(&self) -> Contract {
        self.machine.config().contract
    }

    pub fn take(&mut self, thread: u64, call: Call) -> Outcome {
        let thread = ThreadNumber::new(thread);
        let outcome = self.machine.apply(thread, &call);
        self.steps.push(Step { thread, call, outcome, location: None });
        outcome
    }

    pub fn scripted(&mut self, thread: u64, call: Call, answer: Hresult) -> Outcome {
        self.take(thread, Call::Scripted { call: Box::new(call), answer: answer.into() })
    }

    pub fn initialize(&mut self, thread: u64) -> Outcome {
        self.take(thread, Call::Initialize(Initialize::new()))
    }

    pub fn shutdown(&mut self, thread: u64) -> Outcome {
        self.take(thread, Call::Shutdown)
    }

    pub fn open(&mut self, thread: u64) -> Session {
        self.open_path(thread, DISM_ONLINE_IMAGE)
    }

    /// Opens a session. Returns handle 0, as in C, if that fails.
    pub fn open_path(&mut self, thread: u64, path: &str) -> Session {
        match self.take(thread, Call::OpenSession(OpenSession::new(path))) {
            Ok(Effect::Opened { session, .. }) => session,
            _ => Session::DEFAULT,
        }
    }

    pub fn begin(&mut self, thread: u64, session: Session) -> Outcome {
        let function = Function::GetFeatures;
        self.take(thread, Call::begin(session, function))
    }

    pub fn end(&mut self, thread: u64, session: Session, result: Hresult) -> Outcome {
        self.take(thread, Call::EndOperation { session, result })
    }

    pub fn operate(&mut self, thread: u64, session: Session, result: Hresult) -> Outcome {
        self.begin(thread, session)?;
        self.end(thread, session, result)
    }

    pub fn close(&mut self, thread: u64, session: Session) -> Outcome {
        match self.take(thread, Call::CloseSession { session })? {
            Effect::Closing { ready: true } => self.take(thread, Call::FinishClose { session }),
            effect => Ok(effect),
        }
    }

    pub fn hand_out(&mut self, thread: u64) -> Memory {
        match self.take(thread, Call::HandOut { function: Function::GetFeatures }) {
            Ok(Effect::HandedOut { memory }) => memory,
            _ => Memory::NULL,
        }
    }

    pub fn delete(&mut self, thread: u64, memory: Memory) -> Outcome {
        self.take(thread, Call::Delete { memory })
    }

    pub fn journal(&self) -> Journal {
        Journal::from_steps(self.machine.config().clone(), self.steps.clone())
    }

    /// Returns the number of each mistake, its step, and the steps that it collides with.
    pub fn found(&self) -> Vec<(u32, usize, Vec<usize>)> {
        found(&self.journal())
    }
}

pub fn found(journal: &Journal) -> Vec<(u32, usize, Vec<usize>)> {
    let mistakes = journal.mistakes().into_iter();
    let shown = |it: Finding| {
        assert_eq!(it.more, 0, "a test that needs more than are listed asks for `more`, too");
        let with = it.collides_with.iter().map(|call| first_step(journal, *call)).collect();
        (it.mistake.number(), it.at, with)
    };
    mistakes.map(shown).collect()
}

/// Returns the index of the call's first step.
fn first_step(journal: &Journal, call: usize) -> usize {
    let first = journal.call(call).unwrap();
    journal.steps().iter().position(|step| ptr::eq(step, first)).unwrap()
}
