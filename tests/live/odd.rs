//! What no single fault is: other hosts, other organizations, other certificates, very many connectors.

use crate::emulator::Options;
use crate::world::{World, organization};
use serde_json::{Value, json};
use std::io::Read as _;
use std::net::TcpListener;

#[test]
fn a_token_goes_to_no_other_host() {
    let foreign = TcpListener::bind("127.0.0.1:0").unwrap();
    foreign.set_nonblocking(true).unwrap();
    let address = format!("http://{}/x", foreign.local_addr().unwrap());
    let world = World::with(
        Options {
            front_door: Some(address),
            ..Options::default()
        },
        |_| (),
    );
    assert_eq!(world.check().code, 0);
    assert!(
        foreign.accept().is_err(),
        "something connected to the foreign host"
    );
    let world = World::faulty(&["Get-InboundConnector=redirect"], |_| ());
    world
        .check()
        .expect(1, &["led to another host", "the token is not sent there"]);
}

#[test]
fn a_certificate_that_does_not_match_is_no_service() {
    let world = World::with(
        Options {
            tls: true,
            ..Options::default()
        },
        |_| (),
    );
    world
        .run(&["check", "--timeout", "2s"])
        .expect(1, &["certificate", "contoso"]);
    assert!(world.emulator.requests().is_empty());
}

#[test]
fn plain_connections_are_for_rehearsals() {
    let world = World::new();
    let pin = world.repo.pin();
    let run = world.repo.run_with(
        &["check", "--root", &pin],
        &[("CONNGUARD_SECRET", crate::world::SECRET)],
    );
    run.expect(3, &["--rehearsal"]);
    assert!(world.emulator.requests().is_empty(), "nothing was sent");
    world
        .repo
        .replace("connguard.yaml", "http://127.0.0.1", "http://localhost");
    world.run(&["check"]).expect(1, &["literal loopback"]);
}

#[test]
fn another_organization_is_never_compared() {
    let fabrikam = json!({
        "connguard": "export/v1", "taken_at": "2026-11-20T08:00:00Z",
        "organization": { "tenant_id": "77aa2c4e-1f3b-4b6a-8d92-5e0f6a7b8c02", "domain": "fabrikam.onmicrosoft.com" },
        "complete": { "inbound_connectors": true, "accepted_domains": true, "blocked_connectors": true },
        "inbound_connectors": [], "blocked_connectors": [],
        "accepted_domains": [{ "DomainName": "fabrikam.onmicrosoft.com", "InitialDomain": true }],
    });
    let world = World::with(
        Options {
            tenants: vec![fabrikam],
            ..Options::default()
        },
        |_| (),
    );
    world.repo.replace(
        "connguard.yaml",
        crate::world::TENANT,
        "77aa2c4e-1f3b-4b6a-8d92-5e0f6a7b8c02",
    );
    let run = world.run(&["check"]);
    assert!(matches!(run.code, 1 | 3), "{run:?}");
    run.expect(1, &["another organization"]);
}

#[test]
fn ten_thousand_connectors_are_read_over_many_pages() {
    let mut own = organization();
    let connectors = own["inbound_connectors"].as_array_mut().unwrap();
    let first = connectors[0].clone();
    for number in 0..9_997_u32 {
        let mut more = first.clone();
        more["Name"] = json!(format!("Relay {number}"));
        let id = format!("00000000-0000-4000-8000-{number:012}");
        (more["ExchangeObjectId"], more["Guid"]) = (json!(id), json!(id));
        connectors.push(more);
    }
    let world = World::with(
        Options {
            page_size: 1000,
            ..Options::default()
        },
        |organization| *organization = own,
    );
    let run = world.run(&["fetch"]);
    run.expect(0, &["10000 connectors"]);
    let pages = world
        .emulator
        .requests()
        .iter()
        .filter(|seen| seen.cmdlet.as_deref() == Some("Get-InboundConnector"))
        .count();
    assert_eq!(pages, 10);
}

#[test]
fn pages_that_cannot_be_followed_leave_the_snapshot_incomplete() {
    let world = World::with(
        Options {
            page_size: 2,
            broken_paging: true,
            ..Options::default()
        },
        |_| (),
    );
    let run = world.check();
    assert_eq!(run.code, 3, "{run:?}");
    let json = run.json();
    assert!(
        json.to_string()
            .contains("a further page could not be read"),
        "{json}"
    );
    assert!(!json.to_string().contains("drift-missing"), "{json}");
}

#[test]
fn an_organization_without_connectors_is_asked_twice() {
    let world = World::with(Options::default(), |organization| {
        organization["inbound_connectors"] = json!([])
    });
    let run = world.check();
    assert_eq!(
        run.code, 13,
        "three approved connectors are missing: {run:?}"
    );
    let asked = world
        .emulator
        .requests()
        .iter()
        .filter(|seen| seen.cmdlet.as_deref() == Some("Get-InboundConnector"))
        .count();
    assert_eq!(asked, 2);
}

#[test]
fn what_is_fetched_can_be_kept_as_an_export() {
    let world = World::new();
    let run = world.run(&["fetch", "--export"]);
    world.repo.write("kept.json", &run.stdout);
    world
        .repo
        .run(&["fetch", "--from", "kept.json"])
        .expect(0, &["3 connectors"]);
    let settled = |text: &str| -> Value {
        let mut snapshot: Value = serde_json::from_str(text).unwrap();
        for connector in snapshot["inbound_connectors"].as_array_mut().unwrap() {
            connector["metadata"]["WhenChangedUTC"] = Value::Null;
        }
        json!([
            snapshot["inbound_connectors"],
            snapshot["accepted_domains"],
            snapshot["organization"]
        ])
    };
    let direct = world.run(&["fetch"]).stdout;
    let kept = world.repo.run(&["fetch", "--from", "kept.json"]).stdout;
    assert_eq!(settled(&direct), settled(&kept));
}

#[test]
fn a_proxy_of_the_environment_never_sees_a_rehearsal() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let world = World::new();
    let environment = [
        ("HTTP_PROXY", address.as_str()),
        ("http_proxy", &address),
        ("ALL_PROXY", &address),
    ];
    world.run_with(&["check"], &environment).expect(0, &[]);
    let mut bytes = [0; 1];
    if let Ok((mut stream, _)) = proxy.accept() {
        panic!("the proxy was asked: {:?}", stream.read(&mut bytes));
    }
}

#[test]
fn what_stands_around_the_connectors_is_recorded_and_decides_nothing() {
    let world = World::with(Options::default(), |organization| {
        organization["transport_rules"] = json!([{ "Name": "Disclaimer", "Guid": "11111111-2222-4333-8444-555555555555", "State": "Enabled" }]);
    });
    world.repo.git(&["init", "-q"]);
    world.run(&["snapshot"]).expect(0, &["clean"]);
    let rules = world
        .repo
        .git(&["show", "connguard/history:contoso/transport-rules.json"]);
    assert!(rules.contains("Disclaimer"), "{rules}");
    // One part that cannot be read is missing, with its request; the others are there.
    world
        .emulator
        .add_fault("Get-TransportRule=403-nul".parse().unwrap());
    world.run(&["snapshot"]).expect(
        0,
        &["clean", "transport_rules", "may not run this", "request"],
    );
    assert_eq!(
        world
            .repo
            .git(&["show", "connguard/history:contoso/transport-rules.json"]),
        rules
    );
    world.repo.history(&["verify"]).expect(0, &[]);
}

#[test]
fn what_one_job_keeps_another_records_as_read_from_the_service() {
    let world = World::new();
    world.repo.git(&["init", "-q"]);
    world.run(&["check", "--keep", "read"]).expect(0, &[]);
    world.emulator.add_fault("*=500".parse().unwrap());
    // Without any credential, and without the service.
    world
        .run_with(&["snapshot", "--from", "read"], &[("CONNGUARD_SECRET", "")])
        .expect(0, &["clean"]);
    world
        .run(&["check", "--from", "history"])
        .expect(0, &["CLEAN"]);
    // What came of a rehearsal says so of itself.
    let pin = world.repo.pin();
    world
        .repo
        .run(&[
            "check",
            "--from",
            "read",
            "--root",
            &pin,
            "--now",
            crate::harness::NOW,
        ])
        .expect(1, &["read from an emulator"]);
    // A file in the repository cannot say so of itself.
    world
        .repo
        .write("exports/contoso.json", world.repo.read("read/contoso.json"));
    let config = world.repo.read("connguard.yaml");
    let until = config.find("    source:").unwrap();
    world.repo.write(
        "connguard.yaml",
        format!(
            "{}    source: {{ export: exports/contoso.json }}\n",
            &config[..until]
        ),
    );
    world.run(&["check"]).expect(3, &["export"]);
}

#[test]
fn that_there_is_no_connector_is_believed_of_whole_answers_that_name_the_organization_only() {
    let empty = |organization: &mut Value| organization["inbound_connectors"] = json!([]);
    let world = World::faulty(&["Get-InboundConnector:2=warning"], empty);
    world.check().expect(3, &["the service warned"]);
    let world = World::with(Options::default(), |organization| {
        empty(organization);
        organization["accepted_domains"] = json!([{ "DomainName": "contoso.com" }]);
    });
    world.check().expect(3, &["no connector was returned"]);
}
