//! Paths as 16-bit units, which C programs pass and get.

use std::ffi::OsString;

use super::ImagePath;

/// Returns the platform's own text with these units, including unpaired surrogates.
#[cfg(windows)]
fn os_string(units: &[u16]) -> OsString {
    std::os::windows::ffi::OsStringExt::from_wide(units)
}

/// Returns UTF-8, in which an unpaired surrogate has the three bytes that a character of its number
/// would have. The standard library's strings on Windows are the same.
#[cfg(unix)]
fn os_string(units: &[u16]) -> OsString {
    let mut bytes = Vec::with_capacity(units.len());
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Err(unpaired) => {
                let unit = unpaired.unpaired_surrogate();
                let low = |shift: u32| 0x80 | (unit >> shift & 0x3F) as u8;
                bytes.extend([0xE0 | (unit >> 12) as u8, low(6), low(0)]);
            }
        }
    }
    std::os::unix::ffi::OsStringExt::from_vec(bytes)
}

/// Returns text in which an unpaired surrogate becomes U+FFFD.
#[cfg(not(any(windows, unix)))]
fn os_string(units: &[u16]) -> OsString {
    String::from_utf16_lossy(units).into()
}

impl ImagePath {
    /// Creates the path with these units, including unpaired surrogates.
    pub(crate) fn from_wide(units: &[u16]) -> Self {
        Self(os_string(units).into())
    }

    /// Returns the path's units. Bytes that are neither Unicode nor an unpaired surrogate, which
    /// only paths on Unix can have, become U+FFFD.
    pub(crate) fn to_wide(&self) -> Vec<u16> {
        let mut units = Vec::new();
        let mut rest = self.as_bytes();
        while let Some(chunk) = rest.utf8_chunks().next() {
            units.extend(chunk.valid().encode_utf16());
            rest = &rest[chunk.valid().len()..];
            match rest {
                [] => {}
                // A surrogate in WTF-8. As UTF-8 only its first byte is invalid.
                [0xED, second @ 0xA0..=0xBF, third @ 0x80..=0xBF, behind @ ..] => {
                    units.push(0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F));
                    rest = behind;
                }
                _ => {
                    units.push(0xFFFD);
                    rest = &rest[chunk.invalid().len()..];
                }
            }
        }
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Empty, short, long, and with something in it that is not ASCII.
    #[test]
    fn units_come_back_as_they_were() {
        for length in [0, 1, 500] {
            for odd in [None, Some(0x80), Some(0x20AC), Some(0xD800), Some(0xDFFF)] {
                let units: Vec<u16> = odd.into_iter().chain(vec![0x61; length]).collect();
                assert_eq!(ImagePath::from_wide(&units).to_wide(), units);
            }
        }
    }

    /// As many as the path's text has; an incomplete character becomes one, too.
    #[test]
    #[cfg(unix)]
    fn bytes_that_are_no_text_become_replacement_characters() {
        use std::os::unix::ffi::OsStrExt;

        for bytes in [&b"\xFF"[..], b"a\x80b", b"\xE2\x82", b"\xE2\x82a", b"a\xF0\x9F\x98"] {
            let path = ImagePath::new(std::ffi::OsStr::from_bytes(bytes));
            assert_eq!(String::from_utf16(&path.to_wide()).unwrap(), path.to_string_lossy());
        }
    }
}
