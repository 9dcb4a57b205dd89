//! The process of a program that is not a test: what the environment says of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;
use std::{fs, path, process};

use thiserror::Error;

use super::program::Destination;
use crate::call::{Hresult, ImagePath};
use crate::emulator::{Builder, Emulator};
use crate::evidence::Mistake;
use crate::machine::config::Aliases;
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
    name: String,
    value: OsString,
    why: String,
}

impl Environment {
    /// Reads this library's variables among those of the process. An empty one counts as not set.
    pub(super) fn read(
        all: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, BadVariable> {
        let mut variables = Variables::among(all);
        let mut builder = Emulator::builder().verify_on_drop(false);
        if let Some(contract) = variables.read("DISM_EMU_CONTRACT", parsed)? {
            builder = builder.contract(contract);
        }
        if let Some(elevated) = variables.read("DISM_EMU_ELEVATED", yes_or_no)? {
            builder = builder.elevated(elevated);
        }
        if let Some(code) = variables.read("DISM_EMU_ALREADY_INITIALIZED", parsed::<Hresult>)? {
            builder = builder.already_initialized(code);
        }
        if let Some(code) = variables.read("DISM_EMU_CLOSED_SESSION", parsed::<Hresult>)? {
            builder = builder.closed_session(code);
        }
        if let Some(code) = variables.read("DISM_EMU_CLOSING_SESSION", parsed::<Hresult>)? {
            builder = builder.closing_session(code);
        }
        if let Some(code) = variables.read("DISM_EMU_NO_MESSAGE", parsed::<Hresult>)? {
            builder = builder.no_message(code);
        }
        if let Some(last) = variables.read("DISM_EMU_LAST_SESSION", parsed)? {
            builder = builder.last_session(last);
        }
        if let Some(steps) = variables.read("DISM_EMU_JOURNAL_LIMIT", parsed)? {
            builder = builder.journal_limit(steps);
        }
        for mistake in variables.read("DISM_EMU_ALLOW", mistakes)?.unwrap_or_default() {
            builder = builder.allow(mistake);
        }
        for (one, other) in variables.read("DISM_EMU_SAME_IMAGE", pairs)?.unwrap_or_default() {
            builder = builder.same_image(one, other);
        }
        let rules = variables.read("DISM_EMU_RULES", rules)?.unwrap_or_default();
        let report = variables.read(REPORT, destination)?;
        let exit_code = variables.read(EXIT_CODE, exit_code)?;
        variables.check_all_known()?;
        Ok(Self { builder, rules, report, exit_code })
    }
}

/// The variables whose name says that they are for this library.
struct Variables {
    unread: BTreeMap<String, OsString>,
    known: Vec<&'static str>,
}

impl Variables {
    fn among(all: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let unread = all.into_iter().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            // On Windows the name of a variable has no letter case.
            let name = if cfg!(windows) { name.to_ascii_uppercase() } else { name };
            (name.starts_with("DISM_EMU_") && !value.is_empty()).then_some((name, value))
        });
        Self { unread: unread.collect(), known: Vec::new() }
    }

    /// Returns what the variable says, if it is set.
    fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, BadVariable> {
        self.known.push(name);
        let Some(value) = self.unread.remove(name) else { return Ok(None) };
        let text = value.to_str().ok_or_else(|| "it is not Unicode".to_owned());
        match text.and_then(read) {
            Ok(read) => Ok(Some(read)),
            Err(why) => Err(BadVariable { name: name.to_owned(), value, why }),
        }
    }

    /// Fails if a variable is set that was not read. Its nearest are those that begin like it.
    fn check_all_known(mut self) -> Result<(), BadVariable> {
        let Some((name, value)) = self.unread.pop_first() else { return Ok(()) };
        let alike = |known: &str| {
            let pairs = known.bytes().zip(name.bytes());
            pairs.take_while(|(one, other)| one == other).count()
        };
        let most = self.known.iter().map(|known| alike(known)).max();
        self.known.retain(|known| Some(alike(known)) == most);
        let why = format!("there is no such variable; the nearest: {}", self.known.join(", "));
        Err(BadVariable { name, value, why })
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("it is neither `yes` nor `no`".to_owned()),
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

/// Returns the parts of a list. A separator may follow the last one, too.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let text = text.trim_end();
    text.strip_suffix(separator).unwrap_or(text).split(separator).map(str::trim)
}

/// Reads the identifiers of mistakes, with commas between them.
fn mistakes(text: &str) -> Result<Vec<Mistake>, String> {
    let mistake = |name: &str| {
        let named = |mistake: &&Mistake| format!("{mistake:?}") == name;
        let found = Mistake::ALL.iter().find(named).copied();
        found.ok_or_else(|| format!("there is no mistake `{name}`"))
    };
    parts(text, ',').map(mistake).collect()
}

/// Reads pairs of paths: `C:\mount=D:\junction;a.wim=b.wim`.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pair = |text: &str| match text.split_once('=') {
        Some((one, other)) => {
            let (one, other) = (one.trim_end(), other.trim_start());
            for path in [one, other] {
                Aliases::check(&ImagePath::new(path))?;
            }
            Ok((one.to_owned(), other.to_owned()))
        }
        None => Err(format!("`{text}` is not a pair of paths, such as `C:\\mount=D:\\junction`")),
    };
    parts(text, ';').map(pair).collect()
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
    if file.extension().is_none_or(|extension| !extension.eq_ignore_ascii_case("json")) {
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
    use super::{BadVariable, Destination, Environment};
    use crate::call::{DISM_ONLINE_IMAGE, Hresult};
    use crate::evidence::Mistake;
    use crate::machine::config::Contract;
    use crate::machine::{Config, State};

    fn read(variables: &[(&str, &str)]) -> Result<Environment, BadVariable> {
        Environment::read(variables.iter().map(|(name, value)| (name.into(), value.into())))
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
    fn each_setting_of_the_machine_has_a_variable() {
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
    fn a_list_may_have_spaces_around_its_parts_and_a_separator_behind_the_last() {
        let pairs = [("DISM_EMU_SAME_IMAGE", "C:\\mount = D:\\junction ; a.wim=b.wim; ")];
        let mut expected = Config::default();
        expected.same_image(r"C:\mount", r"D:\junction");
        expected.same_image("a.wim", "b.wim");
        assert_eq!(config(&pairs), expected);
        assert!(read(&[("DISM_EMU_ALLOW", " CloseTwice , NeverShutDown, ")]).is_ok());
    }

    #[test]
    fn a_variable_that_is_not_known_is_refused_with_the_nearest() {
        let nearest = [
            ("DISM_EMU_CONTRAKT", "DISM_EMU_CONTRACT"),
            ("DISM_EMU_RULE", "DISM_EMU_RULES"),
            ("DISM_EMU_EXIT_CODE", "DISM_EMU_EXITCODE"),
            ("DISM_EMU_CLOS_SESSION", "DISM_EMU_CLOSED_SESSION, DISM_EMU_CLOSING_SESSION"),
        ];
        for (name, nearest) in nearest {
            let error = read(&[(name, "1"), ("DISM_EMU_ELEVATED", "no")]).unwrap_err().to_string();
            let why = format!("there is no such variable; the nearest: {nearest}");
            assert_eq!(error, format!("{name} is \"1\": {why}"));
            assert!(read(&[(name, "")]).is_ok(), "an empty one is not set");
        }
        assert!(read(&[("DISM_EMULATOR", "1"), ("PATH", "/")]).is_ok());
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
        for name in ["a.json", "a.JSON"] {
            assert!(matches!(report(name), Destination::Json(_)), "{name}");
        }
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
        use std::ffi::OsString;
        use std::os::unix::ffi::OsStringExt;

        let report = ("DISM_EMU_REPORT".into(), OsString::from_vec(vec![255]));
        let error = Environment::read([report]).unwrap_err().to_string();
        assert_eq!(error, r#"DISM_EMU_REPORT is "\xFF": it is not Unicode"#);
    }
}
