//! The contract once more, through the C functions.

// These run on plain threads, which a model's build of the emulator does not.
#![cfg(not(any(loom, dism_loom, shuttle, dism_shuttle)))]
#![allow(unsafe_code, reason = "it stands for a program that calls C functions")]
#![allow(dead_code, unreachable_pub, reason = "a test binary has no outside")]

#[path = "../support/c.rs"]
mod c;
#[path = "../support/exports.rs"]
mod exports;
#[path = "../support/races.rs"]
mod races;
#[path = "../it/sequences.rs"]
mod sequences;
#[path = "../support/strategies.rs"]
mod strategies;
#[path = "../support/mod.rs"]
mod support;

mod careless;
mod errors;
mod gates;
mod image;
mod memory;
mod mounts;
mod processes;
mod progress;
mod same;
mod sweep;
mod verdict;
