//! Records of Entra: sign-ins, applications, roles, passwords.

use super::audit::Record;
use super::json::{Json, object};
use super::organization::{Organization, Person};
use super::rng::Rng;

const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/151.0.0.0 Safari/537.36";

/// A sign-in, successful or not.
pub fn sign_in(
    organization: &Organization,
    at: i64,
    person: &Person,
    address: &str,
    success: bool,
    rng: &mut Rng,
) -> Record {
    let target = "00000002-0000-0ff1-ce00-000000000000";
    let (error, result) = if success {
        ("0", "Success")
    } else {
        ("50126", "Failed")
    };
    let mut details = vec![
        ("AzureActiveDirectoryEventType", 1.into()),
        (
            "ExtendedProperties",
            vec![
                pair(
                    "ResultStatusDetail",
                    if success { "Success" } else { "UserError" },
                ),
                pair("UserAgent", BROWSER),
                pair("RequestType", "OAuth2:Authorize"),
            ]
            .into(),
        ),
        ("ModifiedProperties", Json::List(Vec::new())),
        (
            "Actor",
            vec![entry(&person.object_id, 0), entry(&person.upn, 5)].into(),
        ),
        ("ActorContextId", (&organization.tenant_id).into()),
        ("ActorIpAddress", address.to_string().into()),
        ("InterSystemsId", rng.guid().into()),
        ("IntraSystemId", rng.guid().into()),
        ("SupportTicketId", "".into()),
        ("Target", vec![entry(target, 0)].into()),
        ("TargetContextId", (&organization.tenant_id).into()),
        (
            "ApplicationId",
            "fb78d390-0c51-40cd-8e17-fdbfab77341b".into(),
        ),
        ("ErrorNumber", error.into()),
    ];
    if !success {
        details.push(("LogonError", "InvalidUserNameOrPassword".into()));
    }
    Record {
        at,
        id: rng.guid(),
        operation: if success {
            "UserLoggedIn"
        } else {
            "UserLoginFailed"
        }
        .into(),
        record_type: 15,
        user_type: 0,
        user_key: person.object_id.clone(),
        user_id: person.upn.clone(),
        workload: "AzureActiveDirectory",
        result,
        client_ip: Some(address.into()),
        object_id: target.into(),
        details,
    }
}

/// Who changes the directory, and from where.
pub struct Change<'a> {
    /// Where it happens.
    pub organization: &'a Organization,
    /// Who does it.
    pub person: &'a Person,
    /// From where.
    pub address: &'a str,
}

impl Change<'_> {
    /// The record of one change: what was done to what, and the properties that it gave new values.
    pub fn record(
        &self,
        at: i64,
        operation: &str,
        (object_id, target_name): (&str, &str),
        modified: &[(&str, &str)],
        rng: &mut Rng,
    ) -> Record {
        let modified: Vec<Json> = modified
            .iter()
            .map(|(name, new)| {
                object([
                    ("Name", name.to_string().into()),
                    ("NewValue", new.to_string().into()),
                    ("OldValue", "".into()),
                ])
            })
            .collect();
        let person = self.person;
        let tenant = &self.organization.tenant_id;
        let category = if operation.contains("role") {
            "Role"
        } else {
            "Application"
        };
        let details = vec![
            ("AzureActiveDirectoryEventType", 1.into()),
            (
                "ExtendedProperties",
                vec![
                    pair("additionalDetails", "{\"User-Agent\":\"EvoSTS\"}"),
                    pair("extendedAuditEventCategory", category),
                ]
                .into(),
            ),
            ("ModifiedProperties", modified.into()),
            (
                "Actor",
                vec![
                    entry(&person.upn, 5),
                    entry(&person.puid, 3),
                    entry(&format!("User_{}", person.object_id), 2),
                    entry(&person.object_id, 2),
                    entry("User", 2),
                ]
                .into(),
            ),
            ("ActorContextId", tenant.into()),
            ("ActorIpAddress", self.address.to_string().into()),
            ("InterSystemsId", rng.guid().into()),
            ("IntraSystemId", rng.guid().into()),
            ("SupportTicketId", "".into()),
            (
                "Target",
                vec![entry(object_id, 2), entry(target_name, 1)].into(),
            ),
            ("TargetContextId", tenant.into()),
        ];
        Record {
            at,
            id: rng.guid(),
            operation: operation.into(),
            record_type: 8,
            user_type: 0,
            user_key: format!("{}@{}", person.puid, self.organization.initial_domain),
            user_id: person.upn.clone(),
            workload: "AzureActiveDirectory",
            result: "Success",
            client_ip: Some(self.address.into()),
            object_id: object_id.into(),
            details,
        }
    }
}

fn pair(name: &'static str, value: &'static str) -> Json {
    object([("Name", name.into()), ("Value", value.into())])
}

fn entry(id: &str, kind: i64) -> Json {
    object([("ID", id.to_string().into()), ("Type", kind.into())])
}
