//! Queries that count mail where it is, in Defender's advanced hunting or in Sentinel: only hours come back.
//!
//! What they return is the one aggregate of [`super::traffic`], so that the
//! indicators do not know who counted.

use super::traffic::{Approved, Routes};
use jiff::Timestamp;
use std::fmt::Write as _;

/// A query.
pub struct Query {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub title: &'static str,
    /// What it reads, what it costs and where its limits are.
    pub cost: &'static str,
    /// Its text.
    make: fn(&Asked<'_>) -> String,
}

/// Where a query runs: the tables are the same, and the column of time is not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Advanced hunting in Microsoft Defender
    #[default]
    Defender,
    /// Microsoft Sentinel or a Log Analytics workspace
    Sentinel,
}

/// What a query is made for.
pub struct Asked<'a> {
    /// Where it runs.
    pub engine: Engine,
    /// The time.
    pub window: (Timestamp, Timestamp),
    /// The connectors and the organization's domains.
    pub routes: &'a Routes,
}

/// Every query.
pub static QUERIES: [Query; 2] = [
    Query {
        name: "mail-by-hour",
        title: "Mail by hour and connector, with everything that the indicators of mail need",
        cost: "Reads EmailEvents twice (30 days in Defender, as long as it is kept in Sentinel); returns one row for each hour and connector with mail, some 720 a connector and month, of 100,000 that one answer may have. Needs Defender for Office 365 Plan 2 or Defender XDR.",
        make: mail_by_hour,
    },
    Query {
        name: "connector-changes",
        title: "New-, Set- and Remove-InboundConnector, with the whole audit record of each",
        cost: "Reads CloudAppEvents, filtered by three action types; returns one row a change. Needs Defender for Cloud Apps with the Microsoft 365 connector.",
        make: connector_changes,
    },
];

impl Query {
    /// Finds one by its name.
    pub fn named(name: &str) -> Option<&'static Self> {
        QUERIES.iter().find(|own| own.name == name)
    }

    /// Its text.
    pub fn text(&self, asked: &Asked<'_>) -> String {
        (self.make)(asked)
    }
}

/// A text in KQL: everything but letters, digits and a few marks as an escape, so that no name ends it.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '/' | ':' | '@' | '*') {
            literal.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(literal, "\\u{unit:04x}");
            }
        }
    }
    literal.push('"');
    literal
}

fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let all: Vec<String> = texts.into_iter().map(literal).collect();
    format!("dynamic([{}])", all.join(", "))
}

fn head(asked: &Asked<'_>) -> (String, &'static str) {
    let (from, to) = asked.window;
    let time = match asked.engine {
        Engine::Defender => "Timestamp",
        Engine::Sentinel => "TimeGenerated",
    };
    (
        format!("let Start = datetime({from});\nlet End = datetime({to});\n"),
        time,
    )
}

fn mail_by_hour(asked: &Asked<'_>) -> String {
    let (mut text, time) = head(asked);
    let domains = asked.routes.domains.as_deref().unwrap_or_default();
    let own = domains.iter().map(|own| own.domain.as_str());
    let below: Vec<String> = domains
        .iter()
        .filter(|own| own.match_sub_domains)
        .map(|own| format!(".{}", own.domain.as_str()))
        .collect();
    let _ = writeln!(text, "let Own = {};", list(own));
    let ends = |field: &str| {
        let all: Vec<String> = below
            .iter()
            .map(|end| format!(" or {field} endswith {}", literal(end)))
            .collect();
        all.concat()
    };
    let _ = writeln!(
        text,
        "let Approved = datatable(Connector: string, Ranges: dynamic) ["
    );
    for route in &asked.routes.routes {
        if let Approved::These(addresses) = &route.approved {
            let blocks = addresses.blocks();
            let ranges = list(blocks.iter().map(String::as_str));
            let _ = writeln!(text, "    {}, {ranges},", literal(&route.connector.name));
        }
    }
    let known = if domains.is_empty() { "false" } else { "true" };
    let _ = write!(
        text,
        r#"];
let Mail = EmailEvents
| where {time} between (Start .. End)
| extend Hour = bin({time}, 1h), Connector = tostring(Connectors)
| extend Sender = tolower(SenderMailFromDomain), Header = tolower(SenderFromDomain)
| extend Recipient = tolower(RecipientEmailAddress)
| extend Domain = tostring(split(Recipient, "@")[-1])
| extend External = {known} and not(Domain in (Own){domain_below})
| extend SenderIsOwn = Sender in (Own){sender_below}
| extend HeaderIsOwn = Header in (Own){header_below}
| where isnotempty(Connector) or External;
let Firsts = EmailEvents
| where {time} between (Start .. End)
| extend Recipient = tolower(RecipientEmailAddress)
| extend Domain = tostring(split(Recipient, "@")[-1])
| where {known} and not(Domain in (Own){domain_below})
| summarize arg_min({time}, Connectors) by Recipient
| summarize FirstContacts = count() by Hour = bin({time}, 1h), Connector = tostring(Connectors);
Mail
| lookup kind=leftouter Approved on Connector
| extend AddressKnown = isnotempty(SenderIPv4) and isnotnull(Ranges)
| extend Inside = AddressKnown and ipv4_is_in_any_range(SenderIPv4, Ranges)
| summarize
    Mails = count(),
    Fates = countif(isnotempty(DeliveryAction)),
    Filtered = countif(DeliveryAction =~ "Junked" or DeliveryLocation startswith "Junk" or DeliveryLocation startswith "Quarantine"),
    Failed = countif(DeliveryAction =~ "Blocked" and not(DeliveryLocation startswith "Quarantine")),
    Headers = countif(isnotempty(Sender) and isnotempty(Header)),
    Mismatched = countif(isnotempty(Sender) and isnotempty(Header) and Sender != Header and not(Sender endswith strcat(".", Header)) and not(Header endswith strcat(".", Sender)) and not(SenderIsOwn and HeaderIsOwn)),
    Senders = countif({known} and isnotempty(Sender)),
    Unprovisioned = countif({known} and isnotempty(Sender) and not(SenderIsOwn)),
    Addresses = countif(AddressKnown),
    Outside = countif(AddressKnown and not(Inside)),
    External = countif(External)
    by Hour, Connector
| join kind=leftouter Firsts on Hour, Connector
| extend FirstContacts = coalesce(FirstContacts, 0)
| project Hour, Connector, Mails, Fates, Filtered, Failed, Headers, Mismatched, Senders, Unprovisioned, Addresses, Outside, External, FirstContacts
| order by Hour asc, Connector asc
"#,
        domain_below = ends("Domain"),
        sender_below = ends("Sender"),
        header_below = ends("Header"),
    );
    text
}

fn connector_changes(asked: &Asked<'_>) -> String {
    let (mut text, time) = head(asked);
    let _ = write!(
        text,
        r#"CloudAppEvents
| where {time} between (Start .. End)
| where ActionType in ("New-InboundConnector", "Set-InboundConnector", "Remove-InboundConnector")
| project {time}, ActionType, AccountDisplayName, IPAddress, RawEventData
| order by {time} asc
"#
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::address::AddressSet;
    use crate::evidence::traffic::{ROW_SCHEMA, Route};
    use crate::finding::Subject;

    #[test]
    fn the_answer_has_the_columns_of_the_aggregate() {
        let routes = Routes::default();
        let asked = Asked {
            engine: Engine::Defender,
            window: (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
            routes: &routes,
        };
        let text = QUERIES[0].text(&asked);
        let columns = text
            .lines()
            .find_map(|line| line.strip_prefix("| project "))
            .unwrap();
        assert_eq!(columns.split(", ").collect::<Vec<_>>(), ROW_SCHEMA);
    }

    #[test]
    fn names_end_no_literal() {
        let routes = Routes {
            routes: vec![Route {
                connector: Subject {
                    id: None,
                    name: "a\"] | take 1 //\\".to_owned(),
                },
                names: Vec::new(),
                addresses: AddressSet::empty(),
                approved: Approved::These(AddressSet::from_entries(["203.0.113.0/28"])),
                on_premises: true,
            }],
            domains: None,
        };
        let asked = Asked {
            engine: Engine::Sentinel,
            window: (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH),
            routes: &routes,
        };
        let text = QUERIES[0].text(&asked);
        assert!(
            text.contains(
                "\"a\\u0022\\u005d \\u007c take 1 //\\u005c\", dynamic([\"203.0.113.0/28\"])"
            ),
            "{text}"
        );
        assert!(text.contains("TimeGenerated") && !text.contains("Timestamp"));
    }
}
