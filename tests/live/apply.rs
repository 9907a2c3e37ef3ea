//! Carrying plans out: what is written, in which order, recorded how; and what is refused.

use crate::emulator::{Kind, Options};
use crate::world::{PARTNER, RELAY, TENANT, World, attack, each};
use serde_json::{Value, json};
use std::time::Duration;

/// The writes of the whole plan, removal included.
const WHOLE: [&str; 5] = [
    "Set-InboundConnector",
    "Set-InboundConnector",
    "New-InboundConnector",
    "Set-InboundConnector",
    "Remove-InboundConnector",
];

/// Short patience, as everything is on this machine.
const QUICK: [&str; 4] = ["--timeout", "1s", "--budget", "10s"];

fn apply(world: &World, digest: &str, more: &[&str]) -> crate::harness::Run {
    let mut arguments = vec![
        "apply",
        "plan.json",
        "--approve",
        digest,
        "--remove",
        "--switch-on",
    ];
    arguments.extend(QUICK);
    if !more.contains(&"--wait") {
        arguments.extend(["--wait", "2s"]);
    }
    arguments.extend(more);
    world.run(&arguments)
}

/// What the service holds is what was approved, but for the partner's new id.
#[track_caller]
fn is_repaired(world: &World, why: &str) {
    let names: Vec<Value> = world
        .emulator
        .connectors(TENANT)
        .iter()
        .map(|own| own["Name"].clone())
        .collect();
    assert_eq!(names.len(), 3, "{why}: {names:?}");
    let relay = world.connector("Relay from data centre 1").unwrap();
    assert!(
        !relay["SenderIPAddresses"]
            .to_string()
            .contains("198.51.100"),
        "{why}: {relay}"
    );
    let partner = world.connector("Partner Fabrikam").unwrap();
    assert_ne!(partner["ExchangeObjectId"], PARTNER);
    assert_eq!(partner["Enabled"], true, "{why}");
    assert_eq!(partner["RestrictDomainsToCertificate"], true, "{why}");
}

#[test]
fn a_plan_is_carried_out_in_order_and_every_step_is_recorded() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    apply(&world, &digest, &[]).expect(0, &["carried out to its end"]);
    assert_eq!(world.written(), WHOLE);
    is_repaired(&world, "");
    let log = world.repo.git(&["log", "--format=%B", "connguard/history"]);
    for state in ["intent", "done"] {
        let count = log.matches(&format!("Act-State: {state} ")).count();
        assert_eq!(count, WHOLE.len(), "{log}");
    }
    assert!(log.contains("Act-State: completed"), "{log}");
    assert!(
        log.contains("Act-By: application 22222222-2222-4222-8222-222222222222"),
        "{log}"
    );
    // Every request that wrote is named in the history.
    for seen in world
        .emulator
        .requests()
        .iter()
        .filter(|seen| seen.carried_out)
    {
        assert!(log.contains(&seen.request_id), "{seen:?}");
    }
    world.repo.history(&["verify"]).expect(0, &[]);
    apply(&world, &digest, &[]).expect(3, &["carried out already"]);
}

#[test]
fn removal_and_opening_are_for_those_who_say_so() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    let mut arguments = vec!["apply", "plan.json", "--approve", &digest];
    arguments.extend(QUICK);
    world
        .run(&arguments)
        .expect(0, &["only with --remove", "but for what is left"]);
    assert!(
        world
            .connector("Ran_xkqpd")
            .is_some_and(|own| own["Enabled"] == false)
    );
    assert!(
        !world
            .written()
            .contains(&"Remove-InboundConnector".to_owned())
    );
    world
        .run(&arguments)
        .expect(0, &["was there already", "only with --remove"]);
    arguments.push("--remove");
    world.run(&arguments).expect(0, &["carried out to its end"]);
    assert!(world.connector("Ran_xkqpd").is_none());
}

#[test]
fn nothing_is_written_where_nobody_can_sign_the_history() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    let pin = world.repo.pin();
    let run = world.repo.run_with(
        &[
            "apply",
            "plan.json",
            "--approve",
            &digest,
            "--rehearsal",
            "--now",
            crate::harness::NOW,
            "--root",
            &pin,
        ],
        &[("CONNGUARD_APPLY_SECRET", crate::world::SECRET)],
    );
    run.expect(3, &["neither to the organization nor to the history"]);
    assert!(world.written().is_empty());
    assert!(
        !world
            .repo
            .try_git(&["rev-parse", "connguard/history"])
            .status
            .success()
    );
}

#[test]
fn nothing_is_written_without_an_approval_of_just_this_plan() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    world
        .run(&["apply", "plan.json"])
        .expect(3, &["nobody approved", &digest]);
    let other = connguard::digest::Digest::of(b"another").to_string();
    apply(&world, &other, &[]).expect(3, &["--approve names"]);
    assert!(world.written().is_empty());
}

#[test]
fn what_is_no_longer_as_it_was_is_left_alone() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    let mut connectors = world.emulator.connectors(TENANT);
    for own in &mut connectors {
        if own["ExchangeObjectId"] == RELAY {
            own["RequireTls"] = json!(false);
        }
    }
    world.emulator.set(TENANT, connectors);
    apply(&world, &digest, &[]).expect(3, &["no longer as the plan found it", "RequireTls"]);
    assert!(world.written().is_empty());
}

#[test]
fn a_step_that_a_plan_made_now_would_not_have_is_refused() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    // The address is approved meanwhile.
    world.repo.rebaseline(
        "contoso",
        "[203.0.113.10, 203.0.113.48/28]",
        "[198.51.100.7, 203.0.113.10, 203.0.113.48/28]",
    );
    let run = apply(&world, &digest, &[]);
    assert_eq!(run.code, 3, "{run:?}");
    assert!(world.written().is_empty(), "{run:?}");
}

#[test]
fn expired_inverse_and_forged_plans_are_refused() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    let text = world.repo.read("plan.json");
    let inverse: Value = serde_json::from_str(&world.repo.read("plan.inverse.json")).unwrap();
    world
        .repo
        .write("plan.json", world.repo.read("plan.inverse.json"));
    apply(&world, inverse["digest"].as_str().unwrap(), &[]).expect(3, &["undoes a revert"]);
    world
        .repo
        .write("plan.json", text.replace("Ran_xkqpd", "Ran_other"));
    apply(&world, &digest, &[]).expect(1, &["it was changed"]);
    world.repo.write("plan.json", text);
    let late = world.repo.run_with(
        &[
            "apply",
            "plan.json",
            "--rehearsal",
            "--now",
            "2027-01-01T00:00:00Z",
            "--approve",
            &digest,
        ],
        &[],
    );
    late.expect(3, &["expired"]);
    assert!(world.written().is_empty());
}

#[test]
fn who_reads_may_not_write() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    world.repo.replace(
        "connguard.yaml",
        "22222222-2222-4222-8222-222222222222",
        "11111111-1111-4111-8111-111111111111",
    );
    apply(&world, &digest, &[]).expect(3, &["must hold no power"]);
    world.repo.replace(
        "connguard.yaml",
        "apply_client_id: 11111111-1111-4111-8111-111111111111",
        "apply_client_id: 55555555-5555-4555-8555-555555555555",
    );
    let run = apply(&world, &digest, &[]);
    assert_eq!(run.code, 1, "{run:?}");
    assert!(world.written().is_empty());
}

#[test]
fn a_write_that_takes_long_to_be_seen_is_waited_for() {
    let options = Options {
        replication_delay: Duration::from_millis(700),
        ..Options::default()
    };
    let world = World::with(options, attack);
    let digest = world.planned(&[]);
    apply(&world, &digest, &[]).expect(0, &["carried out to its end"]);
    assert_eq!(world.written(), WHOLE);
}

#[test]
fn a_write_that_is_not_seen_in_time_is_said_to_be_written_and_not_written_again() {
    let options = Options {
        replication_delay: Duration::from_secs(4),
        ..Options::default()
    };
    let world = World::with(options, attack);
    let digest = world.planned(&[]);
    let run = world.run(&[
        "apply",
        "plan.json",
        "--approve",
        &digest,
        "--wait",
        "100ms",
    ]);
    run.expect(3, &["WRITTEN, NOT YET VISIBLE"]);
    let before = world.written().len();
    let mut left = 10;
    // Until everything is visible: each run does only what is left.
    while apply(&world, &digest, &["--wait", "6s"]).code != 0 {
        left -= 1;
        assert!(left > 0, "{:?}", world.written());
    }
    assert!(before >= 2);
    let made = world
        .written()
        .iter()
        .filter(|cmdlet| *cmdlet == "New-InboundConnector")
        .count();
    assert_eq!(made, 1, "{:?}", world.written());
}

#[test]
fn a_service_that_prohibits_relays_is_told_apart() {
    let world = World::with(
        Options {
            prohibit_on_premises: true,
            ..Options::default()
        },
        |organization| {
            organization["inbound_connectors"]
                .as_array_mut()
                .unwrap()
                .retain(|own| own["ExchangeObjectId"] != RELAY);
        },
    );
    let digest = world.planned(&[]);
    apply(&world, &digest, &[]).expect(1, &["Prohibited", "contact its support"]);
    assert!(world.connector("Relay from data centre 1").is_none());
}

/// Every fault at every write of an apply, and at its other requests one kind after the other; with EXHAUSTIVE=1
/// every fault at every request, which takes minutes. Then a second run without faults does only what is left.
#[test]
fn no_fault_loses_or_doubles_a_write() {
    let first = World::attacked();
    let digest = first.planned(&[]);
    first.emulator.clear();
    apply(&first, &digest, &[]).expect(0, &[]);
    let plan = first.repo.read("plan.json");
    let kinds: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        // The last two are slow to send, and the same to a client as what is cut off.
        .filter(|kind| !kind.in_process_only() && !matches!(kind, Kind::Huge | Kind::GzipBomb))
        .collect();
    let exhaustive = std::env::var_os("EXHAUSTIVE").is_some();
    let requests = first.emulator.requests();
    let mut all = Vec::new();
    for (index, seen) in requests.iter().enumerate() {
        let every = exhaustive || seen.carried_out;
        let one = kinds[index % kinds.len()];
        all.extend(
            kinds
                .iter()
                .filter(|kind| every || **kind == one)
                .map(|kind| (*kind, index + 1)),
        );
    }
    assert!(all.len() > kinds.len() * WHOLE.len());
    each(&all, |(kind, number)| {
        let world = World::attacked();
        world.repo.git(&["init", "-q"]);
        world.repo.write("plan.json", &plan);
        world
            .emulator
            .add_fault(format!("{number}={kind}").parse().unwrap());
        let first = apply(&world, &digest, &["--wait", "300ms"]);
        assert!(
            matches!(first.code, 0 | 1 | 3),
            "{kind} {number}: {first:?}"
        );
        world.emulator.clear();
        if first.code != 0 {
            let second = apply(&world, &digest, &[]);
            // What was made stands there under a new id, which no baseline has: then the rest is for a new plan.
            let made = second.stderr.contains("approve a baseline with its new id");
            let over = second.stderr.contains("carried out already");
            assert!(
                second.code == 0 || made || over,
                "{kind} {number}: {first:?}\n{second:?}"
            );
            if made {
                return;
            }
        }
        is_repaired(&world, &format!("{kind} {number}"));
        let sorted = |mut writes: Vec<String>| {
            writes.sort();
            writes
        };
        let whole = WHOLE.map(str::to_owned).to_vec();
        assert_eq!(
            sorted(world.written()),
            sorted(whole),
            "{kind} {number}: {first:?}"
        );
    });
    eprintln!("{} faults at {} requests", all.len(), requests.len());
}

#[test]
fn a_connector_is_unblocked_only_once_it_is_what_was_approved() {
    let blocked = |organization: &mut Value| {
        attack(organization);
        organization["blocked_connectors"] = json!([{ "ConnectorId": RELAY, "Reason": "spam" }]);
    };
    let world = World::with(Options::default(), blocked);
    let digest = world.planned(&[]);
    let unblock = |more: &[&str]| {
        let mut arguments = vec!["unblock", RELAY, "--wait", "2s"];
        arguments.extend(more);
        world.run(&arguments)
    };
    unblock(&["--approve", RELAY]).expect(3, &["still differs", "put it back first"]);
    assert!(world.written().is_empty());
    apply(&world, &digest, &[]).expect(0, &[]);
    unblock(&[]).expect(3, &["nobody approved", RELAY]);
    unblock(&["--approve", PARTNER]).expect(3, &["--approve names"]);
    unblock(&["--approve", RELAY]).expect(0, &["no longer listed"]);
    assert_eq!(world.written().last().unwrap(), "Remove-BlockedConnector");
    unblock(&["--approve", RELAY]).expect(0, &["is not blocked"]);
    world
        .repo
        .history(&["log"])
        .expect(0, &["unblock", "completed"]);
}

/// A plan that somebody changed and gave a digest of its own.
fn forged(world: &World, change: impl FnOnce(&mut Value)) -> String {
    let mut plan: Value = serde_json::from_str(&world.repo.read("plan.json")).unwrap();
    change(&mut plan);
    plan.as_object_mut().unwrap().remove("digest");
    let digest = connguard::digest::Digest::of(connguard::canonical::to_string(&plan).as_bytes());
    plan["digest"] = json!(digest.to_string());
    world.repo.write("forged.json", plan.to_string());
    digest.to_string()
}

#[test]
fn what_a_plan_says_of_itself_is_not_believed() {
    let world = World::attacked();
    world.planned(&[]);
    let apply = |digest: &str| {
        world.run(&[
            "apply",
            "forged.json",
            "--approve",
            digest,
            "--remove",
            "--switch-on",
            "--wait",
            "1s",
        ])
    };
    let digest = forged(&world, |plan| {
        plan["steps"][1]["direction"] = json!("neutral")
    });
    apply(&digest).expect(3, &["not one that a plan made now would have"]);
    let digest = forged(&world, |plan| plan["steps"][0]["words"] = json!("harmless"));
    apply(&digest).expect(3, &["not one that a plan made now would have"]);
    let digest = forged(&world, |plan| {
        plan["made_at"] = json!("2098-01-01T00:00:00Z")
    });
    apply(&digest).expect(3, &["later than now"]);
    let digest = forged(&world, |plan| {
        plan["expires"] = json!("2098-01-01T00:00:00Z")
    });
    apply(&digest).expect(3, &["longer than the policy lets plans be"]);
    assert!(world.written().is_empty());
}

#[test]
fn a_connector_is_unblocked_under_either_of_its_ids() {
    let other = "ffffffff-7d20-4c55-9b1a-6e2f3d4c5b01";
    let world = World::with(Options::default(), |organization| {
        for own in organization["inbound_connectors"].as_array_mut().unwrap() {
            if own["ExchangeObjectId"] == RELAY {
                own["Guid"] = json!(other);
            }
        }
        organization["blocked_connectors"] = json!([{ "ConnectorId": other, "Reason": "spam" }]);
    });
    world.repo.git(&["init", "-q"]);
    world
        .run(&["unblock", RELAY, "--approve", other, "--wait", "2s"])
        .expect(0, &["no longer listed"]);
    assert_eq!(world.written(), ["Remove-BlockedConnector"]);
}

#[test]
fn two_that_push_leave_one_line_of_commits() {
    let world = World::attacked();
    world.repo.git(&["init", "-q"]);
    let remote = tempfile::TempDir::new().unwrap();
    let address = remote.path().display().to_string();
    world.repo.git(&["init", "-q", "--bare", &address]);
    let digest = world.planned(&[]);
    apply(&world, &digest, &["--push", &address]).expect(0, &["carried out to its end"]);
    let there = world
        .repo
        .git(&["-C", &address, "rev-parse", "refs/heads/connguard/history"]);
    assert_eq!(there.trim(), world.repo.tip());
    let log = world
        .repo
        .git(&["-C", &address, "log", "--format=%B", "connguard/history"]);
    assert_eq!(log.matches("Act-State: intent").count(), WHOLE.len());
}

#[test]
fn a_rehearsal_is_no_verdict_of_a_real_organization() {
    let world = World::new();
    world.repo.git(&["init", "-q"]);
    world.run(&["snapshot"]).expect(0, &["clean"]);
    world
        .run(&["check", "--from", "history"])
        .expect(0, &["IN A REHEARSAL"]);
    let pin = world.repo.pin();
    world
        .repo
        .run(&[
            "check",
            "--from",
            "history",
            "--root",
            &pin,
            "--now",
            crate::harness::NOW,
        ])
        .expect(3, &["made in a rehearsal"]);
}
