//! The mistakes that clients make, by name.

use std::fmt;

/// The one table of mistakes: number, variant, short name, what it means, what to do instead.
macro_rules! mistakes {
    ($($number:literal $variant:ident $name:literal $meaning:literal $advice:literal)+) => {
        /// A mistake of a client, as the list in [`docs::mistakes`](crate::docs::mistakes) has it:
        /// each was found in a public program.
        ///
        /// [`Journal::mistakes`](crate::Journal::mistakes) finds them.
        ///
        /// ```
        /// use dism_emu::Mistake;
        ///
        /// assert_eq!(Mistake::CloseTwice.to_string(), "mistake 3, close twice");
        /// assert_eq!(Mistake::CloseTwice.number(), 3);
        /// assert_eq!(Mistake::ALL.len(), 11);
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
            /// Every mistake, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its number in the list, from 1.
            #[must_use]
            pub const fn number(self) -> u32 {
                match self {
                    $(Self::$variant => $number,)+
                }
            }

            /// Its short name: `close twice`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What a client does instead, in a sentence or two.
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
        "A shutdown failed because a session was open, and nobody shut down after it (rule S2)."
        "Close every session first, also on the ways that errors take. A shutdown that was \
         refused has changed nothing: close what is open and call it again."
    2 NeverShutDown "never shut down"
        "An initialize that no shutdown matched when everything was over (rules S3, S4)."
        "Call DismShutdown once for each DismInitialize that succeeded, one that gave S_FALSE \
         included, on every way out."
    3 CloseTwice "close twice"
        "A session was closed after its last reference had been given back (rules C2, C5)."
        "Forget a handle at the moment at which it is closed, before anything else can fail, and \
         let only one owner close it."
    4 OverlappingPairs "overlapping pairs"
        "A thread whose initialize was refused goes on as if it had succeeded, and ends another \
         thread's initialization or loses its own ground (rule I3 Documented)."
        "Give the pair of DismInitialize and DismShutdown to one owner in the process. Whoever \
         was refused must neither shut down nor rely on an initialization that another ends."
    5 LeftAfterFailedOpen "left after a failed open"
        "An open failed, and its thread left without a shutdown (rule O7)."
        "A failed DismOpenSession leaves the API initialized: call DismShutdown before returning \
         the error."
    6 SFalseTakenForFailure "S_FALSE taken for a failure"
        "An initialize returned S_FALSE, and its thread left without a shutdown (rule I3 Recorded)."
        "Test for failure by the sign. S_FALSE from DismInitialize is a success that was \
         counted, and needs its own DismShutdown."
    7 FailedInitializeIgnored "failed initialize ignored"
        "A thread went on after its initialize had failed, and the API was not there (rules I2, O1)."
        "Stop where DismInitialize fails. Neither 0xC0040001 nor 0x800702E4 says that the API is \
         initialized already."
    8 RebootTakenForFailure "3010 taken for a failure"
        "A close returned 3010, and its thread closed again or left without a shutdown (rule C6)."
        "Test for failure by the sign: 3010 from DismCloseSession says that the session is closed \
         and that a reboot is needed."
    9 CallInsideOperation "call inside an operation"
        "A thread inside an operation began another one on the same session, or closed the \
         session: on Windows it would wait for itself (rules C7, P3)."
        "From a progress callback, call nothing that takes the same session: note what there is \
         to do, and do it after the operation has returned."
    10 HandleNotOpen "handle not open"
        "A handle was used that was closed, was being closed, or was never given out (rules C2, C4, P1)."
        "Use a handle only between the DismOpenSession that gave it and its last \
         DismCloseSession, and make the threads that share it agree on when that is."
    11 MemoryMishandled "memory mishandled"
        "Memory was never given to DismDelete, was given twice, too late, or was not handed out \
         (rules D1, D3, D4)."
        "Give each pointer that a function handed out to DismDelete exactly once, before the \
         last DismShutdown."
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
