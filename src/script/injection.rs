//! The faults of one run of a sweep.

use crate::call::Hresult;

/// A call that fails.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Its number among the calls that the contract has allowed and no rule has answered, from 1.
    pub(crate) call: u32,
    pub(crate) code: Hresult,
    /// The step of the call, once the client has made it.
    pub(crate) step: Option<u64>,
}

/// The calls that a [`FaultSweep`](crate::FaultSweep) makes fail in one run of its client, and the
/// bound on that run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Injection {
    pub(crate) faults: Vec<Fault>,
    /// How many calls the contract has allowed and no rule has answered.
    calls: u32,
    /// The most steps that the client may take.
    max_steps: u64,
    is_cut_off: bool,
}

impl Injection {
    pub(crate) fn new(faults: Vec<Fault>, max_steps: u64) -> Self {
        Self { faults, max_steps, ..Self::default() }
    }

    /// Counts an allowed call, which takes this step. Returns the fault, if it has to fail.
    pub(crate) fn fire(&mut self, step: u64) -> Option<&Fault> {
        self.calls = self.calls.saturating_add(1);
        let fault = self.faults.iter_mut().find(|fault| fault.call == self.calls)?;
        fault.step = Some(step);
        Some(fault)
    }

    /// Corrects the step of a call that was made to fail: other calls have come first.
    #[cfg(feature = "capi")]
    pub(crate) fn postpone(&mut self, call: u32, step: u64) {
        let fault = self.faults.iter_mut().find(|fault| fault.call == call);
        fault.into_iter().for_each(|fault| fault.step = Some(step));
    }

    /// Returns whether the client has to be cut off: it has taken all its steps.
    pub(crate) fn cuts_off(&mut self, steps: u64) -> bool {
        self.is_cut_off |= steps >= self.max_steps;
        self.is_cut_off
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off
    }
}
