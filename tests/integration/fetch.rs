//! Exports in every shape that tools write them, as `connguard fetch` reads them.

use crate::harness::{NOW, Repo, project, real_records};
use serde_json::{Value, json};

/// A record as Windows PowerShell 5.1 and PowerShell 7 write it.
fn records() -> (Value, Value) {
    let text =
        std::fs::read_to_string(project().join("tests/real/inbound-connector-partner-full.json"))
            .unwrap();
    let windows: Value = serde_json::from_str(&text).unwrap();
    let mut seven = windows.clone();
    let row = &mut seven[0];
    for key in ["WhenChanged", "WhenChangedUTC"] {
        row[key] = json!("2026-03-03T01:15:23Z");
    }
    for key in ["WhenCreated", "WhenCreatedUTC"] {
        row[key] = json!("2026-03-03T01:15:12.0000000Z");
    }
    row["OriginatingServer"] = json!("ANOTHER.PROD.OUTLOOK.COM");
    (windows, seven)
}

fn utf16(text: &str, mark: bool, big: bool) -> Vec<u8> {
    let unit = |unit: u16| {
        if big {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        }
    };
    mark.then_some(0xFEFF)
        .into_iter()
        .chain(text.encode_utf16())
        .flat_map(unit)
        .collect()
}

fn fetched(bytes: impl AsRef<[u8]>) -> String {
    let repo = Repo::empty();
    repo.write("export.json", bytes);
    repo.run(&["fetch", "--from", "export.json"])
        .expect(0, &[])
        .stdout
}

#[test]
fn one_organization_is_the_same_bytes_whatever_exported_it() {
    let (windows, seven) = records();
    let expected = fetched(seven.to_string());
    let windows_text = windows.to_string().replace('/', "\\/");
    let row = &windows[0];
    let mut rest_row = serde_json::Map::new();
    for (key, value) in seven[0].as_object().unwrap() {
        if value.is_array() {
            rest_row.insert(format!("{key}@odata.type"), json!("#Collection(String)"));
        }
        rest_row.insert(key.clone(), value.clone());
    }
    let shapes: Vec<Vec<u8>> = vec![
        utf16(&windows_text, true, false),
        utf16(&windows_text, true, true),
        utf16(&windows_text, false, false),
        format!("\u{feff}{windows_text}").into_bytes(),
        row.to_string().into_bytes(),
        row.to_string()
            .replace("/Date(", "Date(")
            .replace(")/", ")")
            .into_bytes(),
        json!({ "value": windows, "Count": 1 })
            .to_string()
            .into_bytes(),
        json!({ "@odata.context": "x", "@adminapi.warnings": [], "value": [rest_row] })
            .to_string()
            .into_bytes(),
        serde_json::to_vec_pretty(&seven).unwrap(),
    ];
    for shape in shapes {
        assert_eq!(
            fetched(&shape),
            expected,
            "{}",
            String::from_utf8_lossy(&shape)
        );
    }
    let snapshot: Value = serde_json::from_str(&expected).unwrap();
    assert_eq!(
        snapshot["inbound_connectors"][0]["settings"]["SenderDomains"],
        json!(["test.domain.com"])
    );
    assert_eq!(
        snapshot["inbound_connectors"][0]["metadata"]["WhenCreatedUTC"],
        "2026-03-03T01:15:12Z"
    );
    for volatile in [
        "OriginatingServer",
        "ANOTHER",
        "RunspaceId",
        "DistinguishedName",
    ] {
        assert!(!expected.contains(volatile), "{volatile} is stored");
    }
}

#[test]
fn two_reads_of_an_unchanged_object_differ_in_nothing_that_is_stored() {
    let text = std::fs::read_to_string(project().join("tests/real/series-connection-filter.json"))
        .unwrap();
    let series: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (_, connector) = records();
    // What moved between real reads of a real object moves here between reads of a connector.
    let reads: Vec<String> = series
        .iter()
        .map(|read| {
            let mut row = connector[0].clone();
            for key in ["OriginatingServer", "WhenChanged", "ObjectState"] {
                row[key] = read["objects"][0][key].clone();
            }
            fetched(row.to_string())
        })
        .collect();
    assert!(reads.len() > 1 && reads.iter().all(|read| *read == reads[0]));
}

#[test]
fn unknown_properties_are_kept_and_reported() {
    let (_, mut record) = records();
    record[0]["BrandNewSwitch"] = json!({ "deep": [1, 2] });
    let repo = Repo::empty();
    repo.write("export.json", record.to_string());
    repo.run(&["fetch", "--from", "export.json"])
        .expect(0, &["BrandNewSwitch"]);
    repo.run(&["check", "--from", "export.json", "--now", NOW])
        .expect(3, &["unrecognised-property", "1 not recognised"]);
}

#[test]
fn what_cannot_be_read_for_certain_is_an_error_with_its_place() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\",\n \"SenderIPAddresses\": [\"System.Object[]\"]}]",
            &["x.json:2:23", "the name of a type"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\",\n \"SenderIPAddresses\": \"System.Collections.ArrayList\"}]",
            &["the name of a type"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\", \"SenderIPAddresses\": [\"203.0.113.1\", \"...\"]}]",
            &["cut off"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\", \"RequireTls\": \"True\"}]",
            &["x.json:1:58", "must be true or false, not the text"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": 1}]",
            &["EnumsAsStrings"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\", \"Guid\": \"x\"}]",
            &["not a GUID"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\", \"WhenCreatedUTC\": \"15.03.2019 02:31:53\"}]",
            &["not a time that can be read for certain"],
        ),
        ("[{\"ConnectorType\": \"Partner\"}]", &["has no `Name`"]),
        ("[{\"Name\": \"a\"}]", &["this is no inbound connector"]),
        (
            "[{\"Name\": \"a\", \"Name\": \"b\", \"ConnectorType\": \"Partner\"}]",
            &["occurs twice"],
        ),
        (
            "[{\"Name\": \"a\", \"Enabled\": true, \"enabled\": false, \"ConnectorType\": \"Partner\"}]",
            &["occurs twice in one record"],
        ),
        (
            "[{\"Name\": \"a\", \"ConnectorType\": \"Partner\", \"EFUsers\": {\"value\": [\"x\"], \"Count\": 2}}]",
            &["Count"],
        ),
        ("[1]", &["expected a connector, found a number"]),
        ("\"text\"", &["expected connectors, found a string"]),
        ("[{\"Name\": \"a\"", &["ends too early"]),
        (
            "{\"error\": {\"code\": \"403\"}}",
            &["the service's error message"],
        ),
        (
            "[null, {\"Name\": \"a\", \"ConnectorType\": \"Partner\"}]",
            &["expected a connector, found null"],
        ),
        (
            "Enabled : True\nConnectorType : Partner\n",
            &["Format-List"],
        ),
        ("<Objs Version=\"1.1.0.1\">", &["XML"]),
        ("\"Enabled\",\"Name\"\n\"True\",\"a\"\n", &["CSV"]),
        (
            "{\"connguard\": \"export/v2\", \"taken_at\": \"now\"}",
            &[
                "not `export/v1`",
                "not a time with offset",
                "`organization` is missing",
            ],
        ),
    ];
    for (text, words) in cases {
        let repo = Repo::empty();
        repo.write("x.json", text);
        repo.run(&["fetch", "--from", "x.json"]).expect(1, words);
    }
}

#[test]
fn duplicate_ids_and_mixed_organizations_are_errors() {
    let (_, record) = records();
    let mut twin = record[0].clone();
    twin["Name"] = json!("twin");
    let repo = Repo::empty();
    repo.write("x.json", json!([record[0], twin]).to_string());
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["two records have the id f88dbc64"]);
    twin["Guid"] = json!("00000000-0000-4000-8000-000000000001");
    twin["ExchangeObjectId"] = twin["Guid"].clone();
    twin["OrganizationalUnitRoot"] = json!("contoso.onmicrosoft.com");
    repo.write("x.json", json!([record[0], twin]).to_string());
    repo.run(&["fetch", "--from", "x.json"])
        .expect(1, &["belongs to contoso.onmicrosoft.com"]);
}

#[test]
fn an_answer_with_a_next_page_or_a_warning_is_incomplete() {
    let (_, record) = records();
    let repo = Repo::empty();
    repo.write(
        "x.json",
        json!({ "value": record, "@odata.nextLink": "https://example.com/next" }).to_string(),
    );
    repo.run(&["fetch", "--from", "x.json"])
        .expect(3, &["next page"]);
    repo.write(
        "x.json",
        json!({ "value": record, "@adminapi.warnings": ["There are more results available"] })
            .to_string(),
    );
    repo.run(&["fetch", "--from", "x.json"])
        .expect(3, &["more results"]);
}

#[test]
fn an_export_with_a_time_takes_no_other() {
    let repo = Repo::example();
    repo.run(&["fetch", "--from", "exports/contoso.json", "--taken-at", NOW])
        .expect(1, &["was taken at 2026-11-20T08:00:00Z"]);
    repo.run(&["fetch"])
        .expect(2, &["there are contoso, fabrikam"]);
    repo.run(&["fetch", "--tenant", "contoso"])
        .expect(0, &["\"connguard/snapshot/v1\""]);
    repo.run(&["fetch", "--from", "nowhere.json"])
        .expect(1, &["nowhere.json", "cannot read the export"]);
}

#[test]
fn real_records_are_read_or_refused_for_what_they_are() {
    let Some(folder) = real_records() else { return };
    let repo = Repo::empty();
    for (file, code, words) in [
        (
            "inbound-connector-partner-full.json",
            0,
            "\"RequireTls\": true",
        ),
        ("inbound-connector-cert-tls.json", 0, "*.rob-knight.com"),
        ("outbound-connectors-none.json", 3, "proves nothing"),
        (
            "outbound-connector.json",
            1,
            "this is an outbound connector",
        ),
        ("outbound-connector-format-list.txt", 1, "Format-List"),
        ("accepted-domains-full.json", 1, "no inbound connector"),
        (
            "invokecommand-envelope-truncated.json",
            1,
            "no inbound connector",
        ),
        ("invokecommand-error-400-invalid-enum.json", 1, "error"),
        (
            "transport-rule-rest-sidecars.json",
            1,
            "no inbound connector",
        ),
        ("ual-search-exchangeadmin-2021-03to05.csv", 1, ""),
    ] {
        let path = folder.join(file);
        repo.run(&["fetch", "--from", path.to_str().unwrap()])
            .expect(code, &[words]);
    }
}
