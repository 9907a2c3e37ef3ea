//! Message traces of every tool, as one kind of row: one mail to one recipient.

mod columns;
mod fate;
mod json;
mod table;

pub use columns::{Columns, Field};
pub use fate::Fate;
pub use json::read as read_json;
pub use table::read as read_table;

/// One mail to one recipient, as far as a trace tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mail<'r> {
    /// When it was received, in Unix seconds.
    pub seconds: i64,
    /// The envelope's sender (P1); empty for a bounce.
    pub sender: &'r [u8],
    /// The header's sender (P2), an address or a domain, where the trace has it.
    pub header_sender: Option<&'r [u8]>,
    /// The recipient.
    pub recipient: &'r [u8],
    /// The address it came from, as written; empty where the trace has none.
    pub from_ip: &'r [u8],
    /// What became of it; `None` where the trace does not say.
    pub fate: Option<Fate>,
    /// The connector that the trace names, where it has such a column; empty where it names none.
    pub connector: Option<&'r [u8]>,
    /// What makes the row one of its kind.
    pub id: &'r [u8],
    /// How much of a mail the row tells.
    pub part: Part,
}

/// How much of a mail a row tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    Whole,
    /// That it came; what became of it stands in another row.
    Arrival,
    /// What became of it; that it came stands in another row.
    End,
}

/// Why a row is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// It is no object, or not as many fields as there are columns.
    Malformed,
    /// Its time is missing, or can be read two ways.
    Time,
    /// It has no recipient.
    Recipient,
}

impl Reject {
    /// What reports say.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Malformed => "the row cannot be read",
            Self::Time => "its time is missing or can be read in two ways",
            Self::Recipient => "it has no recipient",
        }
    }
}

/// The address that a mail came from, by whichever field of a row holds it.
fn from_ip<'r>(field: impl Fn(Field) -> Option<&'r [u8]>) -> &'r [u8] {
    match field(Field::FromIp).unwrap_or_default() {
        b"" => field(Field::FromIpv6).unwrap_or_default(),
        address => address,
    }
}

/// What became of a mail, by the status of a trace or the delivery of `EmailEvents`.
fn fate<'r>(field: impl Fn(Field) -> Option<&'r [u8]>) -> Option<Fate> {
    match (field(Field::Status), field(Field::Action)) {
        (Some(status), _) => Some(Fate::of_status(status)),
        (None, Some(action)) => {
            let location = field(Field::Location).unwrap_or_default();
            Some(Fate::of_delivery(action, location))
        }
        (None, None) => None,
    }
}
