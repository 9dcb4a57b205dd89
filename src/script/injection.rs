//! The faults of one run of a sweep.

use std::fmt;

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
    /// The number of the process, from 1.
    process: usize,
    pub(crate) faults: Vec<Fault>,
    /// How many calls the contract has allowed and no rule has answered.
    calls: u32,
    /// The most steps that the client may take.
    max_steps: u64,
    /// How many calls it has made after that.
    late_calls: u64,
}

impl Injection {
    pub(crate) fn new(process: usize, faults: Vec<Fault>, max_steps: u64) -> Self {
        Self { process, faults, max_steps, ..Self::default() }
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

    /// Returns whether a call after so many steps is too late, and counts it if so: the client has
    /// taken all its steps, and is cut off.
    pub(crate) fn cuts_off(&mut self, steps: u64) -> bool {
        let is_late = steps >= self.max_steps;
        self.late_calls += u64::from(is_late);
        is_late
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.late_calls > 0
    }

    /// Returns whether the client goes on although it was cut off.
    pub(crate) fn is_ignored(&self) -> bool {
        self.late_calls > self.max_steps
    }
}

/// Writes what makes this run alone: `.only(1, [(4, 0x80070005)])`.
impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.faults.iter();
        let faults = faults.map(|Fault { call, code, .. }| format!("({call}, {code})"));
        let faults = faults.collect::<Vec<_>>().join(", ");
        // The compiler cannot infer the type of a code if there is none.
        let codes = if faults.is_empty() { "::<u32>" } else { "" };
        write!(f, ".only{codes}({}, [{faults}])", self.process)
    }
}
