//! Bytes of a foreign file as UTF-8, a piece at a time, whatever a tool encoded them in.
//!
//! Traces have gigabytes and are never in memory as a whole, so this is the
//! reader of a stream, where `source::text` is that of a file.

use std::io::{self, Read};

/// How a file's characters are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a mark.
    Utf8,
    /// UTF-16, low byte first: Windows PowerShell, historical searches.
    Utf16Le,
    /// UTF-16, high byte first.
    Utf16Be,
}

impl Encoding {
    /// Tells the encoding from a file's first bytes, and how many of them are its mark.
    ///
    /// Historical searches are UTF-16 without a mark: they are told by the NUL beside the first character.
    pub fn of(head: &[u8]) -> (Self, usize) {
        match head {
            [0xEF, 0xBB, 0xBF, ..] => (Self::Utf8, 3),
            [0xFF, 0xFE, ..] => (Self::Utf16Le, 2),
            [0xFE, 0xFF, ..] => (Self::Utf16Be, 2),
            [first, 0, ..] if *first != 0 => (Self::Utf16Le, 0),
            [0, second, ..] if *second != 0 => (Self::Utf16Be, 0),
            _ => (Self::Utf8, 0),
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
        }
    }
}

/// A stream of UTF-8. What is no character comes out as U+FFFD: a row is judged by what can be read of it.
pub struct Decoded<R> {
    inner: R,
    encoding: Encoding,
    /// UTF-16 that was read and not yet decoded: at most a surrogate and a half.
    rest: Vec<u8>,
    raw: Vec<u8>,
    at_end: bool,
}

impl<R: Read> Decoded<R> {
    /// Decodes a stream whose mark, if it had one, was read.
    pub const fn new(inner: R, encoding: Encoding) -> Self {
        Self {
            inner,
            encoding,
            rest: Vec::new(),
            raw: Vec::new(),
            at_end: false,
        }
    }

    /// Appends up to about `most` bytes of UTF-8, and says how many bytes of the file they are; 0 at its end.
    ///
    /// # Errors
    ///
    /// Those of reading.
    pub fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        if self.at_end {
            return Ok(0);
        }
        if self.encoding == Encoding::Utf8 {
            // At once, and not in steps that grow.
            out.reserve(most);
            let read = (&mut self.inner).take(most as u64).read_to_end(out)?;
            self.at_end = read == 0;
            return Ok(read);
        }
        self.raw.clear();
        self.raw.append(&mut self.rest);
        let read = (&mut self.inner)
            .take(most as u64)
            .read_to_end(&mut self.raw)?;
        self.at_end = read == 0;
        let unit = match self.encoding {
            Encoding::Utf16Be => u16::from_be_bytes,
            _ => u16::from_le_bytes,
        };
        let (pairs, odd) = self.raw.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().copied().map(unit).collect();
        let is_high = |unit: &u16| (0xD800..0xDC00).contains(unit);
        // Half a character waits for its other half.
        if !self.at_end && units.last().is_some_and(is_high) {
            units.pop();
            let from = pairs.len().saturating_sub(1) * 2;
            self.rest = self.raw.get(from..).unwrap_or_default().to_vec();
        } else {
            self.rest = odd.to_vec();
        }
        for c in char::decode_utf16(units) {
            let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
            let mut buffer = [0; 4];
            out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], most: usize) -> String {
        let (encoding, mark) = Encoding::of(bytes);
        let mut stream = Decoded::new(bytes.get(mark..).unwrap_or_default(), encoding);
        let mut out = Vec::new();
        while stream.read_into(&mut out, most).is_ok_and(|read| read > 0) {}
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_encoding_is_one_text_wherever_pieces_end() {
        let text = "date,subject\r\n2026-11-20,Grüße 😀\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(&[0xEF, 0xBB, 0xBF], text.as_bytes()),
            little.clone(),
            marked(&[0xFF, 0xFE], &little),
            big.clone(),
            marked(&[0xFE, 0xFF], &big),
        ] {
            for most in [1, 2, 3, 5, 7, 1000] {
                assert_eq!(decoded(&bytes, most), text, "{most}");
            }
        }
    }
}
