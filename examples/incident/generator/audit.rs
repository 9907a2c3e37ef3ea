//! Records of the unified audit log, in the shape that all exports carry: `AuditData`.

use super::clock::iso_seconds;
use super::json::{Json, object};
use super::organization::{Organization, Person};
use super::rng::Rng;
use std::borrow::Cow;

/// The Exchange Online PowerShell application.
pub const POWERSHELL: &str = "00000002-0000-0ff1-ce00-000000000000";
/// The administration portal.
pub const PORTAL: &str = "00000006-0000-0ff1-ce00-000000000000";

/// One audit record.
#[derive(Clone)]
pub struct Record {
    /// When it happened, at a whole second.
    pub at: i64,
    /// Its id.
    pub id: String,
    /// What was done.
    pub operation: String,
    /// 1 Exchange, 8 Entra, 15 sign-in, 40 alert.
    pub record_type: i64,
    /// 0 user, 2 administrator, 3 Microsoft's datacentre, 4 system, 5 application, 6 service principal.
    pub user_type: i64,
    /// The actor's internal key.
    pub user_key: String,
    /// The actor's name.
    pub user_id: String,
    /// `Exchange`, `AzureActiveDirectory` or `SecurityComplianceCenter`.
    pub workload: &'static str,
    /// `True` or `Success`.
    pub result: &'static str,
    /// Where it was done from.
    pub client_ip: Option<String>,
    /// What it was done to.
    pub object_id: String,
    /// Everything else, in order.
    pub details: Vec<(&'static str, Json)>,
}

/// How a collector delivers `AuditData`.
#[derive(Clone, Copy)]
pub struct DataStyle {
    /// `Parameters` as one string of JSON instead of an array.
    pub parameters_as_text: bool,
    /// Keys in alphabetical order, as collectors that store maps write them.
    pub sorted: bool,
    /// `CreationTime` with a `Z`, as Graph writes it.
    pub zulu: bool,
}

impl Record {
    /// The classic object.
    pub fn data(&self, organization: &Organization, style: DataStyle) -> Json {
        let zone = if style.zulu { "Z" } else { "" };
        let time = format!("{}{zone}", iso_seconds(self.at));
        let mut entries: Vec<(Cow<'static, str>, Json)> = vec![
            ("CreationTime".into(), time.into()),
            ("Id".into(), (&self.id).into()),
            ("Operation".into(), (&self.operation).into()),
            ("OrganizationId".into(), (&organization.tenant_id).into()),
            ("RecordType".into(), self.record_type.into()),
            ("ResultStatus".into(), self.result.into()),
            ("UserKey".into(), (&self.user_key).into()),
            ("UserType".into(), self.user_type.into()),
            ("Version".into(), 1.into()),
            ("Workload".into(), self.workload.into()),
        ];
        if let Some(address) = &self.client_ip {
            entries.push(("ClientIP".into(), address.into()));
        }
        entries.push(("ObjectId".into(), (&self.object_id).into()));
        entries.push(("UserId".into(), (&self.user_id).into()));
        for (key, value) in &self.details {
            let value = if *key == "Parameters" && style.parameters_as_text {
                value.line().into()
            } else {
                value.clone()
            };
            entries.push((Cow::Borrowed(key), value));
        }
        if style.sorted {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Json::Object(entries)
    }
}

/// Who runs Exchange cmdlets, and from where.
#[derive(Clone)]
pub struct Session {
    /// `UserId`
    pub user_id: String,
    /// `UserKey`
    pub user_key: String,
    /// `UserType`
    pub user_type: i64,
    /// The address, without a port.
    pub address: Option<String>,
    /// `AppId`
    pub app_id: String,
    /// `SessionId`
    pub session_id: Option<String>,
    /// `ExternalAccess`
    pub external: bool,
}

impl Session {
    /// An administrator's session.
    pub fn of(person: &Person, address: &str, app_id: &str, rng: &mut Rng) -> Self {
        let spelling = if rng.chance(0.2) {
            let mut letters = person.upn.clone();
            letters[..1].make_ascii_uppercase();
            letters
        } else {
            person.upn.clone()
        };
        Session {
            user_id: spelling,
            user_key: person.puid.clone(),
            user_type: 2,
            address: Some(address.into()),
            app_id: app_id.into(),
            session_id: Some(rng.guid()),
            external: false,
        }
    }

    /// One of Microsoft's own services.
    pub fn service(name: &str) -> Self {
        Session {
            user_id: format!("NT AUTHORITY\\SYSTEM ({name})"),
            user_key: format!("NT AUTHORITY\\SYSTEM ({name})"),
            user_type: 3,
            address: None,
            app_id: String::new(),
            session_id: None,
            external: true,
        }
    }

    /// The record of one cmdlet.
    pub fn run(
        &self,
        organization: &Organization,
        at: i64,
        cmdlet: &str,
        object_id: &str,
        parameters: &[(&str, String)],
        rng: &mut Rng,
    ) -> Record {
        let parameters: Vec<Json> = parameters
            .iter()
            .map(|(name, value)| {
                object([("Name", name.to_string().into()), ("Value", value.into())])
            })
            .collect();
        let mut details = vec![
            ("AppId", (&self.app_id).into()),
            ("ClientAppId", "".into()),
            ("ExternalAccess", self.external.into()),
            ("OrganizationName", (&organization.initial_domain).into()),
            ("OriginatingServer", organization.server(rng).into()),
            ("Parameters", parameters.into()),
        ];
        if let Some(session) = &self.session_id {
            details.push(("SessionId", session.into()));
        }
        Record {
            at,
            id: rng.guid(),
            operation: cmdlet.into(),
            record_type: 1,
            user_type: self.user_type,
            user_key: self.user_key.clone(),
            user_id: self.user_id.clone(),
            workload: "Exchange",
            result: "True",
            client_ip: self.address.as_ref().map(|address| with_port(address, rng)),
            object_id: object_id.into(),
            details,
        }
    }
}

/// `a.b.c.d:port` or `[v6]:port`, as Exchange records clients.
fn with_port(address: &str, rng: &mut Rng) -> String {
    let port = rng.between(1_100, 64_000);
    if address.contains(':') {
        format!("[{address}]:{port}")
    } else {
        format!("{address}:{port}")
    }
}
