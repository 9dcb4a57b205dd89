//! Everything that runs on plain threads: the contract rule by rule, generated calls against the
//! reference, and the recordings of the genuine DLL.

// These run on plain threads, which a model's build of the emulator does not.
#![cfg(not(any(loom, dism_loom, shuttle, dism_shuttle)))]
#![allow(unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/races.rs"]
mod races;
#[path = "../support/strategies.rs"]
mod strategies;
#[path = "../support/mod.rs"]
mod support;

mod contract;
mod correct_clients;
mod drop;
mod field;
mod generated_clients;
mod hand;
mod holds;
mod incomplete_journals;
mod isolation;
mod journal;
#[cfg(feature = "serde")]
mod json;
mod methods;
mod mistakes;
mod pages;
mod panicking;
mod progress;
mod properties;
mod readme;
mod recordings;
mod report;
mod rivals;
mod rules;
mod scale;
mod sequences;
mod sweep;
mod timeline;
mod vocabulary;
