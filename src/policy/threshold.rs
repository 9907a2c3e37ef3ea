//! The numbers by which indicators judge, each with its name, so that a policy or an operator can change it.

use std::collections::BTreeMap;

/// One number.
#[derive(Debug)]
pub struct Row {
    /// Its name, as `--set` and the policy take it.
    pub name: &'static str,
    /// What it is where nobody says otherwise.
    pub usual: f64,
    /// What it means, with its unit.
    pub meaning: &'static str,
}

macro_rules! thresholds {
    ($($id:ident $name:literal = $usual:literal, $meaning:literal;)*) => {
        /// A number by which an indicator judges.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "the table says what each means")]
        pub enum Threshold { $($id,)* }

        impl Threshold {
            /// Every one of them.
            pub const ALL: &'static [Self] = &[$(Self::$id,)*];

            /// Its row of the table.
            pub const fn row(self) -> &'static Row {
                match self {
                    $(Self::$id => const { &Row { name: $name, usual: $usual, meaning: $meaning } },)*
                }
            }
        }
    };
}

thresholds! {
    RiseTimes "volume-rise.times" = 4.0, "an hour is unusual with so many times the mails that are normal for its weekday and hour";
    RiseDeviations "volume-rise.deviations" = 8.0, "and so many robust standard deviations (1.4826 MAD, at least that of chance) above it";
    RiseMails "volume-rise.mails" = 100.0, "unusual hours count when they have so many mails too many within 24 hours";
    RiseDays "volume-rise.days" = 14.0, "days of mail that are needed before anything is called normal";
    NewRate "volume-rise.new-connector" = 100.0, "mails an hour through a connector that has no earlier mail (Microsoft's alert-grading playbook)";
    MismatchMails "sender-mismatch.mails" = 20.0, "mails within 24 hours whose envelope and header name different domains, above what is usual";
    MismatchShare "sender-mismatch.share" = 0.05, "and their share of all mail through the connector then";
    UnprovisionedMails "unprovisioned-sender.mails" = 20.0, "mails within 24 hours from domains that are not the organization's, above what is usual";
    UnprovisionedShare "unprovisioned-sender.share" = 0.05, "and their share of all mail through the connector then";
    SpamMails "spam-share.mails" = 20.0, "mails within 24 hours that were filtered as spam, quarantined or put into Junk, above what is usual";
    SpamShare "spam-share.share" = 0.05, "and their share of all mail through the connector then";
    NewRecipients "new-recipients.recipients" = 50.0, "recipients within 24 hours whom nobody had written to before, above what is usual";
    NewRecipientsShare "new-recipients.share" = 0.4, "and their share of all external mail through the connector then";
    OutsideMails "address-outside-list.mails" = 5.0, "mails through the connector from addresses that its approved list does not hold";
    ShortLifeHours "create-burst-delete.hours" = 24.0, "a connector that is deleted within so many hours of its creation";
    ActorDays "actor.days" = 60.0, "days before a change in which what its actor did, and what was done to the actor's account or application, is looked at";
    ActorFailures "actor.failed-sign-ins" = 10.0, "failed sign-ins of the actor in the day before a change";
}

/// The numbers in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds(BTreeMap<Threshold, f64>);

impl Threshold {
    /// Finds one by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|own| own.row().name == name)
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        self.row().name
    }
}

impl Thresholds {
    /// The number in force.
    pub fn get(&self, threshold: Threshold) -> f64 {
        self.0
            .get(&threshold)
            .copied()
            .unwrap_or(threshold.row().usual)
    }

    /// Changes a number.
    pub fn set(&mut self, threshold: Threshold, value: f64) {
        self.0.insert(threshold, value);
    }

    /// The numbers that are not the usual ones.
    pub fn changed(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = self.0.iter();
        all.filter(|(own, value)| (**value - own.row().usual).abs() > f64::EPSILON)
            .map(|(own, value)| (own.name(), *value))
    }
}
