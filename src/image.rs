//! Paths, and when two of them name the same image (rule O6).

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;

/// A path as a caller spelt it.
///
/// Any text that the platform can hold, unpaired surrogates and invalid UTF-8 included: there is
/// no file system behind the emulator that could object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImagePath(Box<[u8]>);

impl ImagePath {
    /// The path with this spelling.
    pub fn new(path: impl AsRef<OsStr>) -> Self {
        Self::from_bytes(path.as_ref().as_encoded_bytes())
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text; what is not Unicode in it comes out as U+FFFD.
    #[must_use]
    pub fn to_string_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

/// Writes the text in quotes.
impl fmt::Debug for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.to_string_lossy())
    }
}

/// Writes `online` for the online image, and the text in quotes for any other.
impl fmt::Display for ImagePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = ImageKey::new();
        key.set(&self.0);
        if key.is_online() { f.write_str("online") } else { fmt::Debug::fmt(self, f) }
    }
}

/// What paths of the same image have in common: the spelling after rule O6, and its hash.
///
/// Lives on and is written again for each call, so that a look-up allocates nothing.
#[derive(Clone, Debug)]
pub(crate) struct ImageKey {
    bytes: Vec<u8>,
    hash: u32,
}

impl ImageKey {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), hash: 0 }
    }

    /// Becomes the key of `path`: `/` is read as `\`, trailing separators are dropped (a root
    /// keeps its own), letter case is ignored.
    ///
    /// Letter case is what the simple upper-case mapping of each character removes, one character
    /// for one, as file systems of Windows do; `ß` is not `SS`.
    pub(crate) fn set(&mut self, path: &[u8]) {
        let path = without_trailing_separators(path);
        self.bytes.clear();
        let mut words = path.chunks_exact(8);
        for word in &mut words {
            let word = u64::from_le_bytes(word.try_into().expect("a chunk of eight"));
            self.bytes.extend_from_slice(&fold_word(word).to_le_bytes());
        }
        let rest = words.remainder();
        let mut word = [0; 8];
        word[..rest.len()].copy_from_slice(rest);
        let word = fold_word(u64::from_le_bytes(word)).to_le_bytes();
        self.bytes.extend_from_slice(&word[..rest.len()]);
        if !path.is_ascii() {
            fold_characters(&mut self.bytes);
        }
        self.hash = hash(&self.bytes);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn hash(&self) -> u32 {
        self.hash
    }

    pub(crate) fn is_online(&self) -> bool {
        // The constant is its own key.
        self.bytes == crate::DISM_ONLINE_IMAGE.as_bytes()
    }
}

const fn is_separator(byte: u8) -> bool {
    matches!(byte, b'\\' | b'/')
}

fn without_trailing_separators(mut path: &[u8]) -> &[u8] {
    while let [head @ .., last] = path {
        // `C:\` is a root and `C:` is not; `\` alone is a root too.
        let is_root = matches!(head, [] | [.., b':']);
        if !is_separator(*last) || is_root {
            break;
        }
        path = head;
    }
    path
}

/// Eight bytes at once: ASCII letters to upper case, `/` to `\`, all else as it is.
const fn fold_word(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    // Sums of seven-bit values cannot carry into the next byte; the top bit of each is the answer.
    let seven = word & !HIGH;
    let ascii = !word & HIGH;
    let from_a = seven + ONES * (0x80 - b'a' as u64);
    let beyond_z = seven + ONES * (0x7f - b'z' as u64);
    let letter = (from_a & !beyond_z) & ascii;
    let not_slash = (seven ^ (ONES * b'/' as u64)) + ONES * 0x7f;
    let slash = !not_slash & ascii;
    (word ^ (letter >> 2)) ^ ((slash >> 7) * (b'/' ^ b'\\') as u64)
}

/// The letters beyond ASCII; bytes that are not UTF-8 stay as they are.
fn fold_characters(bytes: &mut Vec<u8>) {
    let mut folded = Vec::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            let mut upper = character.to_uppercase();
            let upper = match (upper.next(), upper.next()) {
                (Some(upper), None) => upper,
                _ => character,
            };
            folded.extend_from_slice(upper.encode_utf8(&mut [0; 4]).as_bytes());
        }
        folded.extend_from_slice(chunk.invalid());
    }
    *bytes = folded;
}

/// Good enough for paths, eight bytes a step, and the same in every run (a journal must replay).
fn hash(bytes: &[u8]) -> u32 {
    const K: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut words = bytes.chunks_exact(8);
    let mut hash = bytes.len() as u64;
    let mut mix = |word: [u8; 8]| {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(K);
    };
    for word in &mut words {
        mix(word.try_into().expect("a chunk of eight"));
    }
    let rest = words.remainder();
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    mix(word);
    ((hash ^ (hash >> 32)).wrapping_mul(K) >> 32) as u32
}
