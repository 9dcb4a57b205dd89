//! The genuine DLL's recordings, where they are at hand.
//!
//! `DISM_EMU_RECORDINGS` names the folder with the `.rec` files. Without it the test says that it
//! was skipped; the distinct sequences among them are in `sequences.rs` and always run.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

use dism_emu::{Contract, Function};

use crate::sequences::{Happening, Happening::*, Line, SEQUENCES, differences, play};

#[test]
fn every_recording_replays_under_recorded() {
    let Some(folder) = env::var_os("DISM_EMU_RECORDINGS").map(PathBuf::from) else {
        // Not by a macro, whose output the test harness keeps to itself where a test passes.
        let skipped = b"skipped: DISM_EMU_RECORDINGS does not name the folder of the recordings\n";
        return io::stderr().write_all(skipped).expect("a place for messages");
    };
    let mut recordings = Vec::new();
    for file in fs::read_dir(&folder).expect("DISM_EMU_RECORDINGS is a folder") {
        let file = file.expect("a readable folder").path();
        if file.extension().is_some_and(|extension| extension == "rec") {
            let text = fs::read_to_string(&file).expect("a readable recording");
            recordings.extend(text.split("\n\n").filter(|it| !it.trim().is_empty()).map(parse));
        }
    }
    assert_eq!(recordings.len(), 226, "the recordings are not those that the contract names");
    for recording in &recordings {
        let differences = differences(Contract::Recorded, &recording.lines, recording.complete);
        assert!(differences.is_empty(), "{}: {differences:#?}", recording.name);
    }

    let there: BTreeSet<_> = recordings.iter().map(|it| (it.complete, it.lines.clone())).collect();
    let here: BTreeSet<_> = SEQUENCES.iter().map(|it| (it.complete, it.lines.to_vec())).collect();
    assert!(here == there, "sequences.rs is not what the recordings hold");
    println!("{} recordings, {} distinct sequences", recordings.len(), there.len());
}

/// Whatever client was recorded, it went to the end of its last shutdown: it left nothing behind
/// and used nothing too late. A counted initialize is no mistake (rule I3 Recorded).
#[test]
fn a_correct_client_of_the_recordings_has_no_mistakes() {
    let mut complete = 0;
    for sequence in SEQUENCES.iter().filter(|it| it.complete) {
        let (_, journal) = play(Contract::Recorded, sequence.lines, true);
        assert_eq!(journal.mistakes(), [], "{journal}");
        complete += 1;
    }
    assert!(complete > 0);
}

struct Recording {
    name: String,
    complete: bool,
    lines: Vec<Line>,
}

fn parse(text: &str) -> Recording {
    let mut lines = text.lines();
    let head: Vec<_> = lines.next().expect("a head line").split_whitespace().collect();
    let ["recording", name, _build, _threads, end] = head[..] else { panic!("{head:?}") };
    Recording {
        name: name.to_owned(),
        complete: match end {
            "end=shutdown" => true,
            "end=cut" => false,
            _ => panic!("{name}: {end}"),
        },
        lines: lines.map(|line| parse_line(line).unwrap_or_else(|| panic!("{line}"))).collect(),
    }
}

fn parse_line(line: &str) -> Option<Line> {
    let words: Vec<_> = line.split_whitespace().collect();
    let (thread, words) = words.split_first()?;
    let thread = thread.strip_prefix('t')?.parse().ok()?;
    Some((thread, happening(words)?))
}

fn happening(words: &[&str]) -> Option<Happening> {
    let number = |word: &str| word.parse::<u32>().ok();
    Some(match words {
        ["initialize"] => Initialize { count: 1 },
        ["initialize", "->", "count", count] => Initialize { count: number(count)? },
        ["open", "online", "->", session, "new"] => {
            Open { session: number(session)?, references: 1 }
        }
        ["open", "online", "->", session, "refs", references] => {
            Open { session: number(session)?, references: number(references)? }
        }
        ["operation", name, session] => {
            Operation { function: function(name)?, session: number(session)?, times: 1 }
        }
        ["operation", name, session, times] => Operation {
            function: function(name)?,
            session: number(session)?,
            times: number(times.strip_prefix('x')?)?,
        },
        ["failed", name, code] => Failed {
            function: function(name)?,
            code: u32::from_str_radix(code.strip_prefix("0x")?, 16).ok()?,
        },
        ["close", session, "->", "refs", references] => {
            Close { session: number(session)?, references: number(references)? }
        }
        ["shutdown", "->", "count", count] => Shutdown { count: number(count)? },
        ["shutdown", "->", "done"] => Shutdown { count: 0 },
        _ => return None,
    })
}

fn function(name: &str) -> Option<Function> {
    let is_it = |it: &&Function| {
        it.name() == name || it.name().trim_start_matches('_').strip_prefix("Dism") == Some(name)
    };
    Function::ALL.iter().find(is_it).copied()
}
