//! Sending an answer, well or badly.

use super::{
    answer::{Answer, Body, JSON},
    channel::Channel,
    fault::{Kind, Listener},
    journal::Seen,
    login::Denial,
    problem::{self, Problem},
    refusal::Refusal,
    shared::Shared,
    wire::Request,
};
use flate2::{Compress, Compression, Crc, FlushCompress, write::GzEncoder};
use std::{
    io::{self, Write},
    time::Duration,
};

/// Bodies longer than this are sent compressed to those who take it.
const WORTH_COMPRESSING: usize = 1 << 10;
/// What the largest bodies come to.
const GIB: u64 = 1 << 30;
const PIECE: usize = 64 << 10;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The next request may come.
    Keep,
    /// It ends.
    Close,
}

/// The answer of a fault that needs no request carried out.
pub fn instead(shared: &Shared, kind: Kind, seen: &Seen) -> Option<Answer> {
    if seen.listener == Listener::Graph
        && let Some(problem) = graph(kind)
    {
        let client = seen.client_request_id.as_deref();
        return Some(problem.answer(shared, &seen.request_id, client));
    }
    let login = seen.listener == Listener::Login;
    let denied = |denial: Denial| denial.answer(shared.clock);
    Some(match kind {
        Kind::Unauthorized if login => {
            denied(Denial::client(7000215, "Invalid client secret provided."))
        }
        Kind::BadRequest if login => denied(Denial::bad(
            "invalid_request",
            900144,
            "The request is malformed.",
        )),
        Kind::Unauthorized => Answer::empty(401),
        Kind::ForbiddenNul => Answer::forbidden(),
        Kind::NotFound => Answer::empty(404),
        Kind::NotAllowed => Answer::empty(405),
        Kind::Throttled => Answer::empty(429).with("Retry-After", "1"),
        Kind::ThrottledBare => Answer::empty(429),
        Kind::ServerError => {
            Answer::bytes(500, "text/html", "<html><body>Server Error</body></html>")
        }
        Kind::Unavailable => Answer::bytes(
            503,
            "text/html",
            "<html><body>Service Unavailable</body></html>",
        ),
        Kind::BadRequest => {
            Answer::json(400, &Refusal::invalid("A fault was asked for here.").body())
        }
        Kind::Html => Answer::bytes(
            200,
            "text/html; charset=utf-8",
            "<!DOCTYPE html>\n<html><head><title>Sign in to your account</title></head><body>Sign in</body></html>",
        ),
        Kind::Redirect => Answer::empty(302).with("Location", "http://192.0.2.1/adminapi/beta/"),
        _ => return None,
    })
}

/// What goes wrong at Graph in a form of its own.
fn graph(kind: Kind) -> Option<Problem> {
    Some(match kind {
        Kind::Unauthorized => Problem::token("Access token validation failure."),
        Kind::ForbiddenNul => Problem::forbidden("A fault was asked for here."),
        Kind::NotFound => Problem::not_found(),
        Kind::NotAllowed => Problem::not_allowed(),
        Kind::Throttled => Problem::throttled(Some("1".to_owned())),
        Kind::ThrottledBare => Problem::throttled(None),
        Kind::BadRequest => Problem::bad("A fault was asked for here."),
        _ => return None,
    })
}

/// Sends an answer.
pub fn send(
    shared: &Shared,
    channel: &mut Channel,
    request: &Request,
    seen: &Seen,
    answer: Answer,
) -> io::Result<After> {
    let fault = seen.fault;
    let mut head = head(shared, seen, &answer);
    let (kind, mut body) = match answer.body {
        Body::Bytes(kind, body) => (kind, body),
        Body::Page(page) => (JSON, page.render(fault).into_bytes()),
        Body::Listing(listing) => (problem::JSON, listing.render(fault).into_bytes()),
    };
    spoil(fault, &mut body);
    let _ = write!(head, "Content-Type: {kind}\r\n");
    match fault {
        Some(Kind::Huge) => return huge(shared, channel, head),
        Some(Kind::GzipBomb) => return bomb(channel, head),
        Some(Kind::BadGzip) => {
            body = b"\x1f\x8b\x08\x00this is not what gzip looks like".to_vec();
            head.extend(b"Content-Encoding: gzip\r\n");
        }
        // Cut gzip may still be read; cut JSON may not.
        Some(Kind::BadLength) => {}
        _ if compresses(shared, request, &body) => {
            body = compressed(&body)?;
            head.extend(b"Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        }
        _ => {}
    }
    let mut length = body.len();
    if fault == Some(Kind::BadLength) {
        length = length.saturating_sub(10);
    }
    let closes = request.closes();
    if closes {
        head.extend(b"Connection: close\r\n");
    }
    let _ = write!(head, "Content-Length: {length}\r\n\r\n");
    match fault {
        Some(Kind::HalfBody) => {
            head.extend(body.iter().take(length / 2));
            channel.write_all(&head)?;
            return Ok(After::Close);
        }
        Some(Kind::SlowBody) => slowly(shared, channel, &head, &body)?,
        _ => {
            head.extend(body);
            channel.write_all(&head)?;
        }
    }
    channel.flush()?;
    Ok(if closes { After::Close } else { After::Keep })
}

fn head(shared: &Shared, seen: &Seen, answer: &Answer) -> Vec<u8> {
    let mut head = Vec::with_capacity(4 << 10);
    let _ = write!(
        head,
        "HTTP/1.1 {} {}\r\nDate: {}\r\nrequest-id: {}\r\n",
        answer.status,
        reason(answer.status),
        shared.clock.date(),
        seen.request_id
    );
    if seen.listener == Listener::Exchange {
        let left = 30_000_u64.saturating_sub(seen.number % 30_000);
        let reset = shared.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let _ = write!(
            head,
            "X-ExchangeVersion: 15.20.0000.000\r\nRate-Limit-Limit: 30000\r\nRate-Limit-Remaining: {left}\r\nRate-Limit-Reset: {reset}\r\n"
        );
    }
    if seen.listener == Listener::Graph
        && let Some(id) = &seen.client_request_id
    {
        let _ = write!(head, "client-request-id: {id}\r\n");
    }
    if let Body::Page(page) = &answer.body {
        for warning in &page.warnings {
            let _ = write!(head, "X-Warnings: {warning}\r\n");
        }
    }
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        302 => "Found",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}

fn spoil(fault: Option<Kind>, body: &mut Vec<u8>) {
    match fault {
        Some(Kind::NotJson) => *body = b"\x07 this is not JSON {[".to_vec(),
        Some(Kind::TruncatedJson) => body.truncate(body.len() / 2),
        Some(Kind::EmptyBody) => body.clear(),
        _ => {}
    }
}

fn compresses(shared: &Shared, request: &Request, body: &[u8]) -> bool {
    let accepted = request.header("accept-encoding").unwrap_or_default();
    shared.options.gzip
        && body.len() > WORTH_COMPRESSING
        && accepted
            .split(',')
            .any(|coding| coding.trim().split(';').next() == Some("gzip"))
}

fn compressed(body: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()
}

fn slowly(shared: &Shared, channel: &mut Channel, head: &[u8], body: &[u8]) -> io::Result<()> {
    channel.write_all(head)?;
    for byte in body {
        channel.flush()?;
        shared.stop.sleep(Duration::from_millis(200));
        if shared.stop.is_stopped() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        channel.write_all(std::slice::from_ref(byte))?;
    }
    Ok(())
}

fn huge(shared: &Shared, channel: &mut Channel, mut head: Vec<u8>) -> io::Result<After> {
    let _ = write!(head, "Content-Length: {GIB}\r\n\r\n");
    channel.write_all(&head)?;
    let piece = [b' '; PIECE];
    let mut left = GIB;
    while left > 0 && !shared.stop.is_stopped() {
        channel.write_all(&piece)?;
        left = left.saturating_sub(PIECE as u64);
    }
    Ok(After::Close)
}

fn bomb(channel: &mut Channel, mut head: Vec<u8>) -> io::Result<After> {
    let body = gzip_bomb()?;
    let _ = write!(
        head,
        "Content-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    head.extend(body);
    channel.write_all(&head)?;
    channel.flush()?;
    Ok(After::Close)
}

/// One gzip member of 1 GiB of spaces. A piece compressed on its own is repeated, and so is never compressed twice.
fn gzip_bomb() -> io::Result<Vec<u8>> {
    let spaces = vec![b' '; 1 << 20];
    let mut piece = Vec::with_capacity(PIECE);
    Compress::new(Compression::best(), false)
        .compress_vec(&spaces, &mut piece, FlushCompress::Full)
        .map_err(io::Error::other)?;
    let mut all = Crc::new();
    all.update(&spaces);
    let mut bomb = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for _ in 0..10 {
        let mut same = Crc::new();
        same.combine(&all);
        all.combine(&same);
    }
    for _ in 0..1024 {
        bomb.extend(&piece);
    }
    // An empty last block, then checksum and length.
    bomb.extend([3, 0]);
    bomb.extend(all.sum().to_le_bytes());
    bomb.extend((1_u32 << 30).to_le_bytes());
    Ok(bomb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_bomb_is_valid_gzip_of_a_gibibyte() {
        let bomb = gzip_bomb().unwrap();
        assert!(bomb.len() < 2 << 20, "{}", bomb.len());
        let mut decoder = flate2::read::GzDecoder::new(&bomb[..]);
        let (mut piece, mut total) = (vec![0; 1 << 20], 0);
        loop {
            match decoder.read(&mut piece).unwrap() {
                0 => break,
                count => total += count as u64,
            }
        }
        assert_eq!(total, GIB);
    }
}
