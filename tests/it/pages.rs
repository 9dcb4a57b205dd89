//! What the pages show is what there is, also where a doctest cannot see to it.

use dism_emu::ThreadNumber;

#[allow(dead_code, reason = "an example has a main function")]
#[path = "../../examples/report.rs"]
mod report;

/// As the repository has it, whatever a checkout makes of its line ends.
fn text(file: &str) -> String {
    file.replace('\r', "")
}

/// The fenced blocks that begin with this line.
fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let blocks = page.split(fence).skip(1);
    blocks.map(|block| block.split("```").next().expect("a block ends")).collect()
}

/// The report as the example prints it: there its thread is the first one, and its file is found
/// from the root of the package.
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

/// Under loom that file is run.
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

/// What is wider is cut off where a README is read in a terminal.
#[test]
fn no_line_of_the_readme_is_wider_than_110_columns() {
    for line in text(include_str!("../../README.md")).lines() {
        // A link cannot be broken.
        assert!(line.chars().count() <= 110 || line.starts_with('['), "{line}");
    }
}
