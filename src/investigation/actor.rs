//! The people and applications that changed connectors: what else they did, and what was done to their accounts.

use super::attribution::Actor;
use super::indicator::Strength;
use crate::caseless;
use crate::connector::address::AddressSet;
use crate::evidence::audit::{AuditLog, AuditRecord, Topic};
use crate::policy::threshold::{Threshold, Thresholds};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One thing about an actor that is a sign, or is worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ActorSign {
    /// What it is called.
    pub sign: &'static str,
    /// How much it says.
    pub strength: Strength,
    /// What was found, in words.
    pub words: String,
    /// The records that say so.
    pub records: Vec<String>,
}

/// An operation of an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Operation {
    /// When.
    #[schemars(with = "String")]
    pub time: Timestamp,
    /// The operation's name.
    pub operation: String,
    /// What it was done to.
    pub object: String,
    /// From which address.
    #[schemars(with = "Option<String>")]
    pub client_ip: Option<IpAddr>,
    /// The record's `Id`.
    pub record: String,
    /// Whether it succeeded.
    pub succeeded: bool,
}

/// What is known of an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Triage {
    /// The actor.
    pub actor: Actor,
    /// Whether it changed a connector in the time that was looked at.
    pub changed_connectors: bool,
    /// The addresses from which it changed connectors.
    #[schemars(with = "Vec<String>")]
    pub addresses: BTreeSet<IpAddr>,
    /// The sessions in which it did.
    pub sessions: BTreeSet<String>,
    /// The signs.
    pub signs: Vec<ActorSign>,
    /// Everything that it did in the time that was looked at, but for signing in, oldest first.
    pub operations: Vec<Operation>,
    /// How many more there are than are listed.
    pub more_operations: usize,
    /// What could not be looked at.
    pub not_evaluated: Vec<String>,
}

impl Triage {
    /// Whether a sign of it is strong.
    pub fn is_strong(&self) -> bool {
        let mut signs = self.signs.iter();
        signs.any(|own| own.strength == Strength::Strong)
    }
}

/// Every sign of an actor.
pub const SIGNS: [&str; 13] = [
    "app-only",
    "log-switched-off",
    "header-rules",
    "inbox-rules",
    "failed-sign-ins",
    "password-reset",
    "hosting-address",
    "unblocked",
    "new-application",
    "consent",
    "credentials-added",
    "role-granted",
    "new-address",
];

/// The signs that tell who gave an application its power.
pub(super) const EMPOWERED: [&str; 4] = [
    "new-application",
    "consent",
    "credentials-added",
    "role-granted",
];

/// So many operations of an actor are listed.
const MOST_OPERATIONS: usize = 500;

/// Looks at an actor, in the days before and after its changes of connectors.
pub fn triage(
    actor: &Actor,
    changes: &[Timestamp],
    (log, thresholds): (&AuditLog, &Thresholds),
    hosting: Option<&AddressSet>,
) -> Triage {
    let days = thresholds.get(Threshold::ActorDays).clamp(1.0, 3650.0);
    #[allow(clippy::cast_possible_truncation, reason = "clamped")]
    let back = SignedDuration::from_hours(24 * days as i64);
    let first = changes
        .iter()
        .min()
        .copied()
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let from = first.checked_sub(back).unwrap_or(Timestamp::UNIX_EPOCH);
    let window: Vec<&AuditRecord> = log
        .records
        .iter()
        .filter(|record| record.time >= from)
        .collect();
    let own: Vec<&AuditRecord> = window
        .iter()
        .copied()
        .filter(|record| actor.is(record))
        .collect();
    let on_connectors: Vec<&&AuditRecord> = own
        .iter()
        .filter(|record| record.topic == Topic::Connector)
        .collect();
    let look = Look {
        actor,
        window: &window,
        own: &own,
        first,
        addresses: on_connectors
            .iter()
            .filter_map(|record| record.client_ip)
            .collect(),
        hosting,
        thresholds,
    };
    let mut not_evaluated = Vec::new();
    if hosting.is_none() {
        not_evaluated.push(
            "whether addresses belong to hosting providers: name a list with --hosting FILE"
                .to_owned(),
        );
    }
    let signs = look.signs(&mut not_evaluated);
    let listed: Vec<&&AuditRecord> = own
        .iter()
        .filter(|record| record.topic != Topic::SignIn)
        .collect();
    Triage {
        actor: actor.clone(),
        changed_connectors: !on_connectors.is_empty(),
        sessions: on_connectors
            .iter()
            .filter(|record| !record.session.is_empty())
            .map(|record| record.session.clone())
            .collect(),
        operations: listed
            .iter()
            .take(MOST_OPERATIONS)
            .map(|record| operation(record))
            .collect(),
        more_operations: listed.len().saturating_sub(MOST_OPERATIONS),
        addresses: look.addresses,
        signs,
        not_evaluated,
    }
}

fn operation(record: &AuditRecord) -> Operation {
    let name = record.parameter("Identity").or(record.parameter("Name"));
    Operation {
        time: record.time,
        operation: record.operation.clone(),
        object: name
            .filter(|name| !name.is_empty())
            .unwrap_or(&record.object)
            .to_owned(),
        client_ip: record.client_ip,
        record: record.id.clone(),
        succeeded: record.succeeded,
    }
}

struct Look<'l> {
    actor: &'l Actor,
    /// Everything in the time that is looked at.
    window: &'l [&'l AuditRecord],
    /// What the actor did.
    own: &'l [&'l AuditRecord],
    /// When it changed a connector first.
    first: Timestamp,
    addresses: BTreeSet<IpAddr>,
    hosting: Option<&'l AddressSet>,
    thresholds: &'l Thresholds,
}

impl Look<'_> {
    fn signs(&self, not_evaluated: &mut Vec<String>) -> Vec<ActorSign> {
        let mut signs = vec![
            self.app_only(),
            self.log_switched_off(),
            self.header_rules(),
            self.by_topic(
                "inbox-rules",
                Topic::InboxRule,
                Strength::Weak,
                "made rules in mailboxes",
                |record| record.is_new() || record.operation.starts_with("Update"),
            ),
            self.failed_sign_ins(),
            self.password(),
            self.hosted(),
            self.unblocked(),
        ];
        signs.extend([
            self.application(
                "new-application",
                Topic::Application,
                "the application was registered in the time looked at",
            ),
            self.application(
                "consent",
                Topic::Consent,
                "the application was given permissions",
            ),
            self.application(
                "credentials-added",
                Topic::Credentials,
                "secrets or certificates were added to the application",
            ),
            self.application("role-granted", Topic::Role, "a role was given to it"),
        ]);
        signs.push(self.new_address(not_evaluated));
        signs.into_iter().flatten().collect()
    }

    fn sign(
        sign: &'static str,
        strength: Strength,
        words: impl Into<String>,
        records: &[&AuditRecord],
    ) -> Option<ActorSign> {
        Some(ActorSign {
            sign,
            strength,
            words: words.into(),
            records: records.iter().map(|record| record.id.clone()).collect(),
        })
    }

    /// An application in its own name changed connectors: the signature of the attack of 2022.
    fn app_only(&self) -> Option<ActorSign> {
        let records: Vec<&AuditRecord> = self
            .own
            .iter()
            .copied()
            .filter(|record| record.topic == Topic::Connector && record.is_app_only())
            .collect();
        (!records.is_empty()).then_some(())?;
        Self::sign(
            "app-only",
            Strength::Strong,
            "an application changed connectors in its own name, without a person",
            &records,
        )
    }

    /// What the actor did of a kind.
    fn by_topic(
        &self,
        sign: &'static str,
        topic: Topic,
        strength: Strength,
        what: &str,
        counts: impl Fn(&AuditRecord) -> bool,
    ) -> Option<ActorSign> {
        let records: Vec<&AuditRecord> = self
            .own
            .iter()
            .copied()
            .filter(|record| record.topic == topic && record.succeeded && counts(record))
            .collect();
        let first = records.first()?;
        let words = format!("{what}: {} on {}", names(&records), day(first.time));
        Self::sign(sign, strength, words, &records)
    }

    /// Rules that take away the headers by which mail is traced back.
    fn header_rules(&self) -> Option<ActorSign> {
        self.by_topic(
            "header-rules",
            Topic::TransportRule,
            Strength::Strong,
            "made transport rules that remove headers",
            |record| {
                record
                    .parameter("RemoveHeader")
                    .is_some_and(|header| !header.is_empty())
                    || record.parameters.iter().any(|(name, value)| {
                        name.eq_ignore_ascii_case("Actions") && value.contains("RemoveHeader")
                    })
            },
        )
    }

    fn unblocked(&self) -> Option<ActorSign> {
        self.by_topic(
            "unblocked",
            Topic::Unblock,
            Strength::Weak,
            "let a blocked connector send again",
            |_| true,
        )
    }

    fn log_switched_off(&self) -> Option<ActorSign> {
        self.by_topic(
            "log-switched-off",
            Topic::Organization,
            Strength::Strong,
            "switched the audit log off",
            |record| record.switches_log_off() || record.switch("AuditDisabled") == Some(true),
        )
    }

    /// Whether a record is about the actor's own account.
    fn is_about(&self, record: &AuditRecord) -> bool {
        let user = caseless::lower(&self.actor.user);
        user.contains('@') && record.texts().any(|text| names_it(text, &user))
    }

    fn password(&self) -> Option<ActorSign> {
        let records: Vec<&AuditRecord> = self
            .window
            .iter()
            .copied()
            .filter(|record| {
                record.topic == Topic::Password
                    && record.time <= self.first
                    && self.is_about(record)
                    && !record.user.eq_ignore_ascii_case(&self.actor.user)
            })
            .collect();
        let first = records.first()?;
        Self::sign(
            "password-reset",
            Strength::Weak,
            format!("somebody else set its password on {}", day(first.time)),
            &records,
        )
    }

    fn failed_sign_ins(&self) -> Option<ActorSign> {
        let day_before = self.first - SignedDuration::from_hours(24);
        let records: Vec<&AuditRecord> = self
            .own
            .iter()
            .copied()
            .filter(|record| {
                record.topic == Topic::SignIn
                    && record.operation.eq_ignore_ascii_case("UserLoginFailed")
                    && record.time >= day_before
                    && record.time <= self.first
            })
            .collect();
        let limit = self.thresholds.get(Threshold::ActorFailures);
        (super::indicator::measure::to_f64(records.len() as u64) >= limit).then_some(())?;
        let few: Vec<&AuditRecord> = records.iter().copied().take(5).collect();
        Self::sign(
            "failed-sign-ins",
            Strength::Weak,
            format!("{} sign-ins failed in the day before", records.len()),
            &few,
        )
    }

    fn hosted(&self) -> Option<ActorSign> {
        let hosting = self.hosting?;
        let records: Vec<&AuditRecord> = self
            .own
            .iter()
            .copied()
            .filter(|record| {
                matches!(record.topic, Topic::Connector | Topic::SignIn)
                    && record
                        .client_ip
                        .is_some_and(|address| hosting.contains(address))
            })
            .collect();
        let first = records.first()?;
        let address = first
            .client_ip
            .map(|address| address.to_string())
            .unwrap_or_default();
        Self::sign(
            "hosting-address",
            Strength::Strong,
            format!("came from {address}, which the list of hosting providers holds"),
            &records,
        )
    }

    /// An address from which the account never did anything before.
    fn new_address(&self, not_evaluated: &mut Vec<String>) -> Option<ActorSign> {
        if self.actor.app_only || self.addresses.is_empty() {
            return None;
        }
        let earlier: Vec<&AuditRecord> = self
            .own
            .iter()
            .copied()
            .filter(|record| {
                record.client_ip.is_some()
                    && record.time < self.first - SignedDuration::from_hours(24)
            })
            .collect();
        if earlier.len() < LEAST_EARLIER {
            not_evaluated.push(format!(
                "whether {} worked from a new address: the log has {} earlier records of it with an address, and {LEAST_EARLIER} are needed",
                self.actor.user,
                earlier.len()
            ));
            return None;
        }
        let known: BTreeSet<IpAddr> = earlier
            .iter()
            .filter_map(|record| record.client_ip)
            .map(network)
            .collect();
        let new: Vec<&IpAddr> = self
            .addresses
            .iter()
            .filter(|address| !known.contains(&network(**address)))
            .collect();
        let first = new.first()?;
        Self::sign(
            "new-address",
            Strength::Weak,
            format!(
                "worked from {first}, where it never was in {} earlier records",
                earlier.len()
            ),
            &[],
        )
    }

    /// What was done to the actor's application.
    fn application(&self, sign: &'static str, topic: Topic, what: &str) -> Option<ActorSign> {
        let id = &self.actor.application;
        let mut names: Vec<&str> = Vec::new();
        if !id.is_empty() {
            names.push(id);
        }
        if self.actor.app_only && !self.actor.user.is_empty() {
            names.push(&self.actor.user);
        }
        (!names.is_empty()).then_some(())?;
        let records: Vec<&AuditRecord> = self
            .window
            .iter()
            .copied()
            .filter(|record| {
                record.topic == topic
                    && record.succeeded
                    && record.texts().any(|text| {
                        let mut names = names.iter();
                        names.any(|name| names_it(text, &caseless::lower(name)))
                    })
            })
            .collect();
        let first = records.first()?;
        let may_manage = records.iter().any(|record| {
            record
                .texts()
                .any(|text| text.contains("Exchange.ManageAsApp"))
        });
        let right = if may_manage {
            ", Exchange.ManageAsApp among them"
        } else {
            ""
        };
        let by: BTreeSet<&str> = records.iter().map(|record| record.user.as_str()).collect();
        let by: Vec<&str> = by.into_iter().collect();
        Self::sign(
            sign,
            Strength::Strong,
            format!("{what}{right}, on {} by {}", day(first.time), by.join(", ")),
            &records,
        )
    }
}

/// So many earlier records make an account's habits.
const LEAST_EARLIER: usize = 3;

/// The network of an address: people move within one.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            std::net::Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let [a, b, c, d, ..] = segments;
            std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Whether a text names something, given in lower case, as a whole: `sysadmin@contoso.com` does not name its second half.
fn names_it(text: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+' | '#');
    let text = caseless::lower(text);
    text.match_indices(name).any(|(at, found)| {
        let (before, rest) = text.split_at_checked(at).unwrap_or_default();
        let after = rest.strip_prefix(found).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

fn names(records: &[&AuditRecord]) -> String {
    let all: Vec<String> = records
        .iter()
        .map(|record| {
            let name = record
                .parameter("Name")
                .or(record.parameter("Identity"))
                .unwrap_or(&record.object);
            format!("{} {:?}", record.operation, crate::finding::excerpt(name))
        })
        .collect();
    crate::finding::shorten(&all)
}

fn day(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::names_it;

    #[test]
    fn a_part_of_a_name_is_another_name() {
        for (text, name, is) in [
            ("admin@contoso.com", "admin@contoso.com", true),
            ("[\"Admin@contoso.com\"]", "admin@contoso.com", true),
            ("sysadmin@contoso.com", "admin@contoso.com", false),
            ("admin@contoso.com.example", "admin@contoso.com", false),
            ("Synchronisation", "sync", false),
            ("ServicePrincipal_Sync", "sync", false),
            ("name: Sync; id: 1", "sync", true),
        ] {
            assert_eq!(names_it(text, name), is, "{text}");
        }
    }
}
