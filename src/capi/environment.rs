//! The process of a program that is not a test: what the environment says of it.

use std::ffi::OsString;
use std::{fs, path, process};

use thiserror::Error;

use super::program::Destination;
use crate::call::Hresult;
use crate::emulator::{Builder, Emulator};
use crate::evidence::Mistake;
use crate::script::Rule;

/// Where the report of a program is written.
pub(super) const REPORT: &str = "DISM_EMU_REPORT";
/// The code with which a program ends that made a mistake.
pub(super) const EXIT_CODE: &str = "DISM_EMU_EXITCODE";

/// What the variables of the environment say. Without any, the program is not verified.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) builder: Builder,
    pub(super) rules: Vec<Rule>,
    pub(super) report: Option<Destination>,
    pub(super) exit_code: Option<i32>,
}

/// A variable that cannot be read.
#[derive(Debug, Error)]
#[error("{name} is {value:?}: {why}")]
pub(super) struct BadVariable {
    name: &'static str,
    value: OsString,
    why: String,
}

impl Environment {
    /// Reads the variables. `get` returns the value of one; an empty one counts as not set.
    pub(super) fn read(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, BadVariable> {
        let variables = Variables(get);
        let mut builder = Emulator::builder().verify_on_drop(false);
        let contract = |text: &str| text.parse().map_err(|it| format!("{it}"));
        if let Some(contract) = variables.read("DISM_EMU_CONTRACT", contract)? {
            builder = builder.contract(contract);
        }
        if let Some(elevated) = variables.read("DISM_EMU_ELEVATED", yes_or_no)? {
            builder = builder.elevated(elevated);
        }
        if let Some(code) = variables.read("DISM_EMU_ALREADY_INITIALIZED", code)? {
            builder = builder.already_initialized(code);
        }
        if let Some(code) = variables.read("DISM_EMU_CLOSED_SESSION", code)? {
            builder = builder.closed_session(code);
        }
        if let Some(code) = variables.read("DISM_EMU_CLOSING_SESSION", code)? {
            builder = builder.closing_session(code);
        }
        if let Some(code) = variables.read("DISM_EMU_NO_MESSAGE", code)? {
            builder = builder.no_message(code);
        }
        if let Some(last) = variables.read("DISM_EMU_LAST_SESSION", number)? {
            builder = builder.last_session(last);
        }
        if let Some(steps) = variables.read("DISM_EMU_JOURNAL_LIMIT", number)? {
            builder = builder.journal_limit(steps);
        }
        for mistake in variables.read("DISM_EMU_ALLOW", mistakes)?.unwrap_or_default() {
            builder = builder.allow(mistake);
        }
        for (one, other) in variables.read("DISM_EMU_SAME_IMAGE", pairs)?.unwrap_or_default() {
            builder = builder.same_image(one, other);
        }
        Ok(Self {
            builder,
            rules: variables.read("DISM_EMU_RULES", rules)?.unwrap_or_default(),
            report: variables.read(REPORT, destination)?,
            exit_code: variables.read(EXIT_CODE, exit_code)?,
        })
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<OsString>> Variables<F> {
    /// Returns what the variable says, if it is set.
    fn read<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadVariable> {
        let Some(value) = (self.0)(name).filter(|value| !value.is_empty()) else { return Ok(None) };
        let text = value.to_str().ok_or_else(|| "it is not Unicode".to_owned());
        match text.and_then(read) {
            Ok(read) => Ok(Some(read)),
            Err(why) => Err(BadVariable { name, value, why }),
        }
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("it is neither `yes` nor `no`".to_owned()),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "it is not a number that fits".to_owned())
}

fn code(text: &str) -> Result<Hresult, String> {
    text.parse().map_err(|error| format!("{error}"))
}

/// Reads the identifiers of mistakes, with commas between them.
fn mistakes(text: &str) -> Result<Vec<Mistake>, String> {
    let mistake = |name: &str| {
        let named = |mistake: &&Mistake| format!("{mistake:?}") == name;
        let found = Mistake::ALL.iter().find(named).copied();
        found.ok_or_else(|| format!("there is no mistake `{name}`"))
    };
    text.split(',').map(str::trim).map(mistake).collect()
}

/// Reads pairs of paths: `C:\mount=D:\junction;a.wim=b.wim`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |text: &str| match text.split_once('=') {
        Some((one, other)) => {
            check_image(one)?;
            check_image(other)?;
            Ok((one.to_owned(), other.to_owned()))
        }
        None => Err(format!("`{text}` is not a pair of paths, such as `C:\\mount=D:\\junction`")),
    };
    text.split(';').map(pair).collect()
}

/// Fails for a path of which [`Builder::same_image`] would panic.
fn check_image(path: &str) -> Result<(), String> {
    use crate::call::ImagePath;

    let path = ImagePath::new(path);
    if path.as_bytes().is_empty() || path.key().is_online() {
        return Err(format!("{path} cannot be the same image as another one"));
    }
    Ok(())
}

/// Reads the file with the rules: a rule a line. Empty lines, and those that begin with `#`, are
/// comments.
fn rules(file: &str) -> Result<Vec<Rule>, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    // Editors on Windows begin a file with this mark.
    let text = text.trim_start_matches('\u{feff}');
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| line.parse().map_err(|it| format!("line {number}: {it}"))).collect()
}

fn destination(text: &str) -> Result<Destination, String> {
    if text == "stderr" {
        return Ok(Destination::Stderr);
    }
    let file = text.replace("%p", &process::id().to_string());
    // The program may go to another folder before it ends.
    let file = path::absolute(file).map_err(|error| error.to_string())?;
    if file.extension().is_none_or(|extension| extension != "json") {
        return Ok(Destination::Text(file));
    }
    #[cfg(feature = "json")]
    return Ok(Destination::Json(file));
    #[cfg(not(feature = "json"))]
    Err("this library was built without the feature `json`".to_owned())
}

/// Reads the code with which a process can end on every platform, and which is not a success.
fn exit_code(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(code @ 1..=255) => Ok(code),
        _ => Err("it is not a number from 1 to 255".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::ffi::OsString;

    use super::{BadVariable, Destination, Environment};
    use crate::call::{DISM_ONLINE_IMAGE, Hresult};
    use crate::evidence::Mistake;
    use crate::machine::config::Contract;
    use crate::machine::{Config, State};

    fn read(variables: &[(&str, &str)]) -> Result<Environment, BadVariable> {
        let variables: HashMap<_, _> = variables.iter().copied().collect();
        Environment::read(|name| variables.get(name).map(OsString::from))
    }

    /// Returns the configuration of a process with these variables.
    fn config(variables: &[(&str, &str)]) -> Config {
        read(variables).unwrap().builder.build().journal().config().clone()
    }

    #[test]
    fn without_variables_nothing_is_set() {
        for variables in [&[][..], &[("DISM_EMU_CONTRACT", ""), ("DISM_EMU_RULES", "")]] {
            let environment = read(variables).unwrap();
            assert!(environment.report.is_none() && environment.exit_code.is_none());
            assert!(environment.rules.is_empty());
            assert_eq!(config(variables), Config::default());
        }
    }

    #[test]
    fn each_setting_of_the_builder_has_a_variable() {
        let read = config(&[
            ("DISM_EMU_CONTRACT", "Recorded"),
            ("DISM_EMU_ELEVATED", "no"),
            ("DISM_EMU_ALREADY_INITIALIZED", "0x80004005"),
            ("DISM_EMU_CLOSED_SESSION", "E_INVALIDARG"),
            ("DISM_EMU_CLOSING_SESSION", "DISMAPI_E_SHUTDOWN_IN_PROGRESS"),
            ("DISM_EMU_LAST_SESSION", "7"),
            ("DISM_EMU_NO_MESSAGE", "1"),
            ("DISM_EMU_SAME_IMAGE", r"C:\mount=D:\junction;a.wim=b.wim"),
        ]);
        let mut expected = Config {
            contract: Contract::Recorded,
            elevated: false,
            already_initialized: Hresult::new(0x8000_4005),
            closed_session: Hresult::E_INVALIDARG,
            closing_session: Hresult::DISMAPI_E_SHUTDOWN_IN_PROGRESS,
            last_session: 7,
            no_message: Hresult::S_FALSE,
            ..Config::default()
        };
        expected.same_image(r"C:\mount", r"D:\junction");
        expected.same_image("a.wim", "b.wim");
        assert_eq!(read, expected);
    }

    #[test]
    fn a_journal_has_the_limit_and_a_report_no_allowed_mistake() {
        let variables =
            [("DISM_EMU_JOURNAL_LIMIT", "1"), ("DISM_EMU_ALLOW", "NeverShutDown, CloseTwice")];
        let emulator = read(&variables).unwrap().builder.build();
        emulator.dism().initialize().unwrap();
        emulator.dism().close_session(crate::call::Session::from_raw(2)).unwrap_err();
        assert_eq!(emulator.journal().steps().len(), 1);
        assert!(matches!(emulator.state(), State::Up { .. }));
        let (Ok(report) | Err(report)) = emulator.verify();
        assert!(!report.has(Mistake::NeverShutDown), "{report}");
    }

    #[test]
    fn a_report_goes_to_standard_error_or_a_file() {
        let report = |value| read(&[("DISM_EMU_REPORT", value)]).unwrap().report.unwrap();
        assert!(matches!(report("stderr"), Destination::Stderr));
        let Destination::Text(file) = report("%p-%p.txt") else { panic!("not a text") };
        let pid = std::process::id();
        assert_eq!(file, std::env::current_dir().unwrap().join(format!("{pid}-{pid}.txt")));
        #[cfg(feature = "json")]
        assert!(matches!(report("a.json"), Destination::Json(_)));
    }

    #[test]
    fn a_bad_value_of_each_variable_is_refused_by_name() {
        let bad = [
            ("DISM_EMU_CONTRACT", "real"),
            ("DISM_EMU_ELEVATED", "maybe"),
            ("DISM_EMU_ALREADY_INITIALIZED", "0x"),
            ("DISM_EMU_CLOSED_SESSION", "-1"),
            ("DISM_EMU_CLOSING_SESSION", "E_NOTHING"),
            ("DISM_EMU_NO_MESSAGE", "none"),
            ("DISM_EMU_LAST_SESSION", "4294967296"),
            ("DISM_EMU_JOURNAL_LIMIT", "-1"),
            ("DISM_EMU_ALLOW", "CloseTwice, Nothing"),
            ("DISM_EMU_SAME_IMAGE", r"C:\mount"),
            ("DISM_EMU_SAME_IMAGE", r"C:\mount="),
            ("DISM_EMU_SAME_IMAGE", &format!("{DISM_ONLINE_IMAGE}=C:\\")),
            ("DISM_EMU_RULES", "no such file"),
            ("DISM_EMU_RULES", "src"),
            ("DISM_EMU_EXITCODE", "0"),
            ("DISM_EMU_EXITCODE", "256"),
            ("DISM_EMU_EXITCODE", "forty-two"),
        ];
        let page = include_str!("../docs/capi.md");
        for (name, value) in bad {
            assert!(page.contains(&format!("| `{name}` | ")), "{name} is not on the page");
            let error = read(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name} is {value:?}: ")), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_refused() {
        use std::os::unix::ffi::OsStringExt;

        let report =
            |name: &str| (name == "DISM_EMU_REPORT").then(|| OsString::from_vec(vec![255]));
        let error = Environment::read(report).unwrap_err().to_string();
        assert_eq!(error, r#"DISM_EMU_REPORT is "\xFF": it is not Unicode"#);
    }
}
