//! The mistakes that clients make, by name.

use std::fmt;

/// The one table of mistakes: number, variant, short name, meaning, and what to do instead.
macro_rules! mistakes {
    ($($number:literal $variant:ident $name:literal $meaning:literal $advice:literal)+) => {
        /// A mistake that clients make, from the list in [`docs::mistakes`](crate::docs::mistakes).
        ///
        /// [`Journal::mistakes`](crate::Journal::mistakes) finds them.
        ///
        /// ```
        /// use dism_emu::Mistake;
        ///
        /// assert_eq!(Mistake::CloseTwice.to_string(), "mistake 3, close twice");
        /// assert_eq!(Mistake::CloseTwice.number(), 3);
        /// assert_eq!(Mistake::ALL.len(), 13);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize))]
        #[non_exhaustive]
        pub enum Mistake {
            $(
                #[doc = $meaning]
                $variant,
            )+
        }

        impl Mistake {
            /// All mistakes, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns its number in the list, from 1.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// Returns its short name, such as `close twice`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Returns what a client should do instead, in one to three sentences.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$variant => $advice,)+
                }
            }
        }
    };
}

mistakes! {
    1 ShutdownWithOpenSession "shutdown with a session open"
        "A shutdown failed because a session was open, and the API was never shut down afterwards \
         (rule S2)."
        "Close every session first, including on error paths. A refused shutdown changes nothing: \
         close the open sessions and call it again."
    2 NeverShutDown "never shut down"
        "An initialize succeeded, and no shutdown ever matched it (rules S3, S4)."
        "Call DismShutdown once for each DismInitialize that succeeds, including on error paths. \
         1 is a success, too: DismInitialize returns it as S_FALSE, and an operation to ask for a \
         reload of its session."
    3 CloseTwice "close twice"
        "A session was closed again after its last reference had been released (rules C2, C5)."
        "Clear your copy of a handle as soon as you close it, before anything else can fail. Let \
         only one owner close it."
    4 OverlappingPairs "overlapping pairs"
        "A thread whose initialize was refused went on as if it had succeeded. It ended an \
         initialization that was still in use, or relied on one after its end (rule I3 Documented)."
        "Let one owner in the process call DismInitialize and DismShutdown. After a refused \
         DismInitialize, neither call DismShutdown nor rely on an initialization that another \
         thread can end."
    5 LeftAfterFailedOpen "left after a failed open"
        "An open failed, and its thread did not shut down afterwards (rule O7)."
        "A failed DismOpenSession leaves the API initialized: call DismShutdown before returning \
         the error."
    6 SFalseTakenForFailure "S_FALSE taken for a failure"
        "An initialize returned S_FALSE, and its thread did not shut down afterwards (rule I3 \
         Recorded)."
        "Treat only negative codes as failures. S_FALSE from DismInitialize is a success and needs \
         its own DismShutdown."
    7 FailedInitializeIgnored "failed initialize ignored"
        "A thread went on after its initialize had failed, and its calls failed because the API \
         was not initialized (rules I2, O1)."
        "Stop if DismInitialize fails. Neither 0xC0040001 nor 0x800702E4 means that the API is \
         already initialized."
    8 RebootTakenForFailure "3010 taken for a failure"
        "A close returned 3010, and then the session was closed again, or the thread did not shut \
         down (rule C6)."
        "Treat only negative codes as failures. 3010 from DismCloseSession means that the session \
         is closed and a reboot is needed."
    9 CallInsideOperation "call inside an operation"
        "A thread inside an operation began another one on the same session, or closed the \
         session. On Windows it would wait for itself (rules C7, P3)."
        "In a progress callback, call no function that takes the same session. Do that work after \
         the operation has returned."
    10 HandleNotOpen "handle not open"
        "A call used a handle that was closed, was being closed, or was never returned by an open \
         (rules C2, C4, P1)."
        "Use a handle only between the DismOpenSession that returns it and its last \
         DismCloseSession. Threads that share a handle must synchronize its uses with that close."
    11 MemoryMishandled "memory mishandled"
        "Memory was never passed to DismDelete, or was passed twice or too late, or DismDelete got \
         a pointer that no function had handed out (rules D1, D3, D4)."
        "Pass each pointer that a function hands out to DismDelete exactly once, before the \
         final DismShutdown."
    12 ReloadIgnored "reload ignored"
        "An operation returned 1 (DISMAPI_S_RELOAD_IMAGE_SESSION_REQUIRED), and another one was \
         called on the session before it was reloaded (rule P6)."
        "If an operation returns 1, it has succeeded: close the session and open it again before \
         the next operation. If others use the session, every reference has to be closed first."
    13 CalledWhileDown "called while down"
        "A function was called before the first initialize or after the final shutdown, and failed \
         because the API was not initialized (rules S4, O1, C1, P1, N1)."
        "Call DismInitialize first. If parts of a program share the API, count them: a boolean \
         lets the first part that is done shut down for all."
}

/// Writes `mistake 3, close twice`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mistake {}, {}", self.number(), self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_list() {
        for (number, mistake) in (1..).zip(Mistake::ALL) {
            assert_eq!(mistake.number(), number);
            assert!(mistake.advice().ends_with('.'));
        }
    }
}
