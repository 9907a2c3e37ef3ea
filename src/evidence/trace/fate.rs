//! What became of a mail, by the words of each trace.

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// It reached a mailbox or the next server.
    Delivered,
    /// It was taken for spam or worse: filtered, quarantined, put into Junk.
    Filtered,
    /// It did not arrive.
    Failed,
    /// Something else, or not settled yet.
    Other,
}

impl Fate {
    /// By the status of a message trace (`Get-MessageTraceV2`, Graph, historical search).
    pub fn of_status(status: &[u8]) -> Self {
        const WORDS: [(&[u8], Fate); 13] = [
            (b"Delivered", Fate::Delivered),
            (b"Resolved", Fate::Delivered),
            (b"Send", Fate::Delivered),
            (b"SendExternal", Fate::Delivered),
            (b"Deliver", Fate::Delivered),
            (b"FilteredAsSpam", Fate::Filtered),
            (b"Quarantined", Fate::Filtered),
            (b"Quarantine", Fate::Filtered),
            (b"Junk", Fate::Filtered),
            (b"Spam", Fate::Filtered),
            (b"Failed", Fate::Failed),
            (b"Fail", Fate::Failed),
            (b"Dropped", Fate::Failed),
        ];
        let status = status.trim_ascii();
        // What almost every row says, as it is written.
        if status == b"Delivered" {
            return Self::Delivered;
        }
        let known = WORDS
            .iter()
            .find(|(word, _)| word.eq_ignore_ascii_case(status));
        known.map_or(Self::Other, |(_, fate)| *fate)
    }

    /// By `DeliveryAction` and `DeliveryLocation` of Defender's `EmailEvents`.
    pub fn of_delivery(action: &[u8], location: &[u8]) -> Self {
        let location = location.to_ascii_lowercase();
        let is = |word: &[u8]| action.eq_ignore_ascii_case(word);
        if is(b"Junked") || location.starts_with(b"junk") || location.starts_with(b"quarantine") {
            Self::Filtered
        } else if is(b"Blocked")
            || location.starts_with(b"failed")
            || location.starts_with(b"dropped")
        {
            Self::Failed
        } else if is(b"Delivered") {
            Self::Delivered
        } else {
            Self::Other
        }
    }
}
