//! No secret in anything that a run writes: output, errors, debug output, reports, the history.

use crate::emulator::Kind;
use crate::world::{SECRET, World, each};

/// What no output may hold: the secret, and how every token begins.
const SECRETS: [&str; 2] = [SECRET, "eyJ"];

#[track_caller]
fn is_silent(text: &str, why: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{why}: {secret} is in\n{text}");
    }
}

#[test]
fn no_fault_makes_a_run_say_a_secret() {
    let kinds: Vec<Kind> = Kind::ALL
        .iter()
        .copied()
        .filter(|kind| !kind.in_process_only() && !matches!(kind, Kind::Huge | Kind::GzipBomb))
        .collect();
    each(&kinds, |kind| {
        for place in ["1", "2", "3", "*"] {
            let world = World::faulty(&[&format!("{place}={kind}")], |_| ());
            let run = world.run_with(
                &[
                    "check",
                    "-v",
                    "--report",
                    "json=r.json",
                    "--timeout",
                    "1s",
                    "--budget",
                    "5s",
                ],
                &[("RUST_BACKTRACE", "full"), ("RUST_LOG", "trace")],
            );
            let why = format!("{place}={kind}");
            is_silent(&format!("{}{}", run.stdout, run.stderr), &why);
            is_silent(&world.repo.read("r.json"), &why);
        }
    });
}

#[test]
fn the_history_and_what_is_fetched_hold_no_secret() {
    let world = World::attacked();
    let digest = world.planned(&[]);
    let run = world.run(&["apply", "plan.json", "--approve", &digest, "-v"]);
    is_silent(&format!("{}{}", run.stdout, run.stderr), "apply");
    is_silent(
        &world
            .repo
            .git(&["log", "-p", "--format=%B", "connguard/history"]),
        "history",
    );
    is_silent(&world.run(&["fetch", "--export", "-v"]).stdout, "fetch");
    is_silent(
        &world.run(&["doctor", "-v", "--format", "json"]).stdout,
        "doctor",
    );
}

#[test]
fn variables_that_are_no_secrets_of_ours_cannot_be_sent_anywhere() {
    let world = World::new();
    world.repo.replace(
        "connguard.yaml",
        "CONNGUARD_SECRET",
        "AWS_SECRET_ACCESS_KEY",
    );
    world.run(&["check"]).expect(1, &["CONNGUARD_"]);
    assert!(world.emulator.requests().is_empty());
}
