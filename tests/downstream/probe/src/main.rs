//! Runs all scenarios on a `DismApi.dll`.
//!
//! ```text
//! probe [--dll FILE] [--image FOLDER]... [--limit SECONDS]
//! ```
//!
//! The results are on standard output, and the comparison with the emulator is on standard error.
//! The exit code is 0 if all is as under one of the contracts, or differs only from what the emulator
//! decides without a source; 1 if an answer differs from both contracts, and there is a source for
//! the expected one; 2 if the process is not elevated; 3 if there is no such library; 4 if something
//! else is in the way.

use std::env;
use std::error::Error;
use std::path::{self, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use probe::child::{self, JUNCTION, NOT_PLAYED, PLAY, Setup};
use probe::compare::Comparison;
use probe::dism::DismApi;
use probe::recording::Results;
use probe::{images, machine, scenarios};

/// The answer of an initialize without elevation (rule I2).
const ELEVATION_REQUIRED: u32 = 0x8007_02E4;

fn main() -> ExitCode {
    match probe() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("probe: {error}");
            ExitCode::from(NOT_PLAYED as u8)
        }
    }
}

fn probe() -> Result<u8, Box<dyn Error>> {
    let (mut dll, mut images, mut junction) = (machine::dll(), Vec::new(), PathBuf::new());
    // The first session of a process may take two minutes, if it comes to nothing.
    let mut limit = Duration::from_secs(180);
    let mut scenario = None;
    let mut arguments = env::args_os().skip(1);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or("an option has no value")?;
        let text = || value.to_str().ok_or("an option's value is not a text");
        match option.to_str() {
            Some("--dll") => {
                // The loader looks for a name that is no path.
                let file = path::absolute(&value)?;
                dll = Some(if file.exists() { file } else { value.into() });
            }
            Some("--image") => images.push(path::absolute(value)?),
            Some("--limit") => limit = Duration::from_secs(text()?.parse()?),
            Some(JUNCTION) => junction = value.into(),
            Some(PLAY) => scenario = Some(text()?.to_owned()),
            _ => return Err(format!("no such option: {option:?}").into()),
        }
    }
    let probe = env::current_exe()?;
    let Some(dll) = dll else {
        eprintln!("probe: this machine has no DismApi.dll; --dll names another library");
        return Ok(3);
    };
    let setup = Setup { dll, images, junction, limit };
    match scenario {
        Some(scenario) => child::play(probe, setup, &scenario).map(|()| 0),
        None => run(probe, setup),
    }
}

/// Runs all scenarios for which there are images.
fn run(probe: PathBuf, mut setup: Setup) -> Result<u8, Box<dyn Error>> {
    // SAFETY: the user says that it is DismApi.dll. Nothing is called here.
    if let Err(error) = unsafe { DismApi::load(&setup.dll) } {
        eprintln!("probe: {error}");
        return Ok(3);
    }
    if let Some(image) = setup.images.iter().find(|image| !image.is_dir()) {
        return Err(format!("not a folder: {}", image.display()).into());
    }
    let links = tempfile::tempdir()?;
    setup.junction = links.path().join("junction");
    if let Some(image) = setup.images.first() {
        images::link(image, &setup.junction)?;
    }
    let mut results = Results { head: machine::head(&setup.dll), recordings: Vec::new() };
    println!("probe {}", results.head);
    let mut is_elevated = true;
    let mut scenarios = scenarios();
    scenarios.retain(|scenario| scenario.needed_images() <= setup.images.len());
    for scenario in scenarios {
        let recording = child::run(&probe, &setup, &scenario.name)?;
        print!("{recording}");
        // The first call of all is an initialize.
        is_elevated &= recording.steps.first().and_then(|it| it.code()) != Some(ELEVATION_REQUIRED);
        results.recordings.push(recording);
        if !is_elevated {
            break;
        }
    }
    let comparison = Comparison::of(&results);
    eprint!("{comparison}");
    let is_wrong = comparison.differing_from_both().iter().any(|line| line.step.has_source());
    Ok(match (is_elevated, is_wrong) {
        (false, _) => 2,
        (true, true) => 1,
        (true, false) => 0,
    })
}
