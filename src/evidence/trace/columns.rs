//! Which column of which tool holds what. Columns are found by name, never by position.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// When it was received.
    Time,
    /// The envelope's sender.
    Sender,
    /// The header's sender.
    HeaderSender,
    /// The recipient.
    Recipient,
    /// Recipients with the status of each: `addr##Status;addr##Status`.
    RecipientStatus,
    /// The address it came from.
    FromIp,
    /// The same, where it came by IPv6.
    FromIpv6,
    /// What became of it.
    Status,
    /// `DeliveryAction`.
    Action,
    /// `DeliveryLocation`.
    Location,
    /// The connector.
    Connector,
    /// What identifies the message.
    Id,
    /// The event of an extended historical search: only `RECEIVE` is a mail.
    Event,
}

/// Every name, of `Get-MessageTraceV2`, Graph, the reporting service, historical searches and `EmailEvents`.
const NAMES: [(&str, Field); 31] = [
    ("Received", Field::Time),
    ("receivedDateTime", Field::Time),
    ("origin_timestamp_utc", Field::Time),
    ("date_time_utc", Field::Time),
    ("Timestamp", Field::Time),
    ("SenderAddress", Field::Sender),
    ("sender_address", Field::Sender),
    ("SenderMailFromAddress", Field::Sender),
    ("SenderFromAddress", Field::HeaderSender),
    ("RecipientAddress", Field::Recipient),
    ("recipient_address", Field::Recipient),
    ("RecipientEmailAddress", Field::Recipient),
    ("recipient_status", Field::RecipientStatus),
    ("FromIP", Field::FromIp),
    ("client_ip", Field::FromIp),
    ("original_client_ip", Field::FromIp),
    ("SenderIPv4", Field::FromIp),
    ("SenderIPv6", Field::FromIpv6),
    ("Status", Field::Status),
    ("DeliveryAction", Field::Action),
    ("DeliveryLocation", Field::Location),
    ("connector_id", Field::Connector),
    ("Connectors", Field::Connector),
    ("MessageTraceId", Field::Id),
    ("id", Field::Id),
    ("network_message_id", Field::Id),
    ("NetworkMessageId", Field::Id),
    ("internal_message_id", Field::Id),
    ("message_id", Field::Id),
    ("MessageId", Field::Id),
    ("event_id", Field::Event),
];

/// Where the columns of a file are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    places: [Option<usize>; 13],
    count: usize,
}

impl Columns {
    /// What a name of any tool stands for. The extended search has two addresses: the one that the mail came from
    /// at first counts, where it is there.
    pub fn field(name: &str) -> Option<Field> {
        NAMES
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, field)| *field)
    }

    /// Finds columns by their names.
    pub fn of<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut columns = Self::default();
        for (index, name) in names.into_iter().enumerate() {
            columns.count = index + 1;
            let Some(field) = Self::field(name) else {
                continue;
            };
            let original = name.eq_ignore_ascii_case("original_client_ip");
            if let Some(place) = columns.places.get_mut(field as usize)
                && (place.is_none() || original)
            {
                *place = Some(index);
            }
        }
        columns
    }

    /// Where a column is.
    pub fn place(&self, field: Field) -> Option<usize> {
        self.places.get(field as usize).copied().flatten()
    }

    /// Whether there is such a column.
    pub fn has(&self, field: Field) -> bool {
        self.place(field).is_some()
    }

    /// How many columns there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether rows of such columns are mail: they have a time, a sender and recipients.
    pub fn are_mail(&self) -> bool {
        self.has(Field::Time)
            && self.has(Field::Sender)
            && (self.has(Field::Recipient) || self.has(Field::RecipientStatus))
    }
}
