//! The fuzz targets without a fuzzer: the corpora, and random bytes.

use std::fs;
use std::path::{Path, PathBuf};

use dism_emu_fuzz::{capi, lifecycle};

#[test]
fn corpus_keeps_the_contract() {
    replay("lifecycle", lifecycle);
}

/// Both corpora, since every script can run either way.
#[test]
fn corpora_keep_the_contract_through_the_c_functions() {
    replay("lifecycle", capi);
    replay("capi", capi);
}

fn replay(corpus: &str, run: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(corpus);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&corpus).unwrap().map(|file| file.unwrap().path()).collect();
    // Otherwise the first failure would depend on the order of the folder.
    files.sort();
    assert!(!files.is_empty(), "no files in {}", corpus.display());
    for file in files {
        // Only a failing test shows this. The last file is the one that fails.
        println!("{}", file.display());
        run(&fs::read(&file).unwrap());
    }
}

/// Reaches much less than a fuzzer, but enough to notice that the assertions assert nothing.
#[test]
fn random_bytes_keep_the_contract() {
    run_random_bytes(lifecycle);
}

#[test]
fn random_bytes_keep_the_contract_through_the_c_functions() {
    run_random_bytes(capi);
}

fn run_random_bytes(run: fn(&[u8])) {
    let mut bytes = SplitMix(0);
    for case in 0..4000_u64 {
        let length = (bytes.next() % 800) as usize;
        let data: Vec<u8> = std::iter::repeat_with(|| bytes.next() as u8).take(length).collect();
        println!("case {case}");
        run(&data);
    }
}

/// A generator that makes the same numbers in all versions, which no dependency promises.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
