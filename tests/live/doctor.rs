//! What doctor says of identities and organizations.

use crate::emulator::Options;
use crate::harness::Run;
use crate::world::World;
use serde_json::{Value, json};

fn doctor(world: &World) -> Run {
    world.run(&[
        "doctor",
        "--format",
        "json",
        "--timeout",
        "2s",
        "--budget",
        "10s",
    ])
}

fn state(run: &Run, id: &str) -> String {
    let json = run.json();
    let check = json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["id"] == id);
    check.unwrap_or(&Value::Null)["state"]
        .as_str()
        .unwrap_or("absent")
        .to_owned()
}

fn reads_as(world: &World, digit: &str) {
    let id = |digit: &str| {
        let d = |count: usize| digit.repeat(count);
        format!("{}-{}-4{}-8{}-{}", d(8), d(4), d(3), d(3), d(12))
    };
    world.repo.replace("connguard.yaml", &id("1"), &id(digit));
}

#[test]
fn which_grant_is_missing_is_said() {
    let world = World::new();
    assert_eq!(doctor(&world).code, 0);
    for (identity, code, missing) in [
        ("3", 1, "grant-directory-role"),
        ("4", 1, "grant-app-role"),
        ("6", 1, "sign-in"),
    ] {
        let world = World::new();
        reads_as(&world, identity);
        let run = doctor(&world);
        assert_eq!(run.code, code, "{run:?}");
        assert_eq!(state(&run, missing), "fails", "{run:?}");
    }
}

#[test]
fn a_judge_that_holds_power_is_a_finding() {
    let world = World::new();
    reads_as(&world, "2");
    let run = doctor(&world);
    assert_eq!(run.code, 12, "{run:?}");
    assert_eq!(state(&run, "power"), "wrong");
    assert_eq!(state(&run, "apply-identity"), "wrong");
}

#[test]
fn settings_that_hide_or_let_in_are_findings_with_their_mend() {
    let world = World::with(
        Options {
            clock_offset: 150,
            ..Options::default()
        },
        |organization| {
            organization["organization_config"] =
                json!({ "RejectDirectSend": false, "IsDehydrated": true });
            organization["admin_audit_log_config"] =
                json!({ "UnifiedAuditLogIngestionEnabled": false });
            organization["protection_alerts"] = json!([]);
        },
    );
    let run = doctor(&world);
    assert_eq!(run.code, 13, "{run:?}");
    for id in [
        "audit-log",
        "direct-send",
        "alert-policy",
        "clock",
        "dehydrated",
    ] {
        assert_eq!(state(&run, id), "wrong", "{id}: {run:?}");
    }
    let all = run.json()["checks"].as_array().unwrap().clone();
    let mended = |check: &Value| check["state"] == "ok" || check["mend"].is_string();
    assert!(all.iter().all(mended), "{all:?}");
}
