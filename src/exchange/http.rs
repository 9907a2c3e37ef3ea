//! Requests: bounded in size and time, repeated only where that is safe, and never redirected.

use super::fault::{Fault, Kind};
use super::hosts::Hosts;
use super::patience::{ATTEMPTS, Budget, Patience, pause, seconds};
use jiff::Timestamp;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, Url};
use ring::rand::{SecureRandom as _, SystemRandom};
use std::io::Read as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The largest answer that is read, in bytes. Ten thousand connectors are some forty million.
pub const LARGEST: usize = 128 * 1024 * 1024;

/// How long connecting may take.
const CONNECTING: Duration = Duration::from_secs(15);

/// The header by which the service knows a request.
const REQUEST_ID: &str = "request-id";

/// Sends requests.
pub struct Http {
    /// For the service. Made when it is needed: it reads the certificates of this machine.
    client: OnceLock<Result<Client, Fault>>,
    /// For addresses of this machine, which no proxy may see.
    near: OnceLock<Result<Client, Fault>>,
    /// How long is waited.
    pub patience: Patience,
    hosts: Hosts,
}

/// What is sent.
pub struct Call<'a> {
    /// What is asked, as faults name it.
    pub what: &'a str,
    /// How.
    pub method: Method,
    /// Where.
    pub url: &'a Url,
    /// Headers; secrets among them are marked as such.
    pub headers: Vec<(&'static str, HeaderValue)>,
    /// The body.
    pub body: Body<'a>,
    /// Whether it goes to an address of this machine.
    pub near: bool,
}

/// The body of a request.
pub enum Body<'a> {
    /// None.
    None,
    /// JSON text.
    Json(&'a str),
    /// Form fields, secrets among them.
    Form(&'a [(&'a str, &'a str)]),
}

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, unpacked.
    pub body: Vec<u8>,
    /// The id by which the service knows the request, else ours.
    pub request: String,
}

impl Reply {
    /// The value of a header, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the service asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.header("retry-after")?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(Duration::from_secs(seconds));
        }
        let time = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let left = time.duration_since(Timestamp::now());
        Some(Duration::try_from(left).unwrap_or_default())
    }

    /// The time of the server's clock.
    pub fn date(&self) -> Option<Timestamp> {
        let text = self.header("date")?;
        Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
    }
}

/// A request of which it is not known what became, or that was not even sent.
#[derive(Debug)]
pub struct Lost {
    /// Whether the service certainly never saw it.
    pub unsent: bool,
    /// Whether another attempt would meet the same.
    pub final_: bool,
    /// What went wrong.
    pub fault: Fault,
}

/// What an answer is worth.
pub enum Worth<T> {
    /// It is what was asked for.
    Good(T),
    /// It is not, and another attempt may bring it.
    Again(Fault),
    /// It is not, and no attempt will.
    Never(Fault),
}

impl Http {
    /// A client that waits so long. Nothing is looked at before something is sent.
    pub fn new(patience: Patience) -> Self {
        // A second provider in one process is no mistake of ours.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            client: OnceLock::new(),
            near: OnceLock::new(),
            patience,
            hosts: Hosts::default(),
        }
    }

    fn client(&self, near: bool) -> Result<&Client, Fault> {
        let kept = if near { &self.near } else { &self.client };
        let made = kept.get_or_init(|| {
            let builder = Client::builder()
                .user_agent(concat!("connguard/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .connect_timeout(CONNECTING.min(self.patience.request))
                .timeout(self.patience.request)
                .referer(false);
            let builder = if near { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| {
                Fault::new(
                    Kind::Local,
                    "network",
                    format!("no request can be sent from here: {}", reason(&error)),
                    "look at the proxy variables and at this machine's certificates",
                )
            })
        });
        made.as_ref().map_err(Clone::clone)
    }

    /// Sends a request once.
    ///
    /// # Errors
    ///
    /// The request is lost where no whole answer came.
    pub fn once(&self, call: &Call<'_>, budget: &Budget) -> Result<Reply, Lost> {
        let own_id = identifier();
        let host = call.url.host_str().unwrap_or_default();
        let place = self.hosts.enter(host, budget.left());
        let timeout = match place {
            Some(_) => self.patience.request.min(budget.left()),
            None => Duration::ZERO,
        };
        let end = Instant::now() + timeout;
        let lost = |unsent: bool, final_: bool, kind: Kind, message: String| Lost {
            unsent,
            final_,
            fault: Fault::new(kind, call.what, message, help(kind, call.url))
                .after(std::slice::from_ref(&own_id)),
        };
        if timeout.is_zero() {
            let message = "the time for this tenant is over".to_owned();
            return Err(lost(true, true, Kind::Budget, message));
        }
        let client = self.client(call.near).map_err(|fault| Lost {
            unsent: true,
            final_: true,
            fault,
        })?;
        let sent = request(client, call, &own_id).timeout(timeout).send();
        let mut response = sent.map_err(|error| {
            let words = reason(&error);
            let certificate = words.contains("certificate");
            let kind = if certificate {
                Kind::Certificate
            } else {
                Kind::Network
            };
            let message = if error.is_timeout() {
                format!("no answer within {}", seconds(timeout))
            } else {
                words
            };
            lost(error.is_connect(), certificate, kind, message)
        })?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let given = headers
            .get(REQUEST_ID)
            .or_else(|| headers.get("x-ms-request-id"));
        let given = given.and_then(|id| id.to_str().ok());
        let request = given
            .filter(|id| is_identifier(id))
            .unwrap_or(&own_id)
            .to_owned();
        let body = match whole(&mut response, end) {
            Ok(body) => body,
            // Of a refusal the reason is wanted, not every byte: some are no gzip although they say so.
            Err(_) if status >= 400 => Vec::new(),
            Err(cut) => {
                let mut lost = match cut {
                    Cut::TooLarge => lost(
                        false,
                        true,
                        Kind::Malformed,
                        format!("the answer is larger than {} MiB", LARGEST >> 20),
                    ),
                    Cut::Late => lost(
                        false,
                        false,
                        Kind::Network,
                        format!("the answer was not complete within {}", seconds(timeout)),
                    ),
                    Cut::Broken(why) => lost(
                        false,
                        false,
                        Kind::Network,
                        format!("the answer ended early: {why}"),
                    ),
                };
                lost.fault.requests = vec![request];
                return Err(lost);
            }
        };
        Ok(Reply {
            status,
            headers,
            body,
            request,
        })
    }

    /// Sends a request that only reads, again where that may help, and says what the answer is worth.
    ///
    /// # Errors
    ///
    /// The last fault, with the ids of every request that was sent.
    pub fn read<T>(
        &self,
        call: &Call<'_>,
        budget: &Budget,
        worth: impl Fn(Reply) -> Worth<T>,
    ) -> Result<T, Fault> {
        let mut requests: Vec<String> = Vec::new();
        for attempt in 1.. {
            let (fault, wait) = match self.once(call, budget) {
                Err(lost) => {
                    requests.extend(lost.fault.requests.iter().cloned());
                    if lost.final_ {
                        return Err(lost.fault.after(&requests));
                    }
                    (lost.fault, None)
                }
                Ok(reply) => {
                    requests.push(reply.request.clone());
                    let wait = reply.retry_after();
                    let worth = match busy(call, &reply) {
                        Some(fault) => Worth::Again(fault),
                        None => worth(reply),
                    };
                    match worth {
                        Worth::Good(answer) => return Ok(answer),
                        Worth::Never(fault) => return Err(fault.after(&requests)),
                        Worth::Again(fault) => (fault, wait),
                    }
                }
            };
            if attempt >= ATTEMPTS {
                return Err(fault.after(&requests));
            }
            let pause = wait.map_or_else(|| pause(attempt), |wait| wait.max(pause(attempt)));
            budget
                .wait(pause, call.what, &fault.message)
                .map_err(|fault| fault.after(&requests))?;
        }
        unreachable_fault(call)
    }
}

fn request(client: &Client, call: &Call<'_>, own_id: &str) -> RequestBuilder {
    let mut request = client
        .request(call.method.clone(), call.url.clone())
        .header("client-request-id", own_id);
    for (name, value) in &call.headers {
        request = request.header(*name, value.clone());
    }
    match call.body {
        Body::None => request,
        Body::Json(text) => request
            .header("content-type", "application/json; charset=utf-8")
            .body(text.to_owned()),
        Body::Form(fields) => request.form(fields),
    }
}

/// The loop above ends by itself; this is for the compiler.
fn unreachable_fault<T>(call: &Call<'_>) -> Result<T, Fault> {
    Err(Fault::new(
        Kind::Network,
        call.what,
        "no attempt was made",
        "try again",
    ))
}

/// Whether the service says that it cannot answer just now.
pub fn busy(call: &Call<'_>, reply: &Reply) -> Option<Fault> {
    let words = match reply.status {
        429 => "the service is throttling (429)",
        408 | 500 | 502 | 503 | 504 => "the service cannot answer just now",
        _ => return None,
    };
    let message = match reply.status {
        429 => words.to_owned(),
        status => format!("{words} ({status})"),
    };
    Some(Fault::new(
        Kind::Busy,
        call.what,
        message,
        "try again later; with many tenants, read fewer at a time with --jobs",
    ))
}

/// Why a body is not whole.
enum Cut {
    TooLarge,
    Late,
    Broken(String),
}

/// Reads a body to its end, in time: a slow server could send a byte now and then for ever.
fn whole(response: &mut Response, end: Instant) -> Result<Vec<u8>, Cut> {
    let mut body = Vec::new();
    let mut piece = vec![0_u8; 64 * 1024];
    loop {
        let read = response.read(&mut piece).map_err(|error| {
            let words = reason(&error);
            if words.contains("timed out") {
                Cut::Late
            } else {
                Cut::Broken(words)
            }
        })?;
        let Some(piece) = piece.get(..read).filter(|piece| !piece.is_empty()) else {
            return Ok(body);
        };
        if body.len() + piece.len() > LARGEST {
            return Err(Cut::TooLarge);
        }
        body.extend_from_slice(piece);
        if Instant::now() >= end {
            return Err(Cut::Late);
        }
    }
}

fn help(kind: Kind, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match kind {
        Kind::Certificate => format!(
            "something between here and {host} answers in its place: a proxy that opens TLS must have its certificate among this machine's"
        ),
        Kind::Malformed => "find out what answers in the place of the service".to_owned(),
        Kind::Budget => "try again later, or give a tenant more time with --budget".to_owned(),
        _ => format!(
            "look at the network, and whether {host} can be reached from here (connguard doctor)"
        ),
    }
}

/// An error with what lies behind it, without the address, which may hold a token.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let text = match error.downcast_ref::<reqwest::Error>() {
            Some(error) if error.is_timeout() => "timed out".to_owned(),
            Some(_) => String::new(),
            None => error.to_string(),
        };
        if !text.is_empty() && !words.iter().any(|said| said.contains(&text)) {
            words.push(text);
        }
        next = error.source();
    }
    if words.is_empty() {
        "the connection failed".to_owned()
    } else {
        words.join(": ")
    }
}

/// A random id, as the service writes them.
pub fn identifier() -> String {
    let mut bytes = [0_u8; 16];
    // Ids help to find a request again; without randomness they still say when there was one.
    let _ = SystemRandom::new().fill(&mut bytes);
    let number =
        u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |range: std::ops::Range<usize>| hex.get(range).unwrap_or_default().to_owned();
    [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ]
    .join("-")
}

/// An id from an answer is shown: nothing but what ids consist of.
fn is_identifier(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_of_version_four() {
        let id = identifier();
        assert!(crate::connector::parse_guid(&id).is_some(), "{id}");
        assert_eq!(id.chars().nth(14), Some('4'), "{id}");
        assert!(
            id.chars().nth(19).is_some_and(|c| "89ab".contains(c)),
            "{id}"
        );
        assert_ne!(id, identifier());
    }

    #[test]
    fn an_id_from_outside_is_only_an_id() {
        assert!(is_identifier("0f3c8a1e-0000-4000-8000-000000000001"));
        assert!(!is_identifier("::error::x yz"));
        assert!(!is_identifier("short"));
    }
}
