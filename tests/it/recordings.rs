//! Recordings of the genuine DLL, if there are any.
//!
//! `GENUINE_RECORDINGS` is the path of a folder. The tests read the `.rec` files in it and in the
//! folders below it. Without the variable they print that they were skipped. The distinct sequences
//! of two such files, [`MACHINES`] and [`WINDOWS_SETUP`], are in `sequences.rs`, and those always
//! run.
//!
//! A recording is a heading, and a line for each call that the DLL logged:
//!
//! ```text
//! recording a-002 build=10.0.18362.1 threads=2 end=shutdown
//!   t1 initialize
//!   t1 open online -> 2 new
//!   t2 operation GetDriverInfo 2 x17
//!   t1 close 2 -> refs 0
//!   t1 shutdown -> done
//! ```
//!
//! It is one initialized period. Recordings that follow one another with the same `process=l` in
//! their headings are periods of one process. `happening` has every form that a line may have.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

use dism_emu::{Contract, Function};

use crate::sequences::{
    Happening, Happening::*, Image, Line, SEQUENCES, SETUP, ends_as_recorded, play,
};

/// The files whose distinct sequences are in `sequences.rs`.
const MACHINES: &str = "machines-a-b.rec";
const WINDOWS_SETUP: &str = "setup.rec";

/// Returns the recorded files by their names. Prints that the test is skipped if there is no
/// folder.
fn files() -> Option<BTreeMap<String, String>> {
    let Some(folder) = env::var_os("GENUINE_RECORDINGS").map(PathBuf::from) else {
        skipped("GENUINE_RECORDINGS is not set to the folder of the recordings");
        return None;
    };
    let mut files = BTreeMap::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let there = fs::read_dir(&folder);
        let there = there.unwrap_or_else(|it| panic!("GENUINE_RECORDINGS: {folder:?}: {it}"));
        for file in there {
            let file = file.expect("a readable folder").path();
            if file.is_dir() {
                folders.push(file);
            } else if file.extension().is_some_and(|extension| extension == "rec") {
                let name = file.file_name().expect("a file has a name").to_string_lossy();
                let text = fs::read_to_string(&file).unwrap_or_else(|it| panic!("{name}: {it}"));
                let same = files.insert(name.to_string(), text);
                assert!(same.is_none(), "two files have the name {name}");
            }
        }
    }
    Some(files)
}

/// Writes to stderr directly: the test harness captures the output of macros if a test passes.
fn skipped(why: &str) {
    io::stderr().write_all(format!("skipped: {why}\n").as_bytes()).expect("stderr can be written");
}

#[test]
fn every_recording_replays_under_recorded() {
    let Some(files) = files() else { return };
    assert!(!files.is_empty(), "no .rec file in the folder GENUINE_RECORDINGS");
    let mut differing = Vec::new();
    for (file, text) in &files {
        for recording in read(file, text).unwrap_or_else(|unreadable| panic!("{unreadable}")) {
            differing.extend(replay(file, &recording));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn the_sequences_are_those_of_the_recorded_machines() {
    let Some(files) = files() else { return };
    for (file, sequences, processes) in [(MACHINES, SEQUENCES, 226), (WINDOWS_SETUP, SETUP, 2)] {
        let Some(text) = files.get(file) else {
            skipped(&format!("{file} is not in the folder of the recordings"));
            continue;
        };
        let mut there = BTreeMap::new();
        for recording in read(file, text).unwrap_or_else(|unreadable| panic!("{unreadable}")) {
            *there.entry((recording.complete, recording.happenings())).or_default() += 1;
        }
        assert_eq!(there.values().sum::<u32>(), processes, "processes in {file}");
        let here = sequences.iter().map(|it| ((it.complete, it.lines.to_vec()), it.seen));
        assert!(here.collect::<BTreeMap<_, _>>() == there, "sequences.rs differs from {file}");
    }
}

/// A client that was recorded up to the end of its last shutdown left nothing open and used nothing
/// too late. A counted initialize is no mistake (rule I3 Recorded).
#[test]
fn a_correct_client_of_the_recordings_has_no_mistakes() {
    let mut complete = 0;
    for sequence in SEQUENCES.iter().chain(SETUP).filter(|it| it.complete) {
        let (_, journal) = play(Contract::Recorded, sequence.lines);
        assert_eq!(journal.mistakes(), [], "{journal}");
        complete += 1;
    }
    assert!(complete > 0);
}

/// One process, from its first period to its last.
struct Recording<'a> {
    /// The name of its first period.
    name: &'a str,
    /// What says that the next period belongs to it, too, such as `process=l`.
    process: Option<&'a str>,
    /// Whether its last period goes on to the end of the last shutdown.
    complete: bool,
    lines: Vec<Recorded<'a>>,
}

/// A line of a file.
struct Recorded<'a> {
    number: usize,
    text: &'a str,
    line: Line,
}

impl Recording<'_> {
    fn happenings(&self) -> Vec<Line> {
        self.lines.iter().map(|it| it.line).collect()
    }
}

/// Reads the recordings of a file. Fails with the first line that cannot be read.
fn read<'a>(file: &str, text: &'a str) -> Result<Vec<Recording<'a>>, String> {
    let mut recordings: Vec<Recording<'a>> = Vec::new();
    for (number, text) in (1..).zip(text.lines().map(str::trim)) {
        let unreadable = || format!("{file}:{number}: unreadable: {text}");
        let words: Vec<_> = text.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["recording", name, .., end] => {
                let complete = match end {
                    "end=shutdown" => true,
                    "end=cut" => false,
                    _ => return Err(unreadable()),
                };
                let process = words.iter().copied().find(|it| it.starts_with("process="));
                match recordings.last_mut() {
                    // The first line of the period, an initialize that is the first, replays only
                    // if the period before it has ended.
                    Some(last) if process.is_some() && last.process == process => {
                        last.complete = complete;
                    }
                    _ => recordings.push(Recording { name, process, complete, lines: Vec::new() }),
                }
            }
            [..] => {
                let recording = recordings.last_mut().ok_or_else(unreadable)?;
                let line = line(&words).ok_or_else(unreadable)?;
                recording.lines.push(Recorded { number, text, line });
            }
        }
    }
    Ok(recordings)
}

/// Replays a recording. Returns a line of text for each outcome that differs from it.
fn replay(file: &str, recording: &Recording<'_>) -> Vec<String> {
    let (name, happenings) = (recording.name, recording.happenings());
    let (differences, journal) = play(Contract::Recorded, &happenings);
    let mut differing: Vec<_> = differences
        .into_iter()
        .map(|difference| {
            let Recorded { number, text, .. } = recording.lines[difference.at];
            let (expected, answer) = (difference.expected, difference.answer);
            format!("{file}:{number}: {name}: {text}: expected {expected:?}, got {answer:?}")
        })
        .collect();
    if !ends_as_recorded(&journal, recording.complete) {
        let shut_down = if recording.complete { "not shut down" } else { "shut down" };
        differing.push(format!("{file}: {name}: {shut_down} at its end"));
    }
    differing
}

fn line(words: &[&str]) -> Option<Line> {
    let (thread, words) = words.split_first()?;
    let thread = thread.strip_prefix('t')?.parse().ok()?;
    Some((thread, happening(words)?))
}

fn happening(words: &[&str]) -> Option<Happening> {
    let number = |word: &str| word.parse::<u32>().ok();
    let hex = |word: &str| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    Some(match words {
        ["initialize"] => Initialize { count: 1 },
        ["initialize", "->", "count", count] => Initialize { count: number(count)? },
        ["open", path, "->", "failed", code, "number", used] => {
            OpenFailed { image: image(path)?, code: hex(code)?, number: number(used)? }
        }
        ["open", path, "->", session, "new"] => {
            Open { image: image(path)?, session: number(session)?, references: 1 }
        }
        ["open", path, "->", session, "refs", references] => {
            Open { image: image(path)?, session: number(session)?, references: number(references)? }
        }
        ["operation", name, session] => {
            Operation { function: function(name)?, session: number(session)?, times: 1 }
        }
        ["operation", name, session, times] => Operation {
            function: function(name)?,
            session: number(session)?,
            times: number(times.strip_prefix('x')?)?,
        },
        ["failed", name, code] => Failed { function: function(name)?, code: hex(code)? },
        ["close", session, "->", "refs", references] => {
            Close { session: number(session)?, references: number(references)? }
        }
        ["shutdown", "->", "count", count] => Shutdown { count: number(count)? },
        ["shutdown", "->", "done"] => Shutdown { count: 0 },
        _ => return None,
    })
}

fn image(path: &str) -> Option<Image> {
    match path.strip_prefix("offline-") {
        Some(number) => Some(Image::Offline(number.parse().ok()?)),
        None => (path == "online").then_some(Image::Online),
    }
}

fn function(name: &str) -> Option<Function> {
    let has_name = |it: &&Function| {
        it.name() == name || it.name().trim_start_matches('_').strip_prefix("Dism") == Some(name)
    };
    Function::ALL.iter().find(has_name).copied()
}

/// Returns all differences of a file. Fails with the first line that cannot be read.
fn read_and_replay(text: &str) -> Result<Vec<String>, String> {
    Ok(read("file.rec", text)?.iter().flat_map(|it| replay("file.rec", it)).collect())
}

const GOOD: &str = "\
recording one build=1 threads=1 end=shutdown
  t1 initialize
  t1 open online -> 2 new
  t2 operation GetFeatureInfo 2 x3
  t2 failed GetFeatureInfo 0x800f080c
  t1 close 2 -> refs 0
  t1 shutdown -> done

recording two build=1 threads=1 end=cut
  t1 initialize
";

#[test]
fn a_recording_that_replays_has_no_difference() {
    assert_eq!(read_and_replay(GOOD), Ok(vec![]));
    assert_eq!(read("file.rec", GOOD).unwrap().len(), 2);
}

#[test]
fn a_difference_is_reported_with_its_recording_and_line() {
    let differing = read_and_replay(&GOOD.replace("-> 2 new", "-> 3 new")).unwrap();
    assert_eq!(differing.len(), 1, "{differing:#?}");
    let line = "file.rec:3: one: t1 open online -> 3 new: expected Ok(Opened";
    assert!(differing[0].starts_with(line), "{differing:#?}");
}

#[test]
fn a_recording_with_a_different_end_is_reported() {
    let swapped = GOOD.replace("end=shutdown", "end=?").replace("end=cut", "end=shutdown");
    let differing = read_and_replay(&swapped.replace("end=?", "end=cut"));
    let ends = ["file.rec: one: shut down at its end", "file.rec: two: not shut down at its end"];
    assert_eq!(differing, Ok(ends.map(str::to_owned).to_vec()));
}

#[test]
fn an_unreadable_line_is_reported() {
    let lines = [
        ("t1 initialize\n  t1 open", "t1 initialise\n  t1 open", 2, "t1 initialise"),
        ("open online -> 2 new", "open offline-x -> 2 new", 3, "t1 open offline-x -> 2 new"),
        ("open online -> 2 new", "open onlin -> 2 new", 3, "t1 open onlin -> 2 new"),
        ("GetFeatureInfo 2 x3", "GetFeatureInfo 2 x", 4, "t2 operation GetFeatureInfo 2 x"),
        ("0x800f080c", "800f080c", 5, "t2 failed GetFeatureInfo 800f080c"),
        ("end=cut", "end=", 9, "recording two build=1 threads=1 end="),
        ("recording one", "recorded one", 1, "recorded one build=1 threads=1 end=shutdown"),
    ];
    for (good, bad, number, text) in lines {
        assert!(GOOD.contains(good), "{good}");
        let unreadable = format!("file.rec:{number}: unreadable: {text}");
        assert_eq!(read_and_replay(&GOOD.replace(good, bad)), Err(unreadable));
    }
}

/// Two periods of one process. An open fails in the first one, and again for the lock that it left.
const LOCKED: &str = "\
recording one build=1 process=p threads=1 end=shutdown
  t1 initialize
  t1 open offline-1 -> failed 0x80040154 number 2
  t1 open offline-2 -> 3 new
  t1 close 3 -> refs 0
  t1 shutdown -> done

recording two build=1 process=p threads=1 end=cut
  t1 initialize
  t1 open offline-1 -> failed 0x800700b7 number 2
";

#[test]
fn o11_a_lock_is_there_in_the_next_period_of_its_process() {
    assert_eq!(read_and_replay(LOCKED), Ok(vec![]));
    assert_eq!(read("file.rec", LOCKED).unwrap().len(), 1);
    for apart in [
        LOCKED.replacen("process=p", "process=q", 1),
        LOCKED.replace("process=p ", ""),
        LOCKED.replace("number 2\n  t1 open offline-2 -> 3", "number 2\n  t1 open offline-2 -> 2"),
        LOCKED.replace("0x80040154 number 2", "0x80040154 number 3"),
        LOCKED.replace("0x800700b7 number 2", "0x800700b7 number 1"),
        LOCKED.replace("0x80040154", "0x80040155"),
        LOCKED.replace("  t1 shutdown -> done\n", ""),
    ] {
        assert_ne!(read_and_replay(&apart), Ok(vec![]), "{apart}");
    }
}
