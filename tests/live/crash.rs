//! A run that is killed before or after any write: a second run converges, and no write is doubled.

use crate::emulator::{At, Fault, Kind};
use crate::world::{World, each};
use std::time::Duration;

const WRITES: [(&str, u64); 5] = [
    ("Set-InboundConnector", 1),
    ("Set-InboundConnector", 2),
    ("New-InboundConnector", 1),
    ("Set-InboundConnector", 3),
    ("Remove-InboundConnector", 1),
];

fn held(cmdlet: &str, nth: u64, kind: Kind) -> Fault {
    Fault {
        at: At {
            cmdlet: Some(cmdlet.to_owned()),
            nth,
            listener: None,
        },
        kind,
    }
}

#[test]
fn killed_at_any_write_a_second_run_does_what_is_left() {
    let all: Vec<(&str, u64, Kind)> = WRITES
        .into_iter()
        .flat_map(|(cmdlet, nth)| {
            [Kind::HoldBefore, Kind::HoldAfter].map(move |kind| (cmdlet, nth, kind))
        })
        .collect();
    each(&all, |(cmdlet, nth, kind)| {
        let world = World::attacked();
        let digest = world.planned(&[]);
        world.emulator.clear();
        world.emulator.add_fault(held(cmdlet, *nth, *kind));
        let arguments = [
            "apply",
            "plan.json",
            "--approve",
            &digest,
            "--remove",
            "--switch-on",
            "--wait",
            "1s",
            "--now",
            crate::harness::NOW,
        ];
        let mut child = world.start(&arguments);
        let why = format!("{cmdlet} {nth} {kind}");
        assert!(
            world.emulator.wait_until_held(Duration::from_secs(30)),
            "{why}"
        );
        child.kill().unwrap();
        child.wait().unwrap();
        world.emulator.clear();
        if *kind == Kind::HoldAfter {
            world.emulator.release();
        }
        let before = world.written();
        let second = world.run(&arguments[..8]);
        let made = second.stderr.contains("approve a baseline with its new id");
        assert!(second.code == 0 || made, "{why}: {second:?}");
        let written = world.written();
        let count = |name: &str| written.iter().filter(|own| *own == name).count();
        assert_eq!(
            count("New-InboundConnector"),
            1,
            "{why}: {before:?} {written:?}"
        );
        assert!(count("Set-InboundConnector") <= 3, "{why}: {written:?}");
        if !made {
            assert_eq!(count("Remove-InboundConnector"), 1, "{why}: {written:?}");
            assert!(world.connector("Ran_xkqpd").is_none(), "{why}");
        }
        world.repo.history(&["verify"]).expect(0, &[]);
    });
}

#[test]
fn an_interrupted_run_never_ends_well() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let world = World::new();
        world
            .emulator
            .add_fault(held("Get-InboundConnector", 1, Kind::HoldBefore));
        let mut child = world.start(&["check", "--now", crate::harness::NOW]);
        assert!(world.emulator.wait_until_held(Duration::from_secs(30)));
        let killed = std::process::Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code), "{signal}");
        world.emulator.release();
    }
}

#[test]
fn a_write_in_hand_is_finished_and_recorded_before_the_run_ends() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    world.emulator.clear();
    world
        .emulator
        .add_fault(held("Set-InboundConnector", 1, Kind::HoldBefore));
    let arguments = [
        "apply",
        "plan.json",
        "--approve",
        &digest,
        "--now",
        crate::harness::NOW,
    ];
    let mut child = world.start(&arguments);
    assert!(world.emulator.wait_until_held(Duration::from_secs(30)));
    let killed = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    world.emulator.release();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(world.written().len(), 1);
    let log = world.repo.git(&["log", "--format=%B", "connguard/history"]);
    assert!(
        log.contains("Act-State: done 1") && log.contains("Act-State: stopped"),
        "{log}"
    );
}
