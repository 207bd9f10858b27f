//! The character encodings a list may come in, and telling them apart.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use domain::Invalid;
use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// How the bytes of a file become text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8 without a byte order mark.
    Utf8,
    /// UTF-8 with a byte order mark, as Excel's "CSV UTF-8" writes it.
    Utf8Bom,
    /// UTF-16, low byte first, with or without a byte order mark; Excel's "Unicode text".
    Utf16Le,
    /// UTF-16, high byte first, with or without a byte order mark.
    Utf16Be,
    /// An older encoding in which line ends, quotes and delimiters are their ASCII bytes, `windows-1252` above all.
    Legacy(&'static encoding_rs::Encoding),
}

impl Encoding {
    /// The name in jobs, options and guesses: `utf-8`, `utf-8-bom`, `utf-16le`, `utf-16be`, `windows-1252`, ...
    pub fn name(self) -> String {
        match self {
            Self::Utf8Bom => "utf-8-bom".to_owned(),
            other => other.inner().name().to_ascii_lowercase(),
        }
    }

    /// Length of the byte order mark that `head`, the first bytes of the file, begins with: 0, 2 or 3.
    pub(crate) fn mark_bytes(self, head: &[u8]) -> usize {
        let mark: &[u8] = match self {
            Self::Utf8 | Self::Utf8Bom => b"\xef\xbb\xbf",
            Self::Utf16Le => b"\xff\xfe",
            Self::Utf16Be => b"\xfe\xff",
            Self::Legacy(_) => return 0,
        };
        if head.starts_with(mark) { mark.len() } else { 0 }
    }

    /// Whether a character takes two bytes or four, so that the file has to be transcoded before it can be split.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }

    /// The text of one row of a file that is split in its own bytes; `None` when the bytes are not of this encoding.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        match self {
            Self::Legacy(legacy) => legacy.decode_without_bom_handling_and_without_replacement(bytes),
            // A wide file has been transcoded to UTF-8 by now.
            _ => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        }
    }

    pub(crate) fn inner(self) -> &'static encoding_rs::Encoding {
        match self {
            Self::Utf8 | Self::Utf8Bom => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Legacy(legacy) => legacy,
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Serialize for Encoding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

impl FromStr for Encoding {
    type Err = Invalid;

    /// Any name or alias of the WHATWG Encoding Standard (`latin1`, `cp1252`, `windows-1251`, `gbk`, ...), and `utf-8-bom`.
    fn from_str(name: &str) -> Result<Self, Invalid> {
        let name = name.trim();
        if name.eq_ignore_ascii_case("utf-8-bom") {
            return Ok(Self::Utf8Bom);
        }
        let refused = || {
            let shown: String = name.chars().take(40).collect();
            Invalid::new(
                "encoding",
                format!("{shown:?} is not known: utf-8, utf-16le, utf-16be, windows-1252 and the like are"),
            )
        };
        let inner = encoding_rs::Encoding::for_label(name.as_bytes()).ok_or_else(refused)?;
        match inner {
            found if found == UTF_8 => Ok(Self::Utf8),
            found if found == UTF_16LE => Ok(Self::Utf16Le),
            found if found == UTF_16BE => Ok(Self::Utf16Be),
            // ISO-2022-JP switches meaning by escape sequences, so a row cannot be read on its own.
            found if found.is_ascii_compatible() => Ok(Self::Legacy(found)),
            _ => Err(refused()),
        }
    }
}

/// Counts what speaks for UTF-8 and against it, over a file of any size fed in blocks.
///
/// A list glued together from two sources holds both. It is read as UTF-8 when that makes sense of more places than
/// it spoils; the spoilt rows are then refused one by one instead of turning every accent of the file to rubbish.
pub(crate) struct Utf8Census {
    carry: Vec<u8>,
    good: u64,
    bad: u64,
    detector: EncodingDetector,
    fed_bytes: usize,
}

/// How much of a file that is not UTF-8 is shown to the detector of older encodings, in bytes.
const DETECTOR_BYTES: usize = 1 << 20;

impl Utf8Census {
    pub(crate) fn new() -> Self {
        Self {
            carry: Vec::new(),
            good: 0,
            bad: 0,
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            fed_bytes: 0,
        }
    }

    pub(crate) fn feed(&mut self, block: &[u8]) {
        if self.carry.is_empty() && block.is_ascii() {
            return;
        }
        let mut joined = std::mem::take(&mut self.carry);
        joined.extend_from_slice(block);
        let mut rest: &[u8] = &joined;
        let bad_before = self.bad;
        loop {
            match str::from_utf8(rest) {
                Ok(text) => {
                    self.good += leads(text.as_bytes());
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    self.good += leads(valid);
                    let Some(length) = error.error_len() else {
                        self.carry = after.to_vec();
                        break;
                    };
                    self.bad += 1;
                    rest = &after[length..];
                }
            }
        }
        if self.bad > bad_before && self.fed_bytes < DETECTOR_BYTES {
            let shown = &joined[..joined.len().min(DETECTOR_BYTES - self.fed_bytes)];
            self.detector.feed(shown, false);
            self.fed_bytes += shown.len();
        }
    }

    /// The verdict. `complete` says that the file ended here, so that a sequence cut short counts as bad.
    /// `country` is an ISO code; it decides between encodings that fit equally well.
    pub(crate) fn guess(mut self, complete: bool, country: Option<&str>) -> Encoding {
        if complete && !self.carry.is_empty() {
            self.bad += 1;
            if self.fed_bytes == 0 {
                self.detector.feed(&self.carry, false);
            }
        }
        if self.bad == 0 || self.good > self.bad {
            return Encoding::Utf8;
        }
        self.detector.feed(b"", true);
        let domain = country.map(|code| match code.to_ascii_lowercase().as_str() {
            "gb" => "uk".to_owned(),
            other => other.to_owned(),
        });
        let domain = domain.as_deref().filter(|d| d.len() == 2 && d.bytes().all(|b| b.is_ascii_lowercase()));
        let found = self.detector.guess(domain.map(str::as_bytes), Utf8Detection::Deny);
        if found.is_ascii_compatible() { Encoding::Legacy(found) } else { Encoding::Legacy(WINDOWS_1252) }
    }
}

/// First bytes of multi-byte sequences in valid UTF-8, that is: its non-ASCII characters.
fn leads(valid: &[u8]) -> u64 {
    valid.iter().filter(|&&b| b >= 0xc0).count() as u64
}

/// UTF-16 or UTF-8 by a byte order mark, or UTF-16 by the zero bytes that plain letters leave in it.
pub(crate) fn by_shape(head: &[u8]) -> Option<Encoding> {
    if head.starts_with(b"\xef\xbb\xbf") {
        return Some(Encoding::Utf8Bom);
    }
    if head.starts_with(b"\xff\xfe") {
        return Some(Encoding::Utf16Le);
    }
    if head.starts_with(b"\xfe\xff") {
        return Some(Encoding::Utf16Be);
    }
    let pairs = head.len() / 2;
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    // Digits, delimiters and line ends are most of a list, in every script.
    if pairs >= 2 && odd * 10 >= pairs * 4 && even * 10 < pairs {
        return Some(Encoding::Utf16Le);
    }
    if pairs >= 2 && even * 10 >= pairs * 4 && odd * 10 < pairs {
        return Some(Encoding::Utf16Be);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(bytes: &[u8]) -> String {
        if let Some(shape) = by_shape(bytes) {
            return shape.name();
        }
        let mut census = Utf8Census::new();
        for block in bytes.chunks(3) {
            census.feed(block);
        }
        census.guess(true, Some("IT")).name()
    }

    #[test]
    fn the_usual_encodings_are_told_apart() {
        assert_eq!(guess(b"NUM,NAME\r\n5551234,Anna\r\n"), "utf-8");
        assert_eq!(guess("NUM,NAME\n5551234,Niccolò\n".as_bytes()), "utf-8");
        assert_eq!(guess(b"\xef\xbb\xbfNUM,NAME\n"), "utf-8-bom");
        assert_eq!(guess(b"NUM,NAME\n5551234,Niccol\xf2 Citt\xe0\n"), "windows-1252");
        assert_eq!(guess(b"NUM,PRICE\n5551234,\x80 12\n"), "windows-1252");
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert_eq!(guess(&wide("NUM\tNAME\n5551234\tИван\n")), "utf-16le");
        assert_eq!(guess(&wide("\u{feff}NUM\tNAME\n")), "utf-16le");
        let big = "NUM,NAME\n5551234,Anna\n".encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        assert_eq!(guess(&big), "utf-16be");
    }

    #[test]
    fn a_few_broken_rows_do_not_spoil_a_utf_8_file() {
        let mut file = "5551234,Niccolò\n5551235,Città\n".repeat(3).into_bytes();
        file.extend_from_slice(b"5551236,Citt\xe0\n");
        assert_eq!(guess(&file), "utf-8");
    }

    #[test]
    fn a_name_that_cannot_be_split_by_rows_or_is_unknown_is_refused() {
        for name in ["iso-2022-jp", "replacement", "ebcdic", ""] {
            assert_eq!(name.parse::<Encoding>().unwrap_err().field, "encoding", "{name}");
        }
        for (name, full) in [("cp1252", "windows-1252"), ("latin1", "windows-1252"), ("UTF-16", "utf-16le")] {
            assert_eq!(name.parse::<Encoding>().unwrap().name(), full);
        }
        for name in ["utf-8", "utf-8-bom", "utf-16be", "windows-1251", "gbk"] {
            assert_eq!(name.parse::<Encoding>().unwrap().name(), name);
        }
    }
}
