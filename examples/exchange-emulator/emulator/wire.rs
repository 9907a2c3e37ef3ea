//! Requests as they arrive: HTTP/1.1 by hand, so that it is known exactly what was read when.

use std::{
    io::{self, Read, Write},
    net::SocketAddr,
};

/// The most bytes that the head of a request may have.
const HEAD: usize = 64 << 10;
/// The most bytes that the body of a request may have.
const BODY: usize = 8 << 20;

/// One request.
#[derive(Debug, Default)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// Headers as sent, in order.
    pub headers: Vec<(String, String)>,
    /// The body, its framing taken off.
    pub body: Vec<u8>,
    /// Where it comes from, if that is known.
    pub peer: Option<SocketAddr>,
}

impl Request {
    /// A header by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(&self.target, |(path, _)| path)
    }

    /// The parts of the path, decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path()
            .split('/')
            .skip(1)
            .map(|part| decoded(part, false))
            .collect()
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.target.split_once('?')?;
        pairs(query)
            .into_iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The fields of a body that is a form.
    pub fn form(&self) -> Vec<(String, String)> {
        pairs(&String::from_utf8_lossy(&self.body))
    }

    /// The token that it presents.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Whether the sender wants the connection closed.
    pub fn closes(&self) -> bool {
        self.header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Reads the next request; `None` when the other side has closed between two of them.
///
/// `buffer` holds what was read beyond the request before.
pub fn read(stream: &mut (impl Read + Write), buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let mut inlet = Inlet { stream, buffer };
    let Some(mut request) = inlet.head()? else {
        return Ok(None);
    };
    if request
        .header("expect")
        .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    {
        inlet.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        inlet.stream.flush()?;
    }
    request.body = inlet.body(&request)?;
    Ok(Some(request))
}

struct Inlet<'a, S> {
    stream: &'a mut S,
    buffer: &'a mut Vec<u8>,
}

impl<S: Read + Write> Inlet<'_, S> {
    /// Reads some more; how many bytes, 0 at the end.
    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 << 10];
        loop {
            match self.stream.read(&mut piece) {
                Ok(count) => {
                    self.buffer.extend(piece.iter().take(count));
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        match self.fill()? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.more()?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    fn head(&mut self) -> io::Result<Option<Request>> {
        loop {
            if let Some((request, length)) = head(self.buffer)? {
                self.buffer.drain(..length);
                return Ok(Some(request));
            }
            if self.buffer.len() > HEAD {
                return Err(malformed("the head is too long"));
            }
            let between = self.buffer.is_empty();
            match self.fill()? {
                0 if between => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                _ => {}
            }
        }
    }

    fn body(&mut self, request: &Request) -> io::Result<Vec<u8>> {
        match request.header("transfer-encoding") {
            Some(coding) if coding.eq_ignore_ascii_case("chunked") => self.chunked(),
            Some(_) => Err(malformed("a transfer coding other than chunked")),
            None => {
                let length = request.header("content-length").unwrap_or("0");
                let length = length
                    .parse()
                    .map_err(|_| malformed("a length that is no number"))?;
                if length > BODY {
                    return Err(malformed("the body is too long"));
                }
                self.take(length)
            }
        }
    }

    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = self.chunk_size()?;
            if size == 0 {
                self.trailers()?;
                return Ok(body);
            }
            if body.len().saturating_add(size) > BODY {
                return Err(malformed("the body is too long"));
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(malformed("a chunk is longer than it says"));
            }
        }
    }

    fn chunk_size(&mut self) -> io::Result<usize> {
        loop {
            match httparse::parse_chunk_size(self.buffer) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.buffer.drain(..length);
                    return usize::try_from(size).map_err(|_| malformed("a chunk is too long"));
                }
                Ok(httparse::Status::Partial) if self.buffer.len() <= HEAD => self.more()?,
                _ => return Err(malformed("a chunk's size cannot be read")),
            }
        }
    }

    /// Reads up to the empty line after the last chunk; trailers are of no interest.
    fn trailers(&mut self) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            let byte = self.take(1)?;
            line.extend(byte);
            if line == b"\r\n" {
                return Ok(());
            }
            if line.ends_with(b"\n") {
                line.clear();
            }
            if line.len() > HEAD {
                return Err(malformed("a trailer is too long"));
            }
        }
    }
}

/// The head of a request and how long it is, if it is there completely.
fn head(buffer: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let status = parsed
        .parse(buffer)
        .map_err(|error| malformed(&error.to_string()))?;
    let httparse::Status::Complete(length) = status else {
        return Ok(None);
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        headers: parsed
            .headers
            .iter()
            .map(|header| (header.name.to_owned(), text(header.value)))
            .collect(),
        body: Vec::new(),
        peer: None,
    };
    Ok(Some((request, length)))
}

fn malformed(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decoded(key, true), decoded(value, true)))
        .collect()
}

/// Percent-decoding; in forms and queries `+` is a space.
fn decoded(text: &str, plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) if plus => bytes.push(b' '),
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that gives its bytes one by one, the worst that TCP may do.
    struct Drip(Vec<u8>, Vec<u8>);

    impl Read for Drip {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    impl Write for Drip {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1.extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn all(text: &str) -> io::Result<Vec<Request>> {
        let mut stream = Drip(text.into(), Vec::new());
        let mut buffer = Vec::new();
        let mut requests = Vec::new();
        while let Some(request) = read(&mut stream, &mut buffer)? {
            requests.push(request);
        }
        Ok(requests)
    }

    #[test]
    fn lengths_and_chunks_frame_requests() {
        let requests = all(
            "POST /a?x=1&y=a%20b+c HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc\
             POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
             2;x=y\r\nde\r\n1\r\nf\r\n0\r\nTrailer: 1\r\n\r\n\
             GET /c%2Fd HTTP/1.1\r\n\r\n",
        )
        .unwrap();
        let bodies: Vec<_> = requests.iter().map(|request| &request.body[..]).collect();
        assert_eq!(bodies, [&b"abc"[..], b"def", b""]);
        assert_eq!(requests[0].path(), "/a");
        assert_eq!(requests[0].query("y").as_deref(), Some("a b c"));
        assert_eq!(requests[2].segments(), ["c/d"]);
    }

    #[test]
    fn what_is_cut_or_too_long_is_refused() {
        for (text, kind) in [
            ("GET / HT", io::ErrorKind::UnexpectedEof),
            (
                "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
                io::ErrorKind::UnexpectedEof,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                io::ErrorKind::InvalidData,
            ),
            (
                "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
                io::ErrorKind::InvalidData,
            ),
            (
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                io::ErrorKind::InvalidData,
            ),
            ("\u{1}\u{2}\r\n\r\n", io::ErrorKind::InvalidData),
        ] {
            assert_eq!(all(text).unwrap_err().kind(), kind, "{text:?}");
        }
    }

    #[test]
    fn a_sender_that_asks_first_is_told_to_go_on() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx";
        let mut stream = Drip(text.into(), Vec::new());
        read(&mut stream, &mut Vec::new()).unwrap().unwrap();
        assert!(stream.1.starts_with(b"HTTP/1.1 100"));
    }
}
