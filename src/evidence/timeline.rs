//! The journal as people read it.

use std::fmt;

use super::audit::groups;
use super::paired::{Calls, OneCall};
use super::table::Table;
use super::text::{LISTED, Part, WIDTH, cut, numbers};
use super::{Finding, Journal};
use crate::call::ThreadNumber;

/// A human-readable journal: a line for each call, a column for each thread, and each mistake below
/// its call.
///
/// No line is longer than 100 characters: text that does not fit ends in `…`. Calls are numbered in
/// the order in which they began. If other steps came between the beginning and the end of an
/// operation or a close, it has a line for each, with the same number. If a journal has more than
/// 40 calls, the parts without a mistake are folded.
///
/// ```
/// use dism_emu::{Emulator, Timeline};
///
/// let emulator = Emulator::builder().verify_on_drop(false).build();
/// let dism = emulator.dism();
/// dism.initialize()?;
/// let session = dism.open_session(r"C:\mount")?;
/// dism.close_session(session)?;
/// dism.close_session(session).unwrap_err();
/// dism.shutdown()?;
///
/// let journal = emulator.journal();
/// let found = journal.mistakes();
/// let timeline = Timeline::new(&journal, &found).to_string();
/// assert!(timeline.contains(
///     "! 4  close session 2 -> 0xC0040004 DISMAPI_E_INVALID_DISM_SESSION\n\
///      \x20      mistake 3, close twice: collides with call 3\n"
/// ));
/// # Ok::<(), dism_emu::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "a timeline does nothing unless it is printed"]
pub struct Timeline<'a> {
    journal: &'a Journal,
    findings: &'a [Finding],
}

impl Journal {
    /// Returns the calls in human-readable form: a line for each call, a column for each thread.
    pub const fn timeline(&self) -> Timeline<'_> {
        Timeline::new(self, &[])
    }
}

/// The most calls that a journal shows without folding any.
const UNFOLDED: usize = 40;
/// How many calls are shown before and after one that matters.
const CONTEXT: usize = 3;
/// How many calls are shown at the end.
const LAST: usize = 5;
/// The width that the widest common call needs: a failing operation with its code.
const ROOM: usize = 64;
/// The most that a column is wide, so that related calls stay close together.
const WIDEST: usize = 20;

impl<'a> Timeline<'a> {
    /// Creates the journal's timeline, with these mistakes marked.
    pub const fn new(journal: &'a Journal, findings: &'a [Finding]) -> Self {
        Self { journal, findings }
    }

    pub(super) fn write(&self, f: &mut impl fmt::Write, calls: &Calls<'_>) -> fmt::Result {
        match self.journal.dropped() {
            0 => {}
            1 => writeln!(f, "(the first step is missing)")?,
            dropped => writeln!(f, "(the first {dropped} steps are missing)")?,
        }
        if self.journal.is_off() {
            return writeln!(f, "(the journal is switched off)");
        }
        if calls.all().is_empty() {
            return writeln!(f, "(no calls)");
        }
        let layout = Layout::of(calls);
        layout.write_head(f)?;
        let shown = self.shown(calls);
        let lines = lines(calls);
        let mut mistakes = Table::<usize, Vec<&Finding>>::default();
        for finding in self.findings {
            mistakes.entry(finding.call).push(finding);
        }
        let write_line = |f: &mut _, line: &Line| {
            // The answer makes a call a mistake, so the line with the answer is marked.
            let found = mistakes.get(line.call.number).filter(|_| line.part != Part::Begin);
            layout.write_line(f, calls, line, found.map_or(&[], Vec::as_slice))
        };
        let is_shown = |line: &Line| shown[line.call.number - 1];
        let indent = layout.indent;
        for run in lines.chunk_by(|a, b| is_shown(a) == is_shown(b)) {
            // A note about one hidden line would need a line itself.
            if run.len() == 1 || is_shown(&run[0]) {
                run.iter().try_for_each(|line| write_line(f, line))?;
                continue;
            }
            match run.iter().filter(|line| line.part != Part::End).count() {
                0 => writeln!(f, "{:indent$}…", "")?,
                1 => writeln!(f, "{:indent$}… 1 call …", "")?,
                hidden => writeln!(f, "{:indent$}… {hidden} calls …", "")?,
            }
        }
        Ok(())
    }

    /// Returns for each call whether it is not folded.
    fn shown(&self, calls: &Calls<'_>) -> Vec<bool> {
        let count = calls.all().len();
        let mut shown = vec![count <= UNFOLDED; count];
        shown[count.saturating_sub(LAST)..].fill(true);
        // The first rounds of a loop show what it does again and again.
        let rounds =
            groups(calls, self.findings).into_iter().flat_map(|it| it.into_iter().take(LISTED));
        for finding in rounds {
            for number in finding.collides_with.iter().chain([&finding.call]) {
                let last = number.saturating_add(CONTEXT).min(count);
                let first = number.saturating_sub(CONTEXT + 1).min(last);
                shown[first..last].fill(true);
            }
        }
        shown
    }
}

impl fmt::Display for Timeline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &Calls::of(self.journal.steps()))
    }
}

#[derive(Debug)]
struct Line {
    call: OneCall,
    part: Part,
}

/// Returns all lines, in the order of the steps.
fn lines(calls: &Calls<'_>) -> Vec<Line> {
    let line = |step| {
        let call = calls.by_step(step)?;
        let is_apart = call.second.is_some_and(|second| second > call.first + 1);
        let part = match (step == call.first, is_apart) {
            (true, false) => Part::Whole,
            (true, true) => Part::Begin,
            (false, true) => Part::End,
            (false, false) => return None,
        };
        Some(Line { call, part })
    };
    (0..calls.steps().len()).filter_map(line).collect()
}

/// Where the threads' columns are.
struct Layout {
    threads: Vec<ThreadNumber>,
    /// The digits of the highest number.
    digits: usize,
    /// Where the first column begins.
    indent: usize,
    /// How far one column is from the next.
    column: usize,
    /// Whether the columns are too narrow for the threads' names. Then each line has the name of
    /// its thread, and there is no head line.
    is_narrow: bool,
}

impl Layout {
    fn of(calls: &Calls<'_>) -> Self {
        let threads: Vec<_> = calls.threads().collect();
        let digits = calls.all().len().to_string().len();
        let indent = 2 + digits + 2;
        let gaps = threads.len().saturating_sub(1).max(1);
        let column = ((WIDTH - ROOM).saturating_sub(indent) / gaps).min(WIDEST);
        let longest = threads.iter().map(|thread| thread.to_string().len()).max();
        let is_narrow = threads.len() > 1 && column < longest.unwrap_or(0) + 2;
        Self { threads, digits, indent, column, is_narrow }
    }

    /// Returns where the thread's column begins, or a point further left if the text needs the
    /// room.
    fn indent_of(&self, thread: ThreadNumber, needed: usize) -> usize {
        let at = self.threads.binary_search(&thread).unwrap_or(0);
        let column = self.indent + at.saturating_mul(self.column).min(WIDTH - ROOM);
        column.min(WIDTH.saturating_sub(needed)).max(self.indent)
    }

    fn write_head(&self, f: &mut impl fmt::Write) -> fmt::Result {
        if self.is_narrow {
            return Ok(());
        }
        let mut head = " ".repeat(self.indent);
        for thread in &self.threads {
            let indent = self.indent_of(*thread, 0);
            while head.chars().count() < indent {
                head.push(' ');
            }
            head += &thread.to_string();
        }
        writeln!(f, "{}", cut(&head, WIDTH))
    }

    fn write_line(
        &self,
        f: &mut impl fmt::Write,
        calls: &Calls<'_>,
        line: &Line,
        mistakes: &[&Finding],
    ) -> fmt::Result {
        let text = calls.text(line.call, line.part);
        let thread = calls.thread(line.call);
        let indent = self.indent_of(thread, 0);
        let name = if self.is_narrow { format!("{thread} ") } else { String::new() };
        let room = WIDTH.saturating_sub(indent + name.len());
        let mark = if mistakes.is_empty() { ' ' } else { '!' };
        let (number, digits) = (line.call.number, self.digits);
        let gap = indent.saturating_sub(2 + digits);
        writeln!(f, "{mark} {number:>digits$}{:gap$}{name}{}", "", text.within(room))?;
        for finding in mistakes {
            let mut note = finding.mistake.to_string();
            if !finding.collides_with.is_empty() {
                let others = numbers(&finding.collides_with, finding.more);
                note += &format!(": collides with {others}");
            }
            let indent = self.indent_of(thread, note.chars().count() + 2) + 2;
            writeln!(f, "{:indent$}{}", "", cut(&note, WIDTH.saturating_sub(indent)))?;
        }
        Ok(())
    }
}
