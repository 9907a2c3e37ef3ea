//! `watch`: what changed is told once, faults are survived, and there is a sign of life.

use crate::emulator::Options;
use crate::world::{RELAY, SECRET, World};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A receiver of messages on this machine.
struct Receiver {
    url: String,
    told: Arc<Mutex<Vec<String>>>,
}

impl Receiver {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let told = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&told);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    let read = stream.read(&mut buffer).unwrap_or(0);
                    request.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let length = text
                        .to_ascii_lowercase()
                        .split("content-length: ")
                        .nth(1)
                        .and_then(|rest| rest.split("\r\n").next().unwrap().parse::<usize>().ok());
                    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
                    if read == 0
                        || matches!((length, body), (Some(length), Some(body)) if body >= length)
                    {
                        break;
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                own.lock().unwrap().push(
                    text.split_once("\r\n\r\n")
                        .map(|(_, body)| body.to_owned())
                        .unwrap_or_default(),
                );
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            }
        });
        Self { url, told }
    }

    fn told(&self) -> Vec<String> {
        self.told.lock().unwrap().clone()
    }
}

fn round(world: &World, receiver: &Receiver) -> crate::harness::Run {
    let pin = world.repo.pin();
    world.repo.run_with(
        &[
            "watch",
            "--once",
            "--tenant",
            "contoso",
            "--rehearsal",
            "--notify",
            "webhook=CONNGUARD_HOOK",
            "--memory",
            "told.json",
            "--alive",
            "alive.json",
            "--budget",
            "30s",
        ],
        &[
            ("CONNGUARD_SECRET", SECRET),
            ("CONNGUARD_ROOT", &pin),
            ("CONNGUARD_HOOK", &receiver.url),
        ],
    )
}

#[test]
fn a_change_is_told_once_with_who_did_it() {
    let world = World::with(Options::default(), |_| ());
    let receiver = Receiver::new();
    let quiet = round(&world, &receiver);
    let before = receiver.told().len();
    let alive: Value = serde_json::from_str(&world.repo.read("alive.json")).unwrap();
    assert_eq!(alive["exit_code"], quiet.code, "{quiet:?}");
    // Somebody changes a connector behind everybody's back.
    world.emulator.add_audit(crate::world::TENANT, serde_json::json!({
        "CreationTime": jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 300).unwrap().to_string(), "Id": "744ca318-ae02-4569-9e68-95e0ef6b75b0", "Operation": "Set-InboundConnector", "RecordType": 1, "ResultStatus": "True",
        "UserType": 2, "UserId": "alice@contoso.com", "UserKey": "1", "ObjectId": RELAY, "Workload": "Exchange", "ClientIP": "198.51.100.200:1", "ExternalAccess": false,
        "Parameters": [{ "Name": "Identity", "Value": RELAY }, { "Name": "RequireTls", "Value": "False" }],
    }));
    round(&world, &receiver);
    let told = receiver.told();
    assert_eq!(told.len(), before + 1, "{told:?}");
    let message = told.last().unwrap();
    assert!(
        message.contains("connector-operation") && message.contains("alice"),
        "{message}"
    );
    round(&world, &receiver);
    assert_eq!(
        receiver.told().len(),
        before + 1,
        "what was told is not told again"
    );
}

#[test]
fn a_round_that_fails_is_said_and_the_next_one_works() {
    let world = World::with(
        Options {
            faults: vec![
                "Get-InboundConnector:1=500".parse().unwrap(),
                "audit-query=403-nul".parse().unwrap(),
            ],
            ..Options::default()
        },
        |_| (),
    );
    let receiver = Receiver::new();
    let first = round(&world, &receiver);
    assert!(
        first
            .stderr
            .contains("who changed connectors could not be asked"),
        "{first:?}"
    );
    let second = round(&world, &receiver);
    assert_eq!(second.code, 0, "{second:?}");
}

#[test]
fn what_could_not_be_seen_for_a_round_is_not_told_again() {
    let world = World::attacked();
    let receiver = Receiver::new();
    round(&world, &receiver);
    let told = receiver.told();
    assert_eq!(told.len(), 1);
    // The service is down for a round, which is told; what is wrong with the connectors was told before.
    let down = |fault: &str| world.emulator.add_fault(fault.parse().unwrap());
    down("Get-InboundConnector=500");
    let blind = round(&world, &receiver);
    assert_eq!(blind.code, 1, "{blind:?}");
    assert_eq!(receiver.told().len(), 2);
    world.emulator.clear();
    let again = round(&world, &receiver);
    assert_eq!(again.code, 14, "{again:?}");
    assert_eq!(receiver.told().len(), 2);
    // Neither is what the log said, when it does not answer.
    down("audit-query=403-nul");
    round(&world, &receiver);
    world.emulator.clear();
    round(&world, &receiver);
    assert_eq!(receiver.told().len(), 2);
}

#[test]
fn no_alert_waits_for_the_audit_log() {
    // A query of the log that never ends.
    let options = Options {
        audit_polls: u32::MAX,
        ..Options::default()
    };
    let world = World::with(options, |_| ());
    let receiver = Receiver::new();
    let pin = world.repo.pin();
    let mut watch = Command::new(env!("CARGO_BIN_EXE_connguard"))
        .args([
            "watch",
            "--tenant",
            "contoso",
            "--rehearsal",
            "--interval",
            "200ms",
        ])
        .args(["--notify", "webhook=CONNGUARD_HOOK"])
        .current_dir(world.repo.path(""))
        .env_clear()
        .envs([
            ("CONNGUARD_SECRET", SECRET),
            ("CONNGUARD_ROOT", &pin),
            ("CONNGUARD_HOOK", &receiver.url),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A round that saw nothing unusual, before the change.
    let mut said = BufReader::new(watch.stderr.take().unwrap()).lines();
    let round = said.find(|line| line.as_ref().unwrap().contains("(exit 0)"));
    assert!(round.is_some(), "no round ended");
    let mut organization = crate::world::organization();
    crate::world::attack(&mut organization);
    let connectors = organization["inbound_connectors"].as_array().unwrap();
    world.emulator.set(crate::world::TENANT, connectors.clone());
    let round = said.find(|line| line.as_ref().unwrap().contains("(exit 14)"));
    let told = receiver.told();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(round.is_some(), "no round saw it");
    assert!(
        told.last().is_some_and(|own| own.contains("198.51.100.7")),
        "{told:?}"
    );
}

#[test]
fn a_receiver_that_is_not_reached_makes_no_other_hear_it_twice() {
    let world = World::attacked();
    let (receiver, pin) = (Receiver::new(), world.repo.pin());
    let round = |other: &str| {
        let arguments = [
            "watch",
            "--once",
            "--no-audit",
            "--tenant",
            "contoso",
            "--rehearsal",
            "--notify",
            "webhook=CONNGUARD_HOOK",
            "--notify",
            "slack=CONNGUARD_OTHER",
        ];
        let variables = [
            ("CONNGUARD_SECRET", SECRET),
            ("CONNGUARD_ROOT", &pin),
            ("CONNGUARD_HOOK", &receiver.url),
            ("CONNGUARD_OTHER", other),
        ];
        world.repo.run_with(&arguments, &variables)
    };
    // Nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    assert_eq!(round(&nobody).code, 1);
    assert_eq!(round(&nobody).code, 1);
    assert_eq!(receiver.told().len(), 1);
    // As soon as the other one is there it hears all of it.
    let other = Receiver::new();
    assert_eq!(round(&other.url).code, 14);
    assert_eq!((receiver.told().len(), other.told().len()), (1, 1));
    assert!(other.told()[0].contains("198.51.100.7"));
}
