//! Telling what is new, to a receiver on this machine.

use crate::harness::{NOW, Repo, connector};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

/// Takes one request after the other, answers each with the next of these statuses, and hands the bodies over.
fn receiver(answers: &'static [&'static str]) -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/secret-path", listener.local_addr().unwrap());
    let (send, received) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = send.send(serde_json::from_slice(&body).unwrap());
            let mut stream = stream;
            write!(
                stream,
                "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            )
            .unwrap();
        }
    });
    (address, received)
}

const EVIL: &str = "<!channel> @here https://evil.example [x](y)";

fn attacked() -> Repo {
    let repo = Repo::example();
    repo.export("fabrikam", |export| {
        connector(export, "Partner Contoso")["Name"] = json!(EVIL);
    });
    repo
}

fn told(repo: &Repo, kind: &str, address: &str, more: &[&str]) -> crate::harness::Run {
    let pin = repo.pin();
    let notify = format!("{kind}=CONNGUARD_ADDRESS");
    let mut arguments = vec!["check", "--now", NOW, "--root", &pin, "--notify", &notify];
    arguments.extend(more);
    repo.run_with(&arguments, &[("CONNGUARD_ADDRESS", address)])
}

#[test]
fn each_receiver_is_told_in_its_own_way_and_nothing_is_a_link() {
    for kind in ["webhook", "slack", "teams"] {
        let (address, received) = receiver(&["200 OK"]);
        let repo = attacked();
        let run = told(&repo, kind, &address, &["--rehearsal"]);
        run.expect(14, &["told CONNGUARD_ADDRESS"]);
        let body = received.recv().unwrap();
        let text = body.to_string();
        assert!(text.contains("198.51.100.7"), "{kind}: {text}");
        match kind {
            "webhook" => {
                assert_eq!(body["schema"], "connguard/notification/v1");
                assert!(body["findings"].as_array().unwrap().len() > 5);
            }
            "slack" => {
                assert_eq!(body["unfurl_links"], false);
                for block in body["blocks"].as_array().unwrap() {
                    assert_eq!(block["text"]["type"], "plain_text");
                }
                assert!(
                    !text.contains(['<', '>'])
                        && !text.contains("://evil")
                        && !text.contains("@here"),
                    "{text}"
                );
            }
            _ => {
                let content = &body["attachments"][0]["content"];
                for block in content["body"].as_array().unwrap() {
                    assert_eq!(block["type"], "RichTextBlock");
                }
                let shown = content["body"].to_string();
                assert!(
                    !shown.contains("://") && !shown.contains("<at>") && !shown.contains("@here]"),
                    "{shown}"
                );
            }
        }
    }
}

#[test]
fn only_what_is_new_is_told() {
    let repo = attacked();
    repo.check_with(&["--report", "json=before.json"]);
    // Nobody listens at this address: nothing is sent where nothing is new.
    told(
        &repo,
        "slack",
        "http://127.0.0.1:9/x",
        &["--rehearsal", "--since-report", "before.json"],
    )
    .expect(14, &[]);
    repo.export("fabrikam", |export| {
        connector(export, "Relay Amsterdam")["TreatMessagesAsInternal"] = json!(true);
    });
    let (address, received) = receiver(&["503 Busy", "200 OK"]);
    told(
        &repo,
        "slack",
        &address,
        &["--rehearsal", "--since-report", "before.json"],
    )
    .expect(14, &["told CONNGUARD_ADDRESS"]);
    let text = received.recv().unwrap().to_string();
    assert!(
        text.contains("TreatMessagesAsInternal") && !text.contains("198.51.100.7"),
        "{text}"
    );
}

#[test]
fn the_address_is_a_secret_and_leads_nowhere_else() {
    let repo = attacked();
    let secret = |run: crate::harness::Run| {
        assert!(
            !run.stdout.contains("secret-path") && !run.stderr.contains("secret-path"),
            "{run:?}"
        );
        run
    };
    let (address, _) = receiver(&["302 Found\r\nlocation: http://192.0.2.1/", "200 OK"]);
    // A finding outranks that it could not be told; a clean run does not hide it.
    secret(told(&repo, "webhook", &address, &["--rehearsal"]))
        .expect(14, &["could not be told", "302"]);
    secret(told(
        &repo,
        "webhook",
        "http://127.0.0.1:9/secret-path",
        &["--rehearsal"],
    ))
    .expect(14, &["could not be told"]);
    secret(told(
        &repo,
        "webhook",
        "http://127.0.0.1:9/secret-path",
        &[],
    ))
    .expect(2, &["--rehearsal"]);
    secret(told(
        &repo,
        "webhook",
        "http://localhost:9/secret-path",
        &["--rehearsal"],
    ))
    .expect(2, &["no https address"]);
    secret(told(
        &repo,
        "webhook",
        "http://192.0.2.1/secret-path",
        &["--rehearsal"],
    ))
    .expect(2, &["no https address"]);
    told(&repo, "webhook", "", &[]).expect(2, &["CONNGUARD_ADDRESS is not set"]);
    repo.run(&["check", "--notify", "slack=https://hooks.example/x"])
        .expect(2, &["begins with CONNGUARD_"]);
    repo.run(&["check", "--notify", "pager=CONNGUARD_X"])
        .expect(2, &["webhook, slack or teams"]);
}

#[test]
fn a_check_that_goes_blind_is_news_once() {
    let repo = attacked();
    repo.check_with(&["--report", "json=before.json"]);
    repo.export("contoso", |export| {
        export["complete"]["inbound_connectors"] = json!("403")
    });
    let (address, received) = receiver(&["200 OK"]);
    told(
        &repo,
        "slack",
        &address,
        &[
            "--rehearsal",
            "--since-report",
            "before.json",
            "--report",
            "json=blind.json",
        ],
    )
    .expect(14, &["1 without a verdict"]);
    let text = received.recv().unwrap().to_string();
    assert!(
        text.contains("no verdict on contoso") && text.contains("could not be compared"),
        "{text}"
    );
    told(
        &repo,
        "slack",
        "http://127.0.0.1:9/x",
        &["--rehearsal", "--since-report", "blind.json"],
    )
    .expect(14, &[]);
    // What was typed in the place of the variable may be the secret.
    let run = repo
        .run(&[
            "check",
            "--notify",
            "slack=https://hooks.example/secret-path",
        ])
        .expect(2, &["begins with CONNGUARD_"]);
    assert!(!run.stderr.contains("secret-path"), "{run:?}");
}
