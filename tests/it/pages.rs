//! The pages show real code and reports, even where no doctest can check them.

use dism_emu::ThreadNumber;

#[allow(dead_code, reason = "an example has a main function")]
#[path = "../../examples/report.rs"]
mod report;

/// Returns a file with the line ends of the repository, whatever a checkout made of them.
fn text(file: &str) -> String {
    file.replace('\r', "")
}

/// Returns the fenced blocks that begin with this line.
fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let blocks = page.split(fence).skip(1);
    blocks.map(|block| block.split("```").next().expect("a block ends")).collect()
}

/// Returns the report as the example prints it: the thread is the first one, and the path of the
/// file begins at the root of the package.
fn report_of_the_example() -> String {
    let report = report::report().replace(&ThreadNumber::current().to_string(), "t1");
    let lines = report.lines().map(|line| match (line.find(" at "), line.find("report.rs:")) {
        (Some(at), Some(file)) => format!("{} at examples/{}\n", &line[..at], &line[file..]),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

#[test]
fn the_readme_shows_the_report_of_the_example() {
    let readme = text(include_str!("../../README.md"));
    let report = report_of_the_example();
    assert!(
        blocks(&readme, "```text\n").contains(&report.as_str()),
        "not in the README:\n{report}"
    );
}

/// That code is run under loom.
#[test]
fn the_page_on_models_shows_code_that_is_run() {
    let page = text(include_str!("../../src/docs/models.md"));
    let guide = text(include_str!("../loom/guide.rs"));
    let blocks = blocks(&page, "```rust\n");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let shown = block.split_inclusive('\n').filter(|line| !line.starts_with("# "));
        let shown: String = shown.collect();
        assert!(guide.contains(&shown), "not in the guide:\n{shown}");
    }
}

/// A terminal that shows the README may cut off a wider line.
#[test]
fn no_line_of_the_readme_is_wider_than_110_columns() {
    for line in text(include_str!("../../README.md")).lines() {
        // A link cannot be broken.
        assert!(line.chars().count() <= 110 || line.starts_with('['), "{line}");
    }
}
