//! The probe on libraries of the emulator, which the loader has to find: `DismApi`, and `twins`,
//! which has one fault at a time.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use dism_emu::Contract;
use libloading::library_filename;
use probe::compare::{Comparison, rules};
use probe::dism::FUNCTIONS;
use probe::player::set;
use probe::recording::{Recording, Results};
use probe::scenarios;

/// How long a scenario may take here. It takes a few milliseconds, unless it hangs.
const LIMIT: Duration = Duration::from_secs(5);

/// Returns the command that runs the probe on a library.
fn probe(library: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_probe"));
    command.arg("--dll").arg(library_filename(library));
    command.args(["--limit", &LIMIT.as_secs().to_string()]);
    command
}

/// Runs the probe. Returns its exit code, and what it has written.
fn run(command: &mut Command) -> (Option<i32>, Results) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let results = Results::read(&String::from_utf8(stdout).unwrap());
    (
        status.code(),
        results.unwrap_or_else(|error| panic!("{error}\n{}", String::from_utf8_lossy(&stderr))),
    )
}

/// The name of a contract in `DISM_EMU_CONTRACT`.
fn name(contract: Contract) -> String {
    format!("{contract:?}").to_lowercase()
}

#[test]
fn no_function_that_changes_an_image_is_looked_up() {
    let safe = [
        "DismInitialize",
        "DismShutdown",
        "DismOpenSession",
        "DismCloseSession",
        "DismGetPackages",
        "DismCheckImageHealth",
        "DismGetLastErrorMessage",
        "DismDelete",
    ];
    assert_eq!(FUNCTIONS, safe);
}

#[test]
fn the_emulators_library_does_not_differ_from_its_contract() {
    for contract in Contract::ALL {
        let (code, results) = run(probe("DismApi").env("DISM_EMU_CONTRACT", name(contract)));
        let without_images = scenarios().into_iter().filter(|it| it.needed_images() == 0).count();
        assert_eq!(results.recordings.len(), without_images);
        assert!(results.recordings.iter().all(|it| it.end.as_deref() == Some("return")));
        let comparison = Comparison::of(&results);
        assert!(comparison.differing_from(contract).is_empty(), "{comparison}");
        assert_eq!(code, Some(0));
    }
}

#[test]
fn the_contracts_differ_in_what_the_page_says() {
    for contract in Contract::ALL {
        let (_, results) = run(probe("DismApi").env("DISM_EMU_CONTRACT", name(contract)));
        let comparison = Comparison::of(&results);
        let other = Contract::ALL.into_iter().find(|it| *it != contract).unwrap();
        let differing = rules(&comparison.differing_from(other));
        assert_eq!(differing, "I3 (DOC REC), I5 (DOC REC), S3 (DOC REC)", "{comparison}");
    }
}

#[test]
fn two_images_of_the_user_add_scenarios() {
    let folder = tempfile::tempdir().unwrap();
    let images = ["one", "two"].map(|name| folder.path().join(name));
    images.iter().for_each(|image| fs::create_dir(image).unwrap());
    for contract in Contract::ALL {
        let mut probe = probe("DismApi");
        let images =
            ["--image".as_ref(), images[0].as_os_str(), "--image".as_ref(), images[1].as_os_str()];
        let (code, results) = run(probe.args(images).env("DISM_EMU_CONTRACT", name(contract)));
        let names = |it: &Recording| it.name.clone();
        let seen: Vec<_> = results.recordings.iter().map(names).collect();
        assert_eq!(seen, scenarios().iter().map(names).collect::<Vec<_>>());
        let comparison = Comparison::of(&results);
        assert!(comparison.differing_from(contract).is_empty(), "{comparison}");
        assert_eq!(code, Some(0));
    }
}

/// Runs the probe on a twin with a fault. Checks that the probe names exactly this rule, and that
/// only these scenarios end as they should not.
fn is_named(fault: &str, rule: &str, code: i32, ends: &[(&str, &str)]) {
    for contract in Contract::ALL {
        let mut probe = probe("twins");
        probe.env("PROBE_TWIN", fault).env("DISM_EMU_CONTRACT", name(contract));
        let start = Instant::now();
        let (exit, results) = run(&mut probe);
        assert!(start.elapsed() < 6 * LIMIT, "{:?}", start.elapsed());

        let names = scenarios().into_iter().filter(|it| it.needed_images() == 0).map(|it| it.name);
        assert!(results.recordings.iter().map(|it| it.name.clone()).eq(names));
        let ended = |it: &&Recording| it.end.as_deref() != Some("return");
        let wrong: Vec<_> = results.recordings.iter().filter(ended).collect();
        let wrong: Vec<_> =
            wrong.iter().map(|it| (it.name.as_str(), it.end.as_deref().unwrap())).collect();
        assert_eq!(wrong, ends);

        let comparison = Comparison::of(&results);
        assert_eq!(rules(&comparison.differing_from(contract)), rule, "{comparison}");
        assert_eq!(rules(&comparison.differing_from_both()), rule, "{comparison}");
        assert_eq!(exit, Some(code));
    }
}

#[test]
fn a_wrong_code_of_a_second_initialize_is_named() {
    is_named("wrong-code", "I3 (DOC REC)", 1, &[]);
}

#[test]
fn a_close_of_0_that_hangs_is_named() {
    is_named("hangs", "C2 (HDR)", 1, &[("close-of-0", "hang")]);
}

/// Nothing but a decision says what a second delete does, so it is no failure of the probe.
#[test]
fn a_second_delete_that_aborts_is_named() {
    let end = if cfg!(windows) { "crash:0xc0000409" } else { "crash:signal" };
    is_named("aborts", "D3 (DEC)", 0, &[("a-second-delete", end)]);
}

#[test]
fn without_elevation_there_is_one_recording() {
    let (code, results) = run(probe("twins").env("PROBE_TWIN", "not-elevated"));
    assert_eq!(code, Some(2));
    assert_eq!(results.recordings.len(), 1);
    assert_eq!(results.recordings[0].steps[0].code(), Some(0x8007_02E4));
}

#[test]
fn without_a_library_there_is_no_recording() {
    let output = probe("no-such-library").output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(output.stdout.is_empty());
}

/// Compares result files, if there are any. Each answer has to be one of the emulator's two.
#[test]
fn the_emulator_answers_as_the_machines_in_the_folder() {
    let Some(folder) = std::env::var_os("GENUINE_PROBES").map(PathBuf::from) else {
        eprintln!("skipped: GENUINE_PROBES is not set to the folder of the results");
        return;
    };
    let mut differing = Vec::new();
    let mut count = 0;
    for file in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}")) {
        let path = file.expect("a readable folder").path();
        if path.extension().is_none_or(|extension| extension != "rec") {
            continue;
        }
        count += 1;
        let file = path.display();
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let results = Results::read(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let comparison = Comparison::of(&results);
        let lines = comparison.differing_from_both();
        if !lines.is_empty() {
            differing.push(format!("{file} differs in {}\n{comparison}", rules(&lines)));
        }
    }
    assert!(count > 0, "no .rec file in {folder:?}");
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

/// Returns the rules in which results differ from both contracts.
fn differing(recordings: &str) -> String {
    let results = Results::read(&format!("probe build=1 elevated=yes\n{recordings}")).unwrap();
    rules(&Comparison::of(&results).differing_from_both())
}

#[test]
fn a_call_that_waits_for_itself_is_as_expected() {
    let hung = "\
recording a-close-in-a-callback end=hang
  t1 initialize [I1 DOC] = 0x00000000
  t1 open online a [O2 REC] = 0x00000000 -> 2
  t1 operation CheckImageHealth a callback close a [C7 DEC] callback
";
    assert_eq!(differing(hung), "nothing");
    assert_eq!(differing(&hung.replace("hang", "crash:0xc0000005")), "C7 (DEC)");
    assert_eq!(differing(&hung.replace("] callback", "]")), "C7 (DEC)");
}

const BUSY: &str = "\
recording an-image end=return
  t1 initialize [I1 DOC] = 0x00000000
  t1 open online a [O2 REC] = 0x00000000 -> 2
  t1 operation GetPackages a p [P4 REC] = 0x800f0902
  t1 operation CheckImageHealth a callback close a [C7 DEC] callback never = 0x00000001
";

#[test]
fn what_an_image_answers_is_not_compared() {
    assert_eq!(differing(BUSY), "nothing");
}

#[test]
fn what_the_api_answers_in_place_of_an_image_is_compared() {
    assert_eq!(differing(&BUSY.replace("0x800f0902", "0xc0040004")), "P4 (REC)");
}

#[test]
fn messages_differ_by_language() {
    let message = BUSY.to_owned() + "  t1 message m [E2 DOC] = 0x00000000 -> \"Auf Deutsch.\"\n";
    assert_eq!(differing(&message), "nothing");
    assert_eq!(differing(&message.replace("\"Auf Deutsch.\"", "null")), "E2 (DOC)");
}

#[test]
fn what_follows_an_open_that_fails_is_compared() {
    let missing = "\
recording an-open-that-fails end=return
  t1 initialize [I1 DOC] = 0x00000000
  t1 open missing-1 a [O10 DEC] = 0x80070003 -> untouched
  t1 message m [E2 DOC] = 0x00000000 -> \"The path is missing.\"
";
    assert_eq!(differing(missing), "nothing");
    assert_eq!(differing(&missing.replace("untouched", "0")), "O10 (DEC)");
}

#[test]
fn races_are_sets() {
    let race = "\
recording initializes-race end=return
  t1..t8 initialize [I5 DOC REC] = 0x00000000, 0x00000001 x7
";
    assert_eq!(differing(race), "nothing");
    assert_eq!(
        differing(&race.replace("0x00000000, 0x00000001 x7", "0x00000000 x8")),
        "I5 (DOC REC)"
    );
}

#[test]
fn the_order_of_the_threads_does_not_show() {
    let answers = ["0x00000001", "0x00000000", "0x00000001"].map(str::to_owned);
    assert_eq!(set(answers.to_vec()), "0x00000000, 0x00000001 x2");
}

#[test]
fn an_unreadable_line_is_reported() {
    let good = "\
probe build=1
recording one end=return
  t1 open online a [O2 REC] = 0x00000000 -> 2
";
    assert_eq!(Results::read(good).unwrap().to_string().replace("\n\n", "\n"), good);
    for (good_part, bad, line) in [
        ("probe ", "prob ", "line 1"),
        ("recording one", "recorded one", "line 2"),
        ("t1 open", "1 open", "line 3"),
        ("online", "offline", "line 3"),
        ("open", "mount", "line 3"),
        ("[O2 REC]", "[O2]", "line 3"),
    ] {
        let error = Results::read(&good.replace(good_part, bad)).unwrap_err();
        assert!(error.starts_with(line), "{error}");
    }
}

#[test]
fn each_scenario_has_a_name_of_its_own() {
    let scenarios = scenarios();
    let names: BTreeSet<_> = scenarios.iter().map(|it| &it.name).collect();
    assert_eq!(names.len(), scenarios.len());
    // Nothing in them says what is expected.
    assert!(scenarios.iter().flat_map(|it| &it.steps).all(|step| step.answer.is_empty()));
}
