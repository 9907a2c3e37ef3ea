//! What goes wrong, and at which request.

use super::waiting::lock;
use std::{
    fmt,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// The three listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listener {
    /// Tokens, device codes, GitHub's and Azure's identities.
    Login,
    /// The admin API.
    Exchange,
    /// Microsoft Graph.
    Graph,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "login",
            Self::Exchange => "exchange",
            Self::Graph => "graph",
        })
    }
}

/// Which requests a fault is for.
#[derive(Clone, Debug, Default)]
pub struct At {
    /// Only requests of this cmdlet, or of what Graph is asked, its name in any case.
    pub cmdlet: Option<String>,
    /// The how-manieth of the requests that match, from 1; 0 for every one.
    pub nth: u64,
    /// Only requests at this listener.
    pub listener: Option<Listener>,
}

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where.
    pub at: At,
    /// What.
    pub kind: Kind,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $word:literal $done:literal,)+) => {
        /// What goes wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The word for it on the command line.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Whether the request is carried out all the same, so that a write has taken place.
            pub fn carries_out(self) -> bool {
                match self {
                    $(Self::$name => $done,)+
                }
            }
        }
    };
}

kinds! {
    /// 401, as for a bad token. Not carried out.
    Unauthorized "401" false,
    /// 403 with 500 NUL bytes labelled JSON; at Graph with an error in its form. Not carried out.
    ForbiddenNul "403-nul" false,
    /// 404. Not carried out.
    NotFound "404" false,
    /// 405. Not carried out.
    NotAllowed "405" false,
    /// 429 with `Retry-After: 1`. Not carried out.
    Throttled "429" false,
    /// 429 without `Retry-After`. Not carried out.
    ThrottledBare "429-bare" false,
    /// 500. Not carried out.
    ServerError "500" false,
    /// 503. Not carried out.
    Unavailable "503" false,
    /// 400 with an error in the service's form. Not carried out.
    BadRequest "400-json" false,
    /// The connection is reset before anything is answered. Not carried out.
    Refuse "refuse" false,
    /// The connection is reset before anything is answered. Carried out.
    LostAnswer "lost-answer" true,
    /// The right length, half of the bytes, then the end. Carried out.
    HalfBody "half-body" true,
    /// One byte of the body every 200 ms. Carried out.
    SlowBody "slow-body" true,
    /// No answer until the client leaves or the emulator stops. Not carried out.
    Hang "hang" false,
    /// 200 with a sign-in page. Not carried out.
    Html "html" false,
    /// 200 labelled JSON that is none. Carried out.
    NotJson "not-json" true,
    /// JSON cut in the middle, with the length of what is left. Carried out.
    TruncatedJson "truncated-json" true,
    /// The status and no body. Carried out.
    EmptyBody "empty-body" true,
    /// `"value":[null]`. Carried out.
    NullRows "null-rows" true,
    /// `"value":null`. Carried out.
    NullValue "null-value" true,
    /// No member `value`. Carried out.
    NoValue "no-value" true,
    /// Half of the rows and a warning that there are more; nothing at Graph, which has none. Carried out.
    Warning "warning" true,
    /// Half of the rows and a link to the others that then answers 400. Carried out.
    NextPage "next-page" true,
    /// A body of 1 GiB of spaces. Carried out.
    Huge "huge" true,
    /// A gzip body of about 1 MiB that expands to 1 GiB. Carried out.
    GzipBomb "gzip-bomb" true,
    /// A body that is labelled gzip and is none. Carried out.
    BadGzip "bad-gzip" true,
    /// 302 to another host, plain http. Not carried out.
    Redirect "redirect" false,
    /// Rows that say they are another organization's. Carried out.
    OtherTenant "other-tenant" true,
    /// The first row comes twice. Carried out.
    DuplicateRow "duplicate-row" true,
    /// Every token issued so far is expired from now on, which Exchange and Graph answer with 401. Not carried out.
    ExpireToken "expire-token" false,
    /// `Content-Length` is ten bytes short, and all bytes are sent. Carried out.
    BadLength "bad-length" true,
    /// Held before it is carried out, until a test releases it.
    HoldBefore "hold-before" true,
    /// Held after it was carried out, before the answer, until a test releases it.
    HoldAfter "hold-after" true,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl Kind {
    /// Whether it makes sense only to a test in the same process.
    pub fn in_process_only(self) -> bool {
        matches!(self, Self::HoldBefore | Self::HoldAfter)
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let mut all = Self::ALL.iter();
        all.find(|kind| kind.word() == word && !kind.in_process_only())
            .copied()
            .ok_or_else(|| format!("no such fault: {word}"))
    }
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::default());
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let nth = number(text)?;
            return Ok(Self {
                nth,
                ..Self::default()
            });
        }
        let (name, nth) = match text.split_once(':') {
            Some((name, nth)) => (name, number(nth)?),
            None => (text, 0),
        };
        let listener = match name {
            "login" => Some(Listener::Login),
            "exchange" => Some(Listener::Exchange),
            "graph" => Some(Listener::Graph),
            _ => None,
        };
        let cmdlet = listener.is_none().then(|| name.to_owned());
        Ok(Self {
            cmdlet,
            nth,
            listener,
        })
    }
}

fn number(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{text:?} is no number of a request, from 1")),
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (at, kind) = text.split_once('=').ok_or("must be WHERE=KIND")?;
        Ok(Self {
            at: at.parse()?,
            kind: kind.parse()?,
        })
    }
}

/// The faults that wait for their requests.
#[derive(Default)]
pub struct Faults(Mutex<Vec<Armed>>);

struct Armed {
    fault: Fault,
    met: AtomicU64,
}

impl Faults {
    /// Adds one; it counts requests from now on.
    pub fn add(&self, fault: Fault) {
        let met = AtomicU64::new(0);
        lock(&self.0).push(Armed { fault, met });
    }

    /// Removes all.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// The first fault that is due at this request; every one counts it.
    pub fn due(&self, listener: Listener, cmdlet: Option<&str>) -> Option<Kind> {
        let faults = lock(&self.0);
        let due = faults.iter().filter(|armed| armed.is_due(listener, cmdlet));
        due.map(|armed| armed.fault.kind).reduce(|first, _| first)
    }
}

impl Armed {
    fn is_due(&self, listener: Listener, cmdlet: Option<&str>) -> bool {
        let at = &self.fault.at;
        let here = at.listener.is_none_or(|wanted| wanted == listener)
            && at.cmdlet.as_ref().is_none_or(|wanted| {
                cmdlet.is_some_and(|cmdlet| cmdlet.eq_ignore_ascii_case(wanted))
            });
        here && {
            let met = self.met.fetch_add(1, Ordering::Relaxed) + 1;
            at.nth == 0 || at.nth == met
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_the_command_line() {
        let fault: Fault = "Get-InboundConnector:2=429-bare".parse().unwrap();
        assert_eq!(fault.at.cmdlet.as_deref(), Some("Get-InboundConnector"));
        assert_eq!((fault.at.nth, fault.kind), (2, Kind::ThrottledBare));
        let fault: Fault = "login:1=503".parse().unwrap();
        assert_eq!(fault.at.listener, Some(Listener::Login));
        let fault: Fault = "graph=503".parse().unwrap();
        assert_eq!(
            (fault.at.listener, fault.at.nth),
            (Some(Listener::Graph), 0)
        );
        let fault: Fault = "audit-records:2=503".parse().unwrap();
        assert_eq!(fault.at.cmdlet.as_deref(), Some("audit-records"));
        for wrong in ["3", "0=500", "x:=500", "3=hold-after", "3=nonsense"] {
            assert!(wrong.parse::<Fault>().is_err(), "{wrong}");
        }
        for kind in Kind::ALL.iter().filter(|kind| !kind.in_process_only()) {
            assert_eq!(kind.word().parse(), Ok(*kind));
        }
    }

    #[test]
    fn each_fault_counts_the_requests_that_match_it() {
        let faults = Faults::default();
        faults.add("Get-A:2=500".parse().unwrap());
        faults.add("3=503".parse().unwrap());
        let due = |cmdlet| faults.due(Listener::Exchange, cmdlet);
        assert_eq!(due(Some("Get-B")), None);
        assert_eq!(due(Some("get-a")), None);
        assert_eq!(due(Some("Get-A")), Some(Kind::ServerError));
        assert_eq!(due(Some("Get-A")), None);
    }
}
