//! Objects of the service, and what a complete inbound connector has.

use super::{
    chance, clock,
    lists::{Lists, texts},
};
use serde_json::{Map, Value, json};

/// An object: its properties by name.
pub type Record = Map<String, Value>;

/// The 42 keys of an inbound connector, in the order of the service.
pub const ORDER: [&str; 42] = [
    "Enabled",
    "ConnectorType",
    "ConnectorSource",
    "Comment",
    "SenderIPAddresses",
    "SenderDomains",
    "TrustedOrganizations",
    "ClientHostNames",
    "AssociatedAcceptedDomains",
    "RequireTls",
    "RestrictDomainsToIPAddresses",
    "RestrictDomainsToCertificate",
    "CloudServicesMailEnabled",
    "TreatMessagesAsInternal",
    "TlsSenderCertificateName",
    "EFTestMode",
    "ScanAndDropRecipients",
    "EFSkipLastIP",
    "EFSkipIPs",
    "EFSkipMailGateway",
    "EFUsers",
    "NameHashGuid",
    "OrganizationalUnitRootInternal",
    "AdminDisplayName",
    "ExchangeVersion",
    "Name",
    "DistinguishedName",
    "Identity",
    "ObjectCategory",
    "ObjectClass",
    "WhenChanged",
    "WhenCreated",
    "WhenChangedUTC",
    "WhenCreatedUTC",
    "ExchangeObjectId",
    "OrganizationalUnitRoot",
    "OrganizationId",
    "Id",
    "Guid",
    "OriginatingServer",
    "IsValid",
    "ObjectState",
];

/// Where a tenant's objects live.
#[derive(Clone, Debug)]
pub struct Place {
    /// The tenant's initial domain.
    pub domain: String,
    /// The forest.
    pub forest: String,
}

impl Place {
    /// The place of a tenant; the forest from one of its objects if that names one.
    pub fn new(domain: &str, sample: Option<&Value>) -> Self {
        let forest = sample
            .and_then(|sample| text(sample.as_object()?, "OrganizationId")?.split_once('/'))
            .map_or("EURP201A001.PROD.OUTLOOK.COM", |(forest, _)| forest);
        Self {
            domain: domain.to_owned(),
            forest: forest.to_owned(),
        }
    }

    /// The property `OrganizationId` of its objects.
    pub fn organization_id(&self) -> String {
        let Self { domain, forest } = self;
        format!(
            "{forest}/Microsoft Exchange Hosted Organizations/{domain} - {forest}/ConfigurationUnits/{domain}/Configuration"
        )
    }

    fn distinguished_name(&self, name: &str) -> String {
        let forest: Vec<_> = self
            .forest
            .split('.')
            .map(|part| format!("DC={part}"))
            .collect();
        format!(
            "CN={name},CN=Transport Settings,CN=Configuration,CN={},CN=ConfigurationUnits,{}",
            self.domain,
            forest.join(",")
        )
    }
}

/// A property that is text.
pub fn text<'a>(record: &'a Record, key: &str) -> Option<&'a str> {
    record.get(key).and_then(Value::as_str)
}

/// A property that is a flag; a missing one is not set.
pub fn flag(record: &Record, key: &str) -> bool {
    record.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// A property that is a list of texts.
pub fn list(record: &Record, key: &str) -> Vec<String> {
    record.get(key).map(texts).unwrap_or_default()
}

/// Whether a text identifies an object: name, GUID or distinguished name, in any case.
pub fn is(record: &Record, identity: &str) -> bool {
    [
        "Name",
        "Identity",
        "Guid",
        "ExchangeObjectId",
        "DistinguishedName",
    ]
    .into_iter()
    .filter_map(|key| text(record, key))
    .any(|value| value.to_lowercase() == identity.to_lowercase())
}

/// A connector with all its keys, from the part of it that is given.
pub fn complete_connector(mut given: Record, place: &Place) -> Record {
    let name = text(&given, "Name").unwrap_or("unnamed").to_owned();
    let guid = ["Guid", "ExchangeObjectId"]
        .into_iter()
        .find_map(|key| text(&given, key))
        .map_or_else(
            || chance::guid_of(&format!("{}/{name}", place.domain)),
            str::to_owned,
        );
    for key in ORDER {
        let value = given.get(key).filter(|value| !value.is_null());
        if value.is_none() || Lists::has(key) && !value.is_some_and(Value::is_array) {
            let value = value.map(texts).map(Value::from);
            let value = value.unwrap_or_else(|| default(key, &name, &guid, place));
            given.insert(key.to_owned(), value);
        }
    }
    given.retain(|key, _| !key.contains('@'));
    given
}

fn default(key: &str, name: &str, guid: &str, place: &Place) -> Value {
    match key {
        "Enabled" | "RequireTls" | "IsValid" => true.into(),
        "ConnectorType" => "Partner".into(),
        "ConnectorSource" => "Default".into(),
        "SenderDomains" => json!(["smtp:*;1"]),
        "TlsSenderCertificateName" => Value::Null,
        "NameHashGuid" => chance::guid_of(&format!("hash of {name}")).into(),
        "ExchangeVersion" => "0.1 (8.0.535.0)".into(),
        "Name" | "Identity" | "Id" => name.into(),
        "DistinguishedName" => place.distinguished_name(name).into(),
        "OrganizationalUnitRoot" | "OrganizationalUnitRootInternal" => place.domain.as_str().into(),
        "ObjectCategory" => {
            let forest = &place.forest;
            format!("{forest}/Configuration/Schema/ms-Exch-SMTP-Inbound-Connector").into()
        }
        "ObjectClass" => json!(["top", "msExchSMTPInboundConnector"]),
        "WhenChanged" | "WhenCreated" | "WhenChangedUTC" | "WhenCreatedUTC" => {
            "2025-01-15T08:30:00Z".into()
        }
        "ExchangeObjectId" | "Guid" => guid.into(),
        "OrganizationId" => place.organization_id().into(),
        "OriginatingServer" => format!("AM0P201A01DC005.{}", place.forest).into(),
        "ObjectState" => "Unchanged".into(),
        _ if Lists::has(key) => json!([]),
        "Comment" | "AdminDisplayName" => "".into(),
        _ => false.into(),
    }
}

/// Gives a connector a name, with everything that follows from it.
pub fn rename(record: &mut Record, name: &str, place: &Place) {
    for key in [
        "Name",
        "Identity",
        "Id",
        "DistinguishedName",
        "NameHashGuid",
    ] {
        record.insert(key.to_owned(), default(key, name, "", place));
    }
}

/// An object with what it lacks taken from a table.
pub fn complete(mut given: Record, defaults: Value) -> Record {
    if let Value::Object(defaults) = defaults {
        for (key, value) in defaults {
            given.entry(key).or_insert(value);
        }
    }
    given
}

/// Says that an object was changed now, and created now if it is new.
pub fn touch(record: &mut Record, now: jiff::Timestamp, new: bool) {
    let now = Value::from(clock::seven_digits(now, "Z"));
    for key in [
        "WhenChanged",
        "WhenChangedUTC",
        "WhenCreated",
        "WhenCreatedUTC",
    ] {
        if new || key.starts_with("WhenChanged") {
            record.insert(key.to_owned(), now.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_of_which_only_the_name_is_known_has_all_keys() {
        let place = Place::new("contoso.onmicrosoft.com", None);
        let given = json!({"Name": "Relay", "SenderIPAddresses": "192.0.2.1"});
        let record = complete_connector(given.as_object().unwrap().clone(), &place);
        assert_eq!(record.len(), ORDER.len());
        assert_eq!(record["SenderIPAddresses"], json!(["192.0.2.1"]));
        assert_eq!(record["TlsSenderCertificateName"], Value::Null);
        assert_eq!(record["Guid"], record["ExchangeObjectId"]);
        assert!(is(&record, "RELAY"));
        assert!(is(&record, record["DistinguishedName"].as_str().unwrap()));
        assert!(!is(&record, "Relay 2"));
    }
}
