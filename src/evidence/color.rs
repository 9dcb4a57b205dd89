//! Reports and timelines in colour.

use std::fmt;

/// Returns the text for standard error: in colour if a terminal shows it.
pub(crate) fn shown(text: impl fmt::Display) -> String {
    let text = text.to_string();
    #[cfg(feature = "color")]
    if paint::is_seen() {
        return paint::painted(&text);
    }
    text
}

#[cfg(feature = "color")]
mod paint {
    use std::fmt::Write;
    use std::io;

    use anstream::{AutoStream, ColorChoice};
    use anstyle::{AnsiColor, Style};

    /// Returns whether a terminal shows what the test writes to standard error.
    ///
    /// A test harness captures it and writes it to its standard output, so both have to be
    /// terminals. Otherwise `cargo test > log` would write escape sequences to a file.
    pub(super) fn is_seen() -> bool {
        let stderr = AutoStream::auto(io::stderr()).current_choice();
        let stdout = AutoStream::auto(io::stdout()).current_choice();
        [stderr, stdout] == [ColorChoice::AlwaysAnsi; 2]
    }

    /// Returns the text in colour. A line has one style from its beginning to its end, and the first
    /// line has none. So a test that looks for a piece of a line in a panic, or for the beginning,
    /// finds it in colour, too.
    pub(super) fn painted(text: &str) -> String {
        let mut painted = String::new();
        let mut style = Style::new();
        for line in text.lines() {
            style = match style_of(line) {
                Some(marked) => marked,
                None if line.starts_with(DEEP) => style,
                None => Style::new(),
            };
            let _ = writeln!(painted, "{style}{line}{style:#}");
        }
        painted
    }

    /// What a line without a mark begins with if it goes on from the line before.
    const DEEP: &str = "       ";

    /// Returns the style of a line that begins with a mark.
    fn style_of(line: &str) -> Option<Style> {
        const MISTAKE: Style = AnsiColor::Red.on_default().bold();
        const ADVICE: Style = AnsiColor::Green.on_default();
        const REMARK: Style = AnsiColor::Yellow.on_default();
        const ASIDE: Style = Style::new().dimmed();
        let marks = [
            ("mistake ", MISTAKE),
            ("! ", MISTAKE),
            ("    instead: ", ADVICE),
            ("    in code: ", ASIDE),
            ("remark: ", REMARK),
        ];
        let marked = marks.iter().find(|(mark, _)| line.starts_with(mark));
        let is_folded = line.trim_start().starts_with('…');
        marked.map(|(_, style)| *style).or(is_folded.then_some(ASIDE))
    }
}

#[cfg(all(test, feature = "color"))]
mod tests {
    use anstream::adapter::strip_str;

    use super::paint::painted;

    const REPORT: &str = "\
dism-emu: close twice, src/tool.rs:40 (and 1 more)
1 mistake under the contract Documented

mistake 3, close twice: call 2 by t1
    close session 2 -> 0xC0040004
    collides with call 1 by t1
        close session 2 -> S_OK
    instead: Clear your copy.
             Let one owner close.
    in code: Mistake::CloseTwice

remark: a rule of the test
        never fired

     t1
     … 41 calls …
  1  close session 2 -> S_OK
! 2  close session 2 -> 0xC0040004
       mistake 3, close twice: collides with call 1
";

    #[test]
    fn each_line_has_one_style_and_the_text_is_the_same() {
        let painted = painted(REPORT);
        assert_eq!(strip_str(&painted).to_string(), REPORT);
        let lines = REPORT.lines().zip(painted.lines());
        // What is before the whole line.
        let styles: Vec<_> = lines.map(|(line, it)| it.split_once(line).unwrap().0).collect();
        let (red, green, yellow) = ("\x1b[1m\x1b[31m", "\x1b[32m", "\x1b[33m");
        let (plain, dimmed) = ("", "\x1b[2m");
        let expected: [&[&str]; 4] = [
            &[plain, plain, plain],
            &[red, plain, plain, plain, green, green, dimmed, plain],
            &[yellow, yellow, plain],
            &[plain, dimmed, plain, red, red],
        ];
        assert_eq!(styles, expected.concat());
    }
}
