/// A mistake that is planted in the tool on purpose, to show that a test finds it. Real tools have
/// made each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flaw {
    /// The tool as it should be.
    #[default]
    None,
    /// 1: leaves the session open, and only logs that the shutdown fails because of it.
    ShutdownWithOpenSession,
    /// 2: does not shut down.
    NeverShutDown,
    /// 3: closes the session, and closes it again on the way out.
    CloseTwice,
    /// 4: takes "already initialized" for its own initialization, and ends that of other code.
    OverlappingPairs,
    /// 5: returns early when the open fails, and leaves the initialization behind.
    LeftAfterFailedOpen,
    /// 6: takes 1 from initialize for a failure.
    SFalseTakenForFailure,
    /// 7: goes on when initialize fails.
    FailedInitializeIgnored,
    /// 8: takes 3010 from close for a failure, and closes again.
    RebootTakenForFailure,
    /// 9: calls an operation from the progress callback of another.
    CallInsideOperation,
    /// 10: uses the handle after it was closed.
    HandleNotOpen,
    /// 11: keeps the memory that it was handed out.
    MemoryKept,
}
