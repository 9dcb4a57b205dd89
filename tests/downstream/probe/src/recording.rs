//! The form of scenarios and of results, which is that of the recordings with codes.
//!
//! ```text
//! probe build=10.0.26100.7920 dll=10.0.26100.5074 elevated=yes
//!
//! recording a-second-initialize end=return
//!   t1 initialize [I1 DOC] = 0x00000000
//!   t1 initialize [I3 DOC REC] = 0x00000001
//!   t1..t8 shutdown [S5 DOC] = 0x00000000 x2, 0xc0040001 x6
//! ```
//!
//! In brackets are the rule that the answer shows, and the sources of what is expected. A scenario
//! is a recording without an end and without answers.

use std::fmt;
use std::ops::RangeInclusive;

use crate::images::Image;

/// What the probe has seen on a machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    /// Facts about the machine, such as `build=10.0.26100.7920`.
    pub head: String,
    /// What each scenario answered.
    pub recordings: Vec<Recording>,
}

/// A scenario, or what one answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Its name.
    pub name: String,
    /// How its process ended, if it ran: `return`, `hang`, or `crash` and a code.
    pub end: Option<String>,
    /// Its calls, in the order in which they were made.
    pub steps: Vec<Step>,
}

/// A call, and its answer if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line without the answer.
    pub text: String,
    /// The threads that make the call at once. Usually that is one.
    pub threads: RangeInclusive<usize>,
    /// What they call.
    pub call: Call,
    /// The id of the rule that the answer shows.
    pub rule: String,
    /// Where the expected answer comes from, such as `DOC REC`.
    pub sources: String,
    /// What follows the brackets. It ends in the middle if the call never returned.
    pub answer: String,
}

impl Step {
    /// Returns whether anybody has seen or documented the expected answer.
    #[must_use]
    pub fn has_source(&self) -> bool {
        self.sources.split(' ').any(|source| matches!(source, "DOC" | "HDR" | "REC"))
    }

    /// Returns the code that the call returned.
    #[must_use]
    pub fn code(&self) -> Option<u32> {
        let (_, code) = self.answer.split_once("= 0x")?;
        u32::from_str_radix(code.get(..8)?, 16).ok()
    }
}

/// A call. Sessions and memory have names; a session can also be a number.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the arguments of the functions")]
pub enum Call {
    Initialize {
        /// Whether the log file is in a folder that is missing.
        with_missing_log: bool,
    },
    Shutdown,
    Open {
        image: Image,
        session: String,
    },
    Close {
        session: String,
    },
    GetPackages {
        session: String,
        memory: String,
    },
    CheckImageHealth {
        session: String,
        /// What the first call of the progress callback calls.
        callback: Option<Box<Call>>,
    },
    GetLastErrorMessage {
        memory: String,
    },
    Delete {
        memory: String,
    },
    /// Another process opens the image meanwhile.
    Elsewhere {
        image: Image,
    },
}

impl Call {
    fn read(words: &[&str]) -> Option<Self> {
        let name = |word: &&str| (*word).to_owned();
        Some(match words {
            ["initialize"] => Self::Initialize { with_missing_log: false },
            ["initialize", "missing-log"] => Self::Initialize { with_missing_log: true },
            ["shutdown"] => Self::Shutdown,
            ["open", image, session] => {
                Self::Open { image: Image::read(image)?, session: name(session) }
            }
            ["close", session] => Self::Close { session: name(session) },
            ["operation", "GetPackages", session, memory] => {
                Self::GetPackages { session: name(session), memory: name(memory) }
            }
            ["operation", "CheckImageHealth", session, rest @ ..] => {
                let callback = match rest {
                    [] => None,
                    ["callback", inner @ ..] => Some(Box::new(Self::read(inner)?)),
                    _ => return None,
                };
                Self::CheckImageHealth { session: name(session), callback }
            }
            ["message", memory] => Self::GetLastErrorMessage { memory: name(memory) },
            ["delete", memory] => Self::Delete { memory: name(memory) },
            ["elsewhere", "open", image] => Self::Elsewhere { image: Image::read(image)? },
            _ => return None,
        })
    }

    /// Returns the image that is opened, if any is.
    #[must_use]
    pub fn image(&self) -> Option<Image> {
        match self {
            Self::Open { image, .. } | Self::Elsewhere { image } => Some(*image),
            _ => None,
        }
    }
}

impl Recording {
    /// Returns how many images of the user the scenario needs.
    #[must_use]
    pub fn needed_images(&self) -> usize {
        let images = self.steps.iter().filter_map(|step| step.call.image());
        let numbers = images.map(|image| match image {
            Image::Offline(number, _) => number,
            _ => 0,
        });
        numbers.max().unwrap_or(0)
    }
}

fn read_step(line: &str) -> Option<Step> {
    let (call, rest) = line.split_once(" [")?;
    let (rule, answer) = rest.split_once(']')?;
    let (rule, sources) = rule.split_once(' ')?;
    let words: Vec<_> = call.split(' ').collect();
    let (threads, words) = words.split_first()?;
    let number = |thread: &str| thread.strip_prefix('t')?.parse::<usize>().ok();
    let (first, last) = threads.split_once("..").unwrap_or((threads, threads));
    Some(Step {
        text: line[..line.len() - answer.len()].to_owned(),
        threads: number(first)?..=number(last)?,
        call: Call::read(words)?,
        rule: rule.to_owned(),
        sources: sources.to_owned(),
        answer: answer.trim().to_owned(),
    })
}

fn read_head(line: &str) -> Option<Recording> {
    let mut words = line.strip_prefix("recording ")?.split(' ');
    let name = words.next()?.to_owned();
    let end = words.find_map(|word| word.strip_prefix("end=")).map(str::to_owned);
    Some(Recording { name, end, steps: Vec::new() })
}

/// Reads recordings. Lines that begin with `#` are comments.
///
/// # Errors
///
/// The first line that cannot be read.
pub fn read_all(text: &str) -> Result<Vec<Recording>, String> {
    let mut recordings: Vec<Recording> = Vec::new();
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        let unreadable = || format!("line {number} is unreadable: {line}");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("recording ") {
            recordings.push(read_head(line).ok_or_else(unreadable)?);
        } else {
            let recording = recordings.last_mut().ok_or_else(unreadable)?;
            recording.steps.push(read_step(line).ok_or_else(unreadable)?);
        }
    }
    Ok(recordings)
}

impl Results {
    /// Reads a file of results.
    ///
    /// # Errors
    ///
    /// The first line that cannot be read.
    pub fn read(text: &str) -> Result<Self, String> {
        let (head, recordings) = text.split_once('\n').ok_or("there is only one line")?;
        let head = head.trim().strip_prefix("probe ").ok_or("line 1 has no head")?.to_owned();
        // The lines are counted as in the file.
        let recordings = read_all(&format!("\n{recordings}"))?;
        Ok(Self { head, recordings })
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\nrecording {}", self.name)?;
        if let Some(end) = &self.end {
            write!(f, " end={end}")?;
        }
        writeln!(f)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "  {} {}", step.text, step.answer))
    }
}

impl fmt::Display for Results {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "probe {}", self.head)?;
        self.recordings.iter().try_for_each(|recording| recording.fmt(f))
    }
}
