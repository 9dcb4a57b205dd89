//! The pages show real code and reports, even where no doctest can check them.

use dism_emu::Mistake;

#[allow(dead_code, reason = "an example has a main function")]
#[path = "../../examples/sweep.rs"]
mod sweep;

/// Returns a file with the line ends of the repository, whatever a checkout made of them.
fn text(file: &str) -> String {
    file.replace('\r', "")
}

/// Returns the fenced blocks that begin with this line.
fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let blocks = page.split(fence).skip(1);
    blocks.map(|block| block.split("```").next().expect("a block ends")).collect()
}

#[test]
fn the_readme_shows_the_report_of_the_example() {
    let readme = text(include_str!("../../README.md"));
    let report = sweep::report();
    assert!(
        blocks(&readme, "```text\n").contains(&report.as_str()),
        "not in the README:\n{report}"
    );
}

/// What a reader sees of a block: rustdoc hides the lines that begin with `# `.
fn shown(block: &str) -> String {
    block.split_inclusive('\n').filter(|line| !line.starts_with("# ")).collect()
}

/// The README has one file, in two parts: here it runs.
#[test]
fn the_readme_shows_a_test_that_is_run() {
    let readme = text(include_str!("../../README.md"));
    let test = text(include_str!("readme.rs"));
    let blocks = blocks(&readme, "```rust\n");
    assert_eq!(blocks.len(), 2);
    assert_eq!(blocks.join("\n"), test);
}

/// Returns the lines of the function `install`.
fn install(file: &str) -> Vec<&str> {
    let lines = file.lines().skip_while(|line| !line.starts_with("fn install"));
    lines.take_while(|line| *line != "}").collect()
}

#[test]
fn the_readme_shows_the_only_line_of_the_program_that_the_example_changes() {
    let readme = text(include_str!("../../README.md"));
    let test = text(include_str!("readme.rs"));
    let example = text(include_str!("../../examples/sweep.rs"));
    let (right, wrong) = (install(&test), install(&example));
    assert!(!right.is_empty());
    assert_eq!(right.len(), wrong.len());
    let changed: Vec<_> = right.iter().zip(&wrong).filter(|(one, other)| one != other).collect();
    let [(_, changed)] = changed[..] else { panic!("{changed:#?}") };
    assert!(readme.contains(&format!("`{}`", changed.trim())), "not in the README: {changed}");
}

/// That code is run under loom.
#[test]
fn the_page_on_models_shows_code_that_is_run() {
    let page = text(include_str!("../../src/docs/models.md"));
    let guide = text(include_str!("../loom/guide.rs"));
    let blocks = blocks(&page, "```rust\n");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let shown = shown(block);
        assert!(guide.contains(&shown), "not in the guide:\n{shown}");
    }
}

/// The package of these files is run by `tests/downstream/run`.
#[test]
fn the_page_of_recipes_shows_code_that_is_run() {
    let page = text(include_str!("../../src/docs/recipes.md"));
    let files = [
        include_str!("../downstream/recipes/src/lib.rs"),
        include_str!("../downstream/recipes/tests/on_rstest.rs"),
        include_str!("../downstream/recipes/tests/on_insta.rs"),
        include_str!("../downstream/recipes/tests/on_tokio.rs"),
        include_str!("../downstream/recipes/tests/on_proptest.rs"),
    ];
    let blocks = blocks(&page, "```rust\n");
    assert_eq!(blocks.len(), files.len());
    for (block, file) in blocks.into_iter().zip(files) {
        // A file begins with a comment on itself.
        let file = text(file);
        let (_, code) = file.split_once("\n\n").unwrap();
        assert_eq!(shown(block), code);
    }
}

/// `tests/downstream/run` and `tests/windows/run` compile, run or test these files.
#[test]
fn the_page_on_the_c_functions_shows_code_that_is_run() {
    let page = text(include_str!("../../src/docs/capi.md"));
    let python = text(include_str!("../downstream/python/dism.py"));
    let shown = blocks(&page, "```python\n");
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|block| python.contains(block)), "{shown:#?}");

    let csharp = text(include_str!("../downstream/csharp/Dism.cs"));
    let [shown] = blocks(&page, "```csharp\n")[..] else { panic!("not one block") };
    let shown = shown.strip_suffix("    // …\n}\n").unwrap();
    assert!(csharp.contains(shown), "{shown}");

    let go = text(include_str!("../downstream/go/main.go"));
    let [shown] = blocks(&page, "```go\n")[..] else { panic!("not one block") };
    let shown = shown.strip_suffix("\t// …\n)\n").unwrap();
    assert!(go.contains(shown), "{shown}");

    let features = text(include_str!("../downstream/extern-block/Cargo.toml"));
    let declared = text(include_str!("../downstream/extern-block/src/dism.rs"));
    for line in [
        "emulated = [\"dep:dism-emu\"]\n",
        "[[test]]\nname = \"emulated\"\nrequired-features = [\"emulated\"]\n",
    ] {
        assert!(page.replace("\n  ", "\n").contains(line) && features.contains(line), "{line}");
    }
    for line in [
        "#[cfg(feature = \"emulated\")]\nuse dism_emu as _;\n",
        "#[cfg_attr(not(feature = \"emulated\"), link(name = \"DismApi\"))]\nunsafe extern",
    ] {
        assert!(page.contains(line) && declared.contains(line), "{line}");
    }
}

/// The advice is that of the reports, except where the lines are broken.
#[test]
fn the_page_of_mistakes_has_the_advice_on_each() {
    let page = include_str!("../../src/docs/mistakes.md");
    let page: Vec<_> = page.split_whitespace().collect();
    let page = page.join(" ");
    for mistake in Mistake::ALL {
        let advice = format!("*Instead*: {}", mistake.advice());
        assert!(page.contains(&advice), "{mistake}: {advice}");
    }
}

/// The targets of its links into the pages, such as `guide/index.html#faults`.
fn links_to_pages(readme: &str) -> Vec<&str> {
    let lines = readme.lines().filter(|line| line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once("/dism_emu/docs/")?.1)).collect()
}

#[test]
fn the_readme_links_to_every_page() {
    let readme = text(include_str!("../../README.md"));
    let lib = text(include_str!("../../src/lib.rs"));
    let included = lib.split("include_str!(\"docs/").skip(1);
    let files = included.map(|it| it.split_once('"').unwrap().0);
    let pages: Vec<_> = files.filter_map(|file| file.strip_suffix(".md")).collect();
    assert!(!pages.is_empty());
    for name in pages {
        let link = format!("{name}/index.html");
        assert!(links_to_pages(&readme).contains(&link.as_str()), "no link to {name}");
    }
}

#[test]
fn the_readme_links_to_headings_of_the_guide_that_are_there() {
    let readme = text(include_str!("../../README.md"));
    let guide = text(include_str!("../../src/docs/guide.md"));
    let headings = guide.lines().filter_map(|line| line.strip_prefix("# "));
    let anchors: Vec<_> = headings.map(|it| it.to_lowercase().replace(' ', "-")).collect();
    let links = links_to_pages(&readme);
    let linked: Vec<_> =
        links.iter().filter_map(|it| it.strip_prefix("guide/index.html#")).collect();
    assert!(!linked.is_empty());
    for link in linked {
        assert!(anchors.iter().any(|anchor| anchor == link), "no heading for {link}");
    }
}

/// It is read on crates.io, too.
#[test]
fn the_readme_names_no_folder_that_the_package_has_not_got() {
    let readme = text(include_str!("../../README.md"));
    for folder in ["tests/", "benches/", "fuzz/", ".ci/"] {
        assert!(!readme.contains(folder), "{folder}");
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
