//! Locations, as texts and JSON have them.

use std::borrow::Cow;
use std::fmt;
use std::panic::Location;
use std::path::{Component, Path};

/// A location as texts and JSON have it: `src/tool.rs:40:9`.
#[derive(Clone, Copy)]
pub(crate) struct Source(pub(crate) &'static Location<'static>);

impl Source {
    /// Returns the location without its column.
    pub(crate) fn line(self) -> String {
        format!("{}:{}", relative(self.0.file()), self.0.line())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line(), self.0.column())
    }
}

/// The folders of a package that have source files.
const SOURCES: &[&str] = &["src", "tests", "examples", "benches"];

/// Returns a path without the folders of this machine. The compiler has relative paths for the
/// files of a workspace, and absolute ones for those of a path dependency, a registry or the
/// standard library. Of an absolute path this leaves what begins with the folder of the package,
/// such as `tokio-1.38.0/src/task/spawn.rs`.
fn relative(file: &str) -> String {
    let mut names: Vec<Cow<'_, str>> = Vec::new();
    for component in Path::new(file).components() {
        match component {
            Component::Normal(name) => names.push(name.to_string_lossy()),
            Component::ParentDir if names.last().is_some_and(|name| name != "..") => {
                names.pop();
            }
            Component::ParentDir => names.push("..".into()),
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    if !Path::new(file).has_root() {
        return names.join("/");
    }
    let is_source = |at: &usize| SOURCES.contains(&&*names[*at]);
    // In `client/src/tests/open.rs` it is the first of the two folders. Without any, it is the file.
    let last = (0..names.len()).rev().find(is_source).unwrap_or(names.len().saturating_sub(1));
    let first = (0..last).rev().take_while(is_source).last().unwrap_or(last);
    names[first.saturating_sub(1)..].join("/")
}

/// Writes a location, or one that may be missing, as a string: `src/tool.rs:40:9`.
#[cfg(feature = "serde")]
pub(crate) fn location_as_text<L, S>(location: &L, serializer: S) -> Result<S::Ok, S::Error>
where
    L: Copy + Into<Option<&'static Location<'static>>>,
    S: serde::Serializer,
{
    match (*location).into() {
        Some(location) => serializer.collect_str(&Source(location)),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_has_a_folder_of_the_machine() {
        for (file, expected) in [
            ("src/tool.rs", "src/tool.rs"),
            ("tests/it/../../examples/sweep.rs", "examples/sweep.rs"),
            ("../../shared/src/./tool.rs", "../../shared/src/tool.rs"),
            ("/home/me/src/client/tests/it.rs", "client/tests/it.rs"),
            ("/home/me/client/src/tests/open.rs", "client/src/tests/open.rs"),
            ("/home/me/client/tests/it/../../examples/tool.rs", "client/examples/tool.rs"),
            ("/c/registry/src/index-1949/tokio-1.38.0/src/task.rs", "tokio-1.38.0/src/task.rs"),
            ("/rustc/59807616/library/core/src/option.rs", "core/src/option.rs"),
            ("/home/me/client/target/debug/build/client-3af3/out/dism.rs", "out/dism.rs"),
            ("/tool.rs", "tool.rs"),
            ("/", ""),
        ] {
            assert_eq!(relative(file), expected);
        }
    }

    #[cfg(windows)]
    #[test]
    fn a_path_has_no_drive_and_no_backslash() {
        assert_eq!(relative(r"src\tool.rs"), "src/tool.rs");
        assert_eq!(relative(r"C:\Users\me\client\src\tool.rs"), "client/src/tool.rs");
    }
}
