//! Paths, and when two of them are the same image (rule O6).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::{self, Write};

use smallvec::SmallVec;

/// A path as a caller wrote it.
///
/// It holds any text that the platform can hold, including unpaired surrogates and invalid UTF-8:
/// there is no file system behind the emulator that could reject it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(pub(super) Box<OsStr>);

impl ImagePath {
    /// Creates a path with this spelling.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self(path.as_ref().into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_encoded_bytes()
    }

    /// Returns whether the path is not the online image, but looks as if it was meant to be.
    pub(crate) fn resembles_online(&self) -> bool {
        self.key().resembles_online()
    }

    pub(crate) fn key(&self) -> ImageKey<'_> {
        ImageKey::new(self.as_bytes())
    }

    /// Returns the path as text. U+FFFD replaces what is not Unicode.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        self.0.to_string_lossy()
    }
}

/// Returns the path, for functions that take one.
impl AsRef<OsStr> for ImagePath {
    fn as_ref(&self) -> &OsStr {
        &self.0
    }
}

/// Serializes the path as a string. U+FFFD replaces what is not Unicode.
#[cfg(feature = "serde")]
impl serde::Serialize for ImagePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string_lossy())
    }
}

/// Writes the text in quotes.
///
/// Backslashes, of which paths consist, are not escaped. Quotes and control characters are, as
/// `\u{22}`, and so is a backslash that would otherwise look like the beginning of such an escape. Bytes
/// that are not Unicode are written as `\x{FF}`.
impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.as_bytes().utf8_chunks() {
            let text = chunk.valid();
            for (at, character) in text.char_indices() {
                let is_ambiguous = character == '\\'
                    && (text[at..].starts_with("\\u{") || text[at..].starts_with("\\x{"));
                match character {
                    '"' | '\u{2028}' | '\u{2029}' => write!(f, "{}", character.escape_unicode())?,
                    _ if is_ambiguous || character.is_control() => {
                        write!(f, "{}", character.escape_unicode())?;
                    }
                    _ => f.write_char(character)?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{{{byte:02X}}}"))?;
        }
        f.write_str("\"")
    }
}

impl ImagePath {
    /// Returns the text that [`Debug`](fmt::Debug) writes between the quotes as it was. What is not
    /// Unicode stays escaped.
    pub(crate) fn unescape(text: &str) -> String {
        let mut unescaped = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("\\u{") {
            unescaped += before;
            let escaped = behind.split_once('}').and_then(|(digits, behind)| {
                Some((char::from_u32(u32::from_str_radix(digits, 16).ok()?)?, behind))
            });
            rest = match escaped {
                Some((character, behind)) => {
                    unescaped.push(character);
                    behind
                }
                None => {
                    unescaped += "\\u{";
                    behind
                }
            };
        }
        unescaped + rest
    }
}

/// Writes `online` for the online image, and the text in quotes for any other.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key().is_online() { f.write_str("online") } else { fmt::Debug::fmt(self, f) }
    }
}

/// A path for a lookup: without trailing separators, and with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImageKey<'a> {
    path: &'a [u8],
    hash: u32,
}

impl<'a> ImageKey<'a> {
    #[inline]
    pub(crate) fn new(path: &'a [u8]) -> Self {
        let path = without_trailing_separators(path);
        Self { path, hash: hash(path) }
    }

    #[inline]
    pub(crate) fn to_owned(self) -> OwnedImageKey {
        OwnedImageKey { path: SmallVec::from_slice(self.path), hash: self.hash }
    }

    /// Returns the key with this path and its hash.
    #[inline]
    pub(crate) const fn with_hash(path: &'a [u8], hash: u32) -> Self {
        Self { path, hash }
    }

    pub(crate) fn path(self) -> &'a [u8] {
        self.path
    }

    /// Returns the hash. It is the same for all paths of an image, and in every run: a journal must
    /// replay.
    pub(crate) fn hash(self) -> u32 {
        self.hash
    }

    /// Returns whether `path`, which has no trailing separators either, matches the same image.
    pub(crate) fn matches(self, path: &[u8]) -> bool {
        *self.path == *path || folded(self.path).eq(folded(path))
    }

    /// Returns whether the other is the same image.
    pub(crate) fn is_same(self, other: ImageKey<'_>) -> bool {
        self.hash == other.hash && self.matches(other.path)
    }

    pub(crate) fn is_online(self) -> bool {
        self.matches(super::DISM_ONLINE_IMAGE.as_bytes())
    }

    /// Returns whether the path is not the online image, but looks as if it was meant to be: it has
    /// the name's beginning or its GUID, or it is the name of the macro.
    pub(crate) fn resembles_online(self) -> bool {
        let (beginning, guid) = super::DISM_ONLINE_IMAGE.as_bytes().split_at("DISM_{".len());
        let guid = guid.strip_suffix(b"}").unwrap_or(guid);
        let path: SmallVec<[u8; 128]> = folded(self.path).collect();
        let resembles = path.starts_with(beginning)
            || path.windows(guid.len()).any(|part| part == guid)
            || *path == *b"DISM_ONLINE_IMAGE";
        resembles && !self.is_online()
    }
}

/// A path of a key. Most are so short that they need no allocation of their own.
pub(crate) type OwnedPath = SmallVec<[u8; 24]>;

/// A key that owns its path.
#[derive(Clone, Debug)]
pub(crate) struct OwnedImageKey {
    path: OwnedPath,
    hash: u32,
}

impl OwnedImageKey {
    #[inline]
    pub(crate) fn key(&self) -> ImageKey<'_> {
        ImageKey::with_hash(&self.path, self.hash)
    }
}

fn without_trailing_separators(mut path: &[u8]) -> &[u8] {
    while let [head @ .., b'\\' | b'/'] = path {
        if is_root(head) {
            break;
        }
        path = head;
    }
    path
}

/// Returns whether a separator after `head` belongs to a root. `C:\` is a root, but `C:` is not;
/// `\` alone is a root; and a drive is still a drive after `\\?\` or `\\.\`.
fn is_root(head: &[u8]) -> bool {
    let drive = match head {
        [b'\\' | b'/', b'\\' | b'/', b'?' | b'.', b'\\' | b'/', drive @ ..] => drive,
        drive => drive,
    };
    match drive {
        [letter, b':'] => letter.is_ascii_alphabetic(),
        _ => head.is_empty(),
    }
}

/// Returns the path as it is compared: `/` is read as `\`, and letter case is ignored (rule O6).
///
/// Each character becomes its simple upper-case mapping, one character for one, as in the file
/// systems of Windows: `ß` does not become `SS`. Bytes that are not UTF-8 stay as they are.
fn folded(path: &[u8]) -> impl Iterator<Item = u8> {
    path.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().flat_map(|character| {
            let mut utf8 = [0; 4];
            let length = fold(character).encode_utf8(&mut utf8).len();
            utf8.into_iter().take(length)
        });
        valid.chain(chunk.invalid().iter().copied())
    })
}

fn fold(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some('/'), None) => '\\',
        (Some(upper), None) => upper,
        _ => simple_upper_case(character),
    }
}

/// Returns the simple upper-case mapping of a character whose full mapping is more than one
/// character. Only the 27 small Greek letters with an iota below have one: the letter with an iota
/// beside it. The standard library does not have these mappings.
fn simple_upper_case(character: char) -> char {
    let distance = match character {
        '\u{1F80}'..='\u{1F87}' | '\u{1F90}'..='\u{1F97}' | '\u{1FA0}'..='\u{1FA7}' => 8,
        '\u{1FB3}' | '\u{1FC3}' | '\u{1FF3}' => 9,
        _ => 0,
    };
    char::from_u32(u32::from(character) + distance).unwrap_or(character)
}

/// Returns the hash of a path. It is the same for all spellings of an image, and in every run.
///
/// Different paths may have the same hash, as `[` and `{` do. [`ImageKey::matches`] decides.
fn hash(path: &[u8]) -> u32 {
    let (hash, is_ascii) = hash_words(path);
    if is_ascii { hash } else { hash_folded(path) }
}

/// Hashes a path as it is compared.
#[cold]
fn hash_folded(path: &[u8]) -> u32 {
    hash_words(&folded(path).collect::<SmallVec<[u8; 128]>>()).0
}

/// Hashes eight bytes at a time, and returns also whether all are ASCII. It ignores the case of
/// ASCII letters, and the difference between `/` and `\`.
fn hash_words(path: &[u8]) -> (u32, bool) {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let (mut hash, mut bits) = (path.len() as u64, 0);
    let mut add = |word: u64| {
        bits |= word;
        // The sum leaves the top bit of a byte clear if the other bits are those of `/`, and cannot
        // carry into the next byte.
        let slashes = !(((word ^ (ONES * u64::from(b'/'))) & !HIGH) + !HIGH) & HIGH;
        let word = word ^ ((slashes >> 7) * u64::from(b'/' ^ b'\\'));
        let word = word | (ONES * u64::from(b'a' ^ b'A'));
        hash = (hash.rotate_left(23) ^ word).wrapping_mul(K);
    };
    let mut rest = path;
    while let Some((word, behind)) = rest.split_first_chunk() {
        add(u64::from_le_bytes(*word));
        rest = behind;
    }
    if !rest.is_empty() {
        // The last eight bytes, some of them for the second time, are read at once.
        add(match path.last_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        });
    }
    (((hash ^ (hash >> 32)).wrapping_mul(K) >> 32) as u32, bits & HIGH == 0)
}
