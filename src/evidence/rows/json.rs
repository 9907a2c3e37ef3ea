//! JSON of every shape in which tools write rows: an array, an answer with its rows in `value` or `results`,
//! one object a line, or one object.
//!
//! Rows are cut by brackets and quotes alone and read one by one afterwards, so
//! that a file of any size is never in memory, and a broken row is one row.

use super::{Ahead, Block, Cut};
use crate::evidence::decode::Decoded;
use std::io::{self, Read};
use std::ops::Range;

/// The keys under which answers hold their rows.
const ROWS: [&[u8]; 5] = [b"value", b"results", b"Results", b"records", b"d"];

/// Where the reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between rows at the top of the file.
    Top,
    /// In an array of rows.
    Array,
    /// In an answer, around its rows.
    Answer,
}

/// Cuts JSON into rows.
pub struct Json<R> {
    ahead: Ahead<R>,
    line: usize,
    places: Vec<Place>,
    cut_off: bool,
    /// What stands in an answer beside its rows.
    around: Vec<u8>,
}

/// What comes next in the text.
enum Next {
    /// A row, and what the reader goes on from.
    Row(Range<usize>),
    /// Something that is no row was passed, up to here.
    Passed(usize),
    /// The text ends in the middle.
    More,
}

impl<R: Read> Json<R> {
    /// Cuts a stream.
    pub const fn open(stream: Decoded<R>) -> Self {
        Self {
            ahead: Ahead::new(stream),
            line: 1,
            places: Vec::new(),
            cut_off: false,
            around: Vec::new(),
        }
    }

    fn place(&self) -> Place {
        self.places.last().copied().unwrap_or(Place::Top)
    }

    /// Passes a comma or an end, goes into an array or answer, or finds a row.
    fn step(&mut self, at: usize) -> Next {
        let bytes = &self.ahead.bytes;
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(blank) = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b',' | 0x1e))
        else {
            return Next::Passed(bytes.len());
        };
        let at = at + blank;
        let first = bytes.get(at).copied().unwrap_or_default();
        match (self.place(), first) {
            (_, b']' | b'}') => {
                self.places.pop();
                Next::Passed(at + 1)
            }
            (Place::Top | Place::Array, b'[') => {
                self.places.push(Place::Array);
                Next::Passed(at + 1)
            }
            (Place::Top, b'{') => self.object(at),
            (Place::Answer, b'"') => self.member(at),
            _ => match value_end(bytes, at) {
                Some(end) => Next::Row(at..end),
                None => Next::More,
            },
        }
    }

    /// An object at the top is a row, or an answer that holds rows.
    fn object(&mut self, at: usize) -> Next {
        if let Some(inner) = answer(&self.ahead.bytes, at, self.ahead.at_end) {
            return match inner {
                true => {
                    self.places.push(Place::Answer);
                    Next::Passed(at + 1)
                }
                false => match value_end(&self.ahead.bytes, at) {
                    Some(end) => Next::Row(at..end),
                    None => Next::More,
                },
            };
        }
        Next::More
    }

    /// A member of an answer: its rows, or something around them.
    fn member(&mut self, at: usize) -> Next {
        let bytes = &self.ahead.bytes;
        let Some((key, value)) = key_and_value(bytes, at) else {
            return Next::More;
        };
        let first = bytes.get(value).copied().unwrap_or_default();
        let is_rows = ROWS.contains(&bytes.get(key.clone()).unwrap_or_default());
        if is_rows && first == b'[' {
            self.places.push(Place::Array);
            return Next::Passed(value + 1);
        }
        // The old reporting service: an answer in an answer.
        if bytes.get(key) == Some(b"d") && first == b'{' {
            self.places.push(Place::Answer);
            return Next::Passed(value + 1);
        }
        let Some(end) = value_end(bytes, value) else {
            return Next::More;
        };
        if self.around.len() < super::BLOCK {
            let member = bytes.get(at..end).unwrap_or_default();
            if !self.around.is_empty() {
                self.around.push(b',');
            }
            self.around.extend_from_slice(member);
        }
        Next::Passed(end)
    }

    fn block(&mut self, room: Block, end: usize) -> Block {
        let block = Block {
            bytes: self.ahead.cut(end, room.bytes),
            line: self.line,
            read: self.ahead.taken(),
            ..room
        };
        self.line += memchr::memchr_iter(b'\n', &block.bytes).count();
        block
    }
}

impl<R: Read> Cut for Json<R> {
    fn next(&mut self, mut room: Block) -> io::Result<Option<Block>> {
        room.rows.clear();
        let mut at = 0;
        loop {
            if at >= super::BLOCK {
                return Ok(Some(self.block(room, at)));
            }
            match self.step(at) {
                Next::Row(row) => {
                    at = row.end;
                    room.rows.push(row);
                }
                Next::Passed(end) if end < self.ahead.bytes.len() => at = end,
                Next::Passed(end) if self.ahead.at_end => {
                    self.cut_off |= !self.places.is_empty();
                    let is_last = end == 0;
                    return Ok((!is_last).then(|| self.block(room, end)));
                }
                Next::More if self.ahead.at_end => {
                    // The last row is cut off: it is handed on to be rejected with its line.
                    self.cut_off = true;
                    let end = self.ahead.bytes.len();
                    if at < end {
                        room.rows.push(at..end);
                        self.places.clear();
                    }
                    return Ok((end > 0).then(|| self.block(room, end)));
                }
                Next::Passed(end) => {
                    at = end;
                    self.ahead.more()?;
                }
                Next::More => self.ahead.more()?,
            }
        }
    }

    fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.cut_off {
            doubts.push("it is cut off before its end".to_owned());
        }
        let around = [b"{", self.around.as_slice(), b"}"].concat();
        let Ok(around) = serde_json::from_slice::<serde_json::Value>(&around) else {
            return doubts;
        };
        let says = |name: &str| around.get(name).filter(|value| !value.is_null());
        if says("@odata.nextLink").is_some() {
            doubts.push("the answer has a next page that is not in the file".to_owned());
        }
        if let Some(error) = says("error") {
            doubts.push(format!(
                "the service's error is in it: {}",
                crate::finding::excerpt(&error.to_string())
            ));
        }
        let warnings = says("@adminapi.warnings").and_then(|list| list.as_array());
        if let Some(warning) = warnings.and_then(|list| list.first()) {
            let warning = crate::finding::excerpt(warning.as_str().unwrap_or_default());
            doubts.push(format!("the service warned: {warning}"));
        }
        doubts
    }
}

/// Whether an object holds rows under a key of its own; `None` where the text ends before that is known.
fn answer(bytes: &[u8], at: usize, at_end: bool) -> Option<bool> {
    let mut at = at + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(next) = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace() && *byte != b',')
        else {
            return at_end.then_some(false);
        };
        at += next;
        if bytes.get(at) != Some(&b'"') {
            return Some(false);
        }
        let Some((key, value)) = key_and_value(bytes, at) else {
            return at_end.then_some(false);
        };
        let key = bytes.get(key).unwrap_or_default();
        let holds = match bytes.get(value) {
            Some(b'[') => ROWS.contains(&key),
            Some(b'{') => key == b"d",
            _ => false,
        };
        if holds {
            return Some(true);
        }
        match value_end(bytes, value) {
            Some(end) => at = end,
            // A row that is not whole yet, or an answer whose beginning is large.
            None => return at_end.then_some(false),
        }
    }
}

/// The key of a member without quotes, and where its value begins.
fn key_and_value(bytes: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let end = string_end(bytes, at)?;
    let rest = bytes.get(end..)?;
    let colon = end + rest.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let after = bytes.get(colon + 1..)?;
    let value = colon + 1 + after.iter().position(|byte| !byte.is_ascii_whitespace())?;
    Some((at + 1..end.saturating_sub(1), value))
}

/// Behind the text that begins here.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let hit = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes.get(hit) == Some(&b'"') {
            return Some(hit + 1);
        }
        from = hit + 2;
    }
}

/// Behind the value that begins here; `None` where the text ends inside it.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'{' | b'[' => {
            let mut depth = 0_usize;
            let mut from = at;
            loop {
                let byte = bytes.get(from)?;
                match byte {
                    b'"' => {
                        from = string_end(bytes, from)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return Some(from + 1);
                        }
                    }
                    _ => {}
                }
                from += 1;
            }
        }
        _ => {
            let rest = bytes.get(at..)?;
            let end = rest.iter().position(|byte| {
                matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace()
            })?;
            Some(at + end.max(1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decode::Encoding;

    /// Hands out a byte at a time, so that every place is the end of what is there.
    struct Drops<'t>(&'t [u8]);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let (Some(first), Some(slot)) = (self.0.first(), buffer.first_mut()) else {
                return Ok(0);
            };
            *slot = *first;
            self.0 = self.0.get(1..).unwrap_or_default();
            Ok(1)
        }
    }

    fn cut(reader: impl Read) -> (Vec<String>, Vec<String>) {
        let mut json = Json::open(Decoded::new(reader, Encoding::Utf8));
        let mut rows = Vec::new();
        while let Some(block) = json.next(Block::default()).unwrap() {
            let texts = block
                .rows()
                .map(|(row, _)| String::from_utf8_lossy(row).into_owned());
            rows.extend(texts.collect::<Vec<_>>());
        }
        (rows, json.doubts())
    }

    #[test]
    fn rows_are_the_same_in_every_shape() {
        let (one, two) = (r#"{"a":"]},\"","b":[{"c":1}]}"#, r#"{"a":2}"#);
        for text in [
            format!("[{one},{two}]"),
            format!(" [\r\n{one} ,\r\n{two}\r\n]\n"),
            format!("{one}\n{two}\n"),
            format!("{one}{two}"),
            format!(r#"{{"@odata.context":"x","value":[{one},{two}]}}"#),
            format!(r#"{{"schema":[{{"name":"a"}}],"results":[{one},{two}],"stats":{{}}}}"#),
            format!(r#"{{"value":[{one}]}}{{"value":[{two}]}}"#),
        ] {
            for (rows, doubts) in [cut(text.as_bytes()), cut(Drops(text.as_bytes()))] {
                assert_eq!(rows, [one, two], "{text}");
                assert!(doubts.is_empty(), "{text}: {doubts:?}");
            }
        }
    }

    #[test]
    fn what_is_not_all_says_so() {
        for (text, rows, doubt) in [
            (r#"[{"a":1},{"a":"#, 2, "cut off"),
            (r#"[{"a":1}"#, 1, "cut off"),
            (
                r#"{"value":[{"a":1}],"@odata.nextLink":"https://x"}"#,
                1,
                "next page",
            ),
            (
                r#"{"@adminapi.warnings":["more rows"],"value":[{"a":1}]}"#,
                1,
                "more rows",
            ),
            (r#"{"value":[],"error":{"code":"x"}}"#, 0, "error"),
        ] {
            let (found, doubts) = cut(text.as_bytes());
            assert_eq!(found.len(), rows, "{text}");
            assert!(
                doubts.iter().any(|own| own.contains(doubt)),
                "{text}: {doubts:?}"
            );
        }
    }

    #[test]
    fn other_values_are_rows_that_no_reader_takes() {
        assert_eq!(cut(&b"[null]"[..]).0, ["null"]);
        assert_eq!(cut(&b"[]"[..]).0, Vec::<String>::new());
        assert_eq!(cut(&b""[..]).0, Vec::<String>::new());
        assert_eq!(cut(&b"]]}{"[..]).0, ["{"]);
    }
}
