//! A scenario in a process of its own, with a time limit.

use std::ffi::OsString;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt;

use crate::dism::DismApi;
use crate::images::{Image, Images};
use crate::player::Player;
use crate::recording::{Recording, read_all};
use crate::scenarios;

/// The argument that makes a process play one scenario.
pub const PLAY: &str = "--play";

/// The argument for the junction that the first process of a run has created.
pub const JUNCTION: &str = "--junction";

/// The exit code if it cannot be played, whatever the library does.
pub const NOT_PLAYED: i32 = 4;

/// The recording that is played when another process has to open an image.
const ELSEWHERE: &str = "an-image-alone";

/// What every process of a run needs to know.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The library.
    pub dll: PathBuf,
    /// The folders of the user's images.
    pub images: Vec<PathBuf>,
    /// A junction to the first of them.
    pub junction: PathBuf,
    /// How long a scenario may take.
    pub limit: Duration,
}

impl Setup {
    fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["--dll".into(), self.dll.clone().into()];
        for image in &self.images {
            arguments.extend(["--image".into(), image.clone().into()]);
        }
        arguments.extend([JUNCTION.into(), self.junction.clone().into()]);
        arguments.extend(["--limit".into(), self.limit.as_secs().to_string().into()]);
        arguments
    }
}

/// Runs a scenario in a process of its own. `probe` is this program.
///
/// # Errors
///
/// If no process can be started, or it writes something else than a recording.
pub fn run(probe: &Path, setup: &Setup, scenario: &str) -> io::Result<Recording> {
    // A file, since a process that DISM has started may keep a pipe open.
    let mut written = tempfile::tempfile()?;
    let mut child = Command::new(probe)
        .args([PLAY, scenario])
        .args(setup.arguments())
        .stdin(Stdio::null())
        .stdout(written.try_clone()?)
        .spawn()?;
    let end = match child.wait_timeout(setup.limit)? {
        Some(status) if status.code() == Some(NOT_PLAYED) => {
            return Err(io::Error::other(format!("{scenario} cannot be played")));
        }
        Some(status) => how(status),
        None => {
            child.kill()?;
            child.wait()?;
            "hang".to_owned()
        }
    };
    written.rewind()?;
    let mut text = format!("recording {scenario} end={end}\n");
    written.read_to_string(&mut text)?;
    let recording = read_all(&text).map_err(io::Error::other)?.pop();
    recording.ok_or_else(|| io::Error::other("nothing is recorded"))
}

fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(0) => "return".to_owned(),
        Some(code) => format!("crash:{code:#x}"),
        None => "crash:signal".to_owned(),
    }
}

/// Plays a scenario in this process, which is there for nothing else.
///
/// # Errors
///
/// If there is no such scenario, library or image.
pub fn play(
    probe: PathBuf,
    setup: Setup,
    scenario: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    crate::machine::crash_silently();
    let scenarios = scenarios();
    let scenario = scenarios.iter().find(|it| it.name == scenario).ok_or("no such scenario")?;
    let images = Images::of_user(setup.images.clone(), setup.junction.clone())?;
    // SAFETY: the user says that it is DismApi.dll.
    let dism = unsafe { DismApi::load(&setup.dll)? };
    // It has to end before this process is ended.
    let setup = Setup { limit: setup.limit / 2, ..setup };
    let elsewhere = move |image: Image| match run(&probe, &setup, ELSEWHERE) {
        Ok(recording) => {
            let open = recording.steps.iter().find(|step| step.call.image() == Some(image));
            let code = open.and_then(|step| step.code());
            code.map_or("nothing".to_owned(), |code| format!("{code:#010x}"))
        }
        Err(error) => error.to_string(),
    };
    let mut player = Player::new(dism, images, elsewhere, show);
    for step in &scenario.steps {
        player.take(step);
    }
    Ok(())
}

/// Writes at once: the next call may never return.
fn show(text: &str) {
    let mut stdout = io::stdout().lock();
    let shown = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    shown.expect("standard output can be written");
}
