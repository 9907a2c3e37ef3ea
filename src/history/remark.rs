//! What is added to a history later, and changes nothing in it: who made a change that a run had seen, and that there
//! is a case.
//!
//! The log says who did something hours after it can be seen. History is never
//! rewritten: a commit of its own, with the tree of the one before, says so.

use crate::connector::{Guid, parse_guid};
use crate::digest::Digest;
use crate::document::time::parse_time;
use crate::git::Oid;
use crate::hostile_text::visible;
use crate::tenant::is_tenant_name;
use jiff::Timestamp;
use std::fmt::Write as _;

/// Who made a change that a run saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributed {
    /// The tenant.
    pub tenant: String,
    /// The run that saw it first.
    pub commit: Oid,
    /// The connector.
    pub connector: Guid,
    /// Exchange's name of the setting; `*` where it is the connector as a whole.
    pub property: String,
    /// The audit record.
    pub record: Guid,
    /// When it was done.
    pub time: Timestamp,
    /// Who did it, in words.
    pub actor: String,
}

/// That there is a case. It holds people's addresses and may be deleted; its digest stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseMark {
    /// Its name.
    pub name: String,
    /// Digest of its list of digests.
    pub digest: Digest,
    /// The verdict then.
    pub verdict: String,
}

/// What a remark says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remark {
    /// Who made changes.
    pub attributed: Vec<Attributed>,
    /// That there is a case.
    pub case: Option<CaseMark>,
}

impl Remark {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.attributed.is_empty() && self.case.is_none()
    }

    /// The trailers of its commit.
    pub fn trailers(&self) -> String {
        let mut text = String::new();
        for own in &self.attributed {
            let _ = writeln!(
                text,
                "Attributed: {} {} {} {} {} {} {}",
                own.tenant,
                own.commit,
                own.connector,
                own.property,
                own.record,
                own.time,
                visible(&own.actor)
            );
        }
        if let Some(case) = &self.case {
            let _ = writeln!(text, "Case: {} {} {}", case.name, case.digest, case.verdict);
        }
        text
    }

    /// Reads a trailer.
    pub(super) fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        let wrong = || format!("{value:?} cannot stand in {key}");
        match key {
            "Attributed" => {
                let own = attributed(value).ok_or_else(wrong)?;
                self.attributed.push(own);
            }
            _ => self.case = Some(case(value).ok_or_else(wrong)?),
        }
        Ok(())
    }
}

fn attributed(value: &str) -> Option<Attributed> {
    let mut parts = value.splitn(7, ' ');
    let tenant = parts.next().filter(|name| is_tenant_name(name))?.to_owned();
    Some(Attributed {
        tenant,
        commit: Oid::from_str(parts.next()?).ok()?,
        connector: parse_guid(parts.next()?)?,
        property: parts.next().filter(|name| is_property(name))?.to_owned(),
        record: parse_guid(parts.next()?)?,
        time: parse_time(parts.next()?)?,
        actor: parts.next()?.to_owned(),
    })
}

fn is_property(name: &str) -> bool {
    name == "*" || !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn case(value: &str) -> Option<CaseMark> {
    let mut parts = value.splitn(3, ' ');
    Some(CaseMark {
        name: parts.next().filter(|name| is_tenant_name(name))?.to_owned(),
        digest: Digest::parse(parts.next()?)?,
        verdict: parts.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_read_as_they_are_written() {
        let id = "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01";
        let remark = Remark {
            attributed: vec![Attributed {
                tenant: "contoso".to_owned(),
                commit: Oid::from_str("0123456789012345678901234567890123456789").unwrap(),
                connector: id.to_owned(),
                property: "SenderIPAddresses".to_owned(),
                record: id.to_owned(),
                time: Timestamp::UNIX_EPOCH,
                actor: "alice@contoso.com with the application 1".to_owned(),
            }],
            case: Some(CaseMark {
                name: "spam-in-may".to_owned(),
                digest: Digest::of(b"case"),
                verdict: "not enough evidence".to_owned(),
            }),
        };
        let mut read = Remark::default();
        for line in remark.trailers().lines() {
            let (key, value) = line.split_once(": ").unwrap();
            assert_eq!(read.take(key, value), Ok(()), "{line}");
        }
        assert_eq!(read, remark);
    }

    #[test]
    fn a_name_from_the_log_is_no_trailer() {
        let remark = Remark {
            attributed: vec![Attributed {
                tenant: "contoso".to_owned(),
                commit: Oid::ZERO_SHA1,
                connector: "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01".to_owned(),
                property: "*".to_owned(),
                record: "0f3c8a1e-7d20-4c55-9b1a-6e2f3d4c5b01".to_owned(),
                time: Timestamp::UNIX_EPOCH,
                actor: "x\nRead: all\n".to_owned(),
            }],
            case: None,
        };
        assert_eq!(
            remark.trailers().lines().count(),
            1,
            "{}",
            remark.trailers()
        );
        assert!(
            Remark::default()
                .take("Case", "Name with blanks sha256:x")
                .is_err()
        );
    }
}
