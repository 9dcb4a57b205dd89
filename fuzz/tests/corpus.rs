//! The fuzz target without a fuzzer: what it found worth keeping, and blind bytes.

use std::fs;
use std::path::{Path, PathBuf};

use dism_emu_fuzz::{capi, lifecycle};

#[test]
fn corpus_keeps_the_contract() {
    replay("lifecycle", lifecycle);
}

/// Both corpora: a script is one for either way.
#[test]
fn corpora_keep_the_contract_through_the_c_functions() {
    replay("lifecycle", capi);
    replay("capi", capi);
}

fn replay(corpus: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(corpus);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    // The order of a folder differs between machines, and with it the first failure.
    files.sort();
    assert!(!files.is_empty(), "no files in {}", corpus.display());
    for file in files {
        // Only a failing test shows it: the last one is the culprit.
        println!("{}", file.display());
        run(&fs::read(&file).unwrap());
    }
}

/// Far from what a fuzzer reaches, and enough to notice that the assertions assert nothing.
#[test]
fn blind_bytes_keep_the_contract() {
    run_blindly(lifecycle);
}

#[test]
fn blind_bytes_keep_the_contract_through_the_c_functions() {
    run_blindly(capi);
}

fn run_blindly(run: fn(&[u8])) {
    let mut bytes = SplitMix(0);
    for case in 0..4000_u64 {
        let length = (bytes.next() % 800) as usize;
        let data: Vec<u8> = std::iter::repeat_with(|| bytes.next() as u8).take(length).collect();
        println!("case {case}");
        run(&data);
    }
}

/// The same numbers everywhere and for ever, which no dependency promises.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
