//! The faults of one run of a sweep.

use crate::call::Hresult;

/// The calls that a [`FaultSweep`](crate::FaultSweep) makes fail in one run of its client, and the
/// bound on that run.
#[derive(Debug)]
pub(crate) struct Injection {
    /// Which calls fail, counted from 1, and with what. The numbers ascend.
    faults: Vec<(u32, Hresult)>,
    /// How many calls the contract has allowed and no rule has answered.
    calls: u32,
    /// The steps of the calls that were made to fail.
    injected: Vec<u64>,
    /// The most steps that the client may take.
    max_steps: u64,
    is_cut_off: bool,
}

impl Injection {
    pub(crate) fn new(faults: Vec<(u32, Hresult)>, max_steps: u64) -> Self {
        Self { faults, calls: 0, injected: Vec::new(), max_steps, is_cut_off: false }
    }

    /// Counts an allowed call, which takes this step. Returns the code with which it has to fail.
    pub(crate) fn fire(&mut self, step: u64) -> Option<Hresult> {
        self.calls = self.calls.saturating_add(1);
        let (call, code) = *self.faults.get(self.injected.len())?;
        if call != self.calls {
            return None;
        }
        self.injected.push(step);
        Some(code)
    }

    /// Returns whether the client has to be cut off: it has taken all its steps.
    pub(crate) fn cuts_off(&mut self, steps: u64) -> bool {
        self.is_cut_off |= steps >= self.max_steps;
        self.is_cut_off
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }

    /// Returns the steps of the calls that were made to fail.
    pub(crate) fn injected(&self) -> &[u64] {
        &self.injected
    }
}
