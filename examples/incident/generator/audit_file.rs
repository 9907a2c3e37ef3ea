//! The unified audit log in the forms in which it is exported.

use super::audit::{DataStyle, Record};
use super::clock::{Culture, iso_seven, iso_zulu, localised};
use super::json::{Json, lines, object};
use super::organization::Organization;
use super::rng::Rng;
use super::table::{Encoding, Quoting, row};
use std::borrow::Cow;

/// A form of export.
#[derive(Clone, Copy)]
pub enum AuditForm {
    /// `Search-UnifiedAuditLog | Export-Csv`
    CmdletCsv,
    /// The portal's CSV.
    PortalCsv,
    /// Contents of the Management Activity API.
    ActivityArray,
    /// The same, one record a line, as collectors store it.
    ActivityLines,
    /// An audit query of Microsoft Graph.
    Graph,
}

/// How one organization's audit log is exported.
pub struct AuditFile<'a> {
    /// Whose log.
    pub organization: &'a Organization,
    /// Which form.
    pub form: AuditForm,
    /// How `AuditData` is delivered.
    pub style: DataStyle,
    /// The exporter's culture.
    pub culture: Culture,
    /// Whether one harmless row arrives cut off, which only tables can show.
    pub cut_off: bool,
}

impl AuditFile<'_> {
    /// A form of this seed.
    pub fn pick<'a>(organization: &'a Organization, rng: &mut Rng) -> AuditFile<'a> {
        let form = *rng.pick(&[
            AuditForm::CmdletCsv,
            AuditForm::CmdletCsv,
            AuditForm::PortalCsv,
            AuditForm::ActivityArray,
            AuditForm::ActivityLines,
            AuditForm::Graph,
        ]);
        let graph = matches!(form, AuditForm::Graph);
        AuditFile {
            organization,
            form,
            style: DataStyle {
                parameters_as_text: !graph && rng.chance(0.2),
                sorted: !graph && rng.chance(0.15),
                zulu: graph,
            },
            culture: *rng.pick(&[Culture::American, Culture::British, Culture::German]),
            cut_off: rng.chance(0.3),
        }
    }

    /// The end of the file's name, and its bytes.
    pub fn write(&self, records: &[Record], rng: &mut Rng) -> (&'static str, Vec<u8>) {
        match self.form {
            AuditForm::CmdletCsv => ("csv", Encoding::Utf8.bytes(self.cmdlet_csv(records, rng))),
            AuditForm::PortalCsv => ("csv", Encoding::Utf8Mark.bytes(self.portal_csv(records))),
            AuditForm::ActivityArray => {
                let records: Vec<Json> = records.iter().map(|record| self.data(record)).collect();
                ("json", lines(&records).into_bytes())
            }
            AuditForm::ActivityLines => {
                let records = records.iter().map(|record| self.data(record).line() + "\n");
                ("jsonl", records.collect::<String>().into_bytes())
            }
            AuditForm::Graph => ("json", self.graph(records).into_bytes()),
        }
    }

    fn data(&self, record: &Record) -> Json {
        record.data(self.organization, self.style)
    }

    /// `AuditData` of a table's row; that of one of Microsoft's services is cut off.
    fn cell(&self, record: &Record, cut: &mut bool) -> String {
        let mut data = self.data(record).line();
        if *cut && record.user_type == 3 {
            *cut = false;
            data.truncate(if record.id.as_bytes()[0] < b'6' {
                0
            } else {
                300
            });
        }
        data
    }

    fn cmdlet_csv(&self, records: &[Record], rng: &mut Rng) -> String {
        let header = [
            "PSComputerName",
            "RunspaceId",
            "PSShowComputerName",
            "RecordType",
            "CreationDate",
            "UserIds",
            "Operations",
            "AuditData",
            "ResultIndex",
            "ResultCount",
            "Identity",
            "IsValid",
            "ObjectState",
        ];
        let quoting = *rng.pick(&[Quoting::Always, Quoting::Needed]);
        let runspace = rng.guid();
        let count = records.len().to_string();
        let mut cut = self.cut_off;
        let mut out = String::new();
        row(&mut out, &header, quoting);
        for (index, record) in records.iter().enumerate() {
            let fields = [
                "outlook.office365.com",
                &runspace,
                "False",
                type_name(record.record_type),
                &localised(record.at, self.culture),
                &record.user_id,
                &record.operation,
                &self.cell(record, &mut cut),
                &(index + 1).to_string(),
                &count,
                &record.id,
                "True",
                "Unchanged",
            ];
            row(&mut out, &fields, quoting);
        }
        out
    }

    fn portal_csv(&self, records: &[Record]) -> String {
        let header = [
            "RecordId",
            "CreationDate",
            "RecordType",
            "Operation",
            "UserId",
            "AuditData",
            "AssociatedAdminUnits",
            "AssociatedAdminUnitsNames",
        ];
        let mut cut = self.cut_off;
        let mut out = String::new();
        row(&mut out, &header, Quoting::Needed);
        for record in records {
            let date = match self.culture {
                Culture::American => localised(record.at, self.culture),
                _ => format!("{} ", iso_seven(record.at)),
            };
            let fields = [
                &record.id,
                &date,
                &record.record_type.to_string(),
                &record.operation,
                &record.user_id,
                &self.cell(record, &mut cut),
                "",
                "",
            ];
            row(&mut out, &fields, Quoting::Needed);
        }
        out
    }

    fn graph(&self, records: &[Record]) -> String {
        let rows: Vec<Json> = records
            .iter()
            .map(|record| self.graph_record(record))
            .collect();
        format!(
            "{{\"@odata.context\":\"https://graph.microsoft.com/v1.0/$metadata#security/auditLog/queries('q')/records\",\"value\":{}}}\n",
            lines(&rows).trim_end()
        )
    }

    /// Graph's envelope: `userId` is the classic `UserKey`, `userPrincipalName` the classic `UserId`.
    fn graph_record(&self, record: &Record) -> Json {
        let mut data = vec![(
            Cow::Borrowed("@odata.type"),
            "#microsoft.graph.security.defaultAuditData".into(),
        )];
        if let Json::Object(entries) = annotate(self.data(record)) {
            data.extend(entries);
        }
        object([
            ("id", (&record.id).into()),
            ("createdDateTime", iso_zulu(record.at).into()),
            ("auditLogRecordType", type_name(record.record_type).into()),
            ("operation", (&record.operation).into()),
            ("organizationId", (&self.organization.tenant_id).into()),
            ("userType", user_type_name(record.user_type).into()),
            ("userId", (&record.user_key).into()),
            ("service", record.workload.into()),
            ("objectId", (&record.object_id).into()),
            ("userPrincipalName", (&record.user_id).into()),
            ("clientIp", Json::Null),
            ("administrativeUnits", vec!["".into()].into()),
            ("auditData", Json::Object(data)),
        ])
    }
}

/// Adds Graph's side keys before numbers and lists.
fn annotate(value: Json) -> Json {
    match value {
        Json::Object(entries) => {
            let mut annotated = Vec::new();
            for (key, value) in entries {
                let kind = match &value {
                    Json::Number(_) => Some("#Int64"),
                    Json::List(_) => Some("#Collection(microsoft.graph.security.defaultAuditData)"),
                    _ => None,
                };
                if let Some(kind) = kind {
                    annotated.push((Cow::Owned(format!("{key}@odata.type")), kind.into()));
                }
                annotated.push((key, annotate(value)));
            }
            Json::Object(annotated)
        }
        Json::List(values) => Json::List(values.into_iter().map(annotate).collect()),
        other => other,
    }
}

fn type_name(record_type: i64) -> &'static str {
    match record_type {
        1 => "ExchangeAdmin",
        8 => "AzureActiveDirectory",
        15 => "AzureActiveDirectoryStsLogon",
        _ => "SecurityComplianceAlerts",
    }
}

fn user_type_name(user_type: i64) -> &'static str {
    match user_type {
        0 => "Regular",
        2 => "Admin",
        3 => "DcAdmin",
        5 => "Application",
        6 => "ServicePrincipal",
        _ => "System",
    }
}
