//! Telling what is new to a webhook, to Slack or to Teams.

use super::Failure;
use super::console::Console;
use crate::report::Report;
use crate::report::earlier::EarlierReport;
use crate::report::notification::{Receiver, message, new_findings, newly_blind};
use std::net::IpAddr;
use std::time::Duration;

/// How the names of variables with secrets begin.
const PREFIX: &str = "CONNGUARD_";

/// How long a receiver is waited for, in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// Who is told, and the variable that holds the address, which is a secret.
#[derive(Clone, Debug)]
pub(super) struct Notify {
    receiver: Receiver,
    variable: String,
}

impl Notify {
    /// The variable that holds the address.
    pub fn variable(&self) -> &str {
        &self.variable
    }
}

/// `slack=CONNGUARD_SLACK_URL`. What was typed instead may be the secret itself, and is not shown.
fn parse(text: &str) -> Result<Notify, Failure> {
    let wrong = |what: String| Failure::Usage(format!("--notify: {what}"));
    let (name, variable) = text.split_once('=').ok_or_else(|| {
        wrong("write KIND=VARIABLE, such as slack=CONNGUARD_SLACK_URL".to_owned())
    })?;
    let receiver = Receiver::ALL
        .into_iter()
        .find(|(known, _)| *known == name)
        .map(|(_, receiver)| receiver)
        .ok_or_else(|| wrong("tell webhook, slack or teams".to_owned()))?;
    let is_variable = variable.starts_with(PREFIX)
        && variable
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !is_variable {
        return Err(wrong(format!(
            "the address is a secret and comes from a variable whose name begins with {PREFIX}"
        )));
    }
    Ok(Notify {
        receiver,
        variable: variable.to_owned(),
    })
}

impl Notify {
    /// The address; never shown.
    fn address(&self, rehearsal: bool) -> Result<reqwest::Url, Failure> {
        let variable = &self.variable;
        let text = std::env::var(variable).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(Failure::Usage(format!(
                "the variable {variable} is not set, and --notify needs the address in it"
            )));
        }
        let usage = |what: &str| Failure::Usage(format!("the variable {variable} holds {what}"));
        let url = reqwest::Url::parse(text.trim()).map_err(|_| usage("no URL"))?;
        let loopback = url
            .host_str()
            .and_then(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().ok())
            .is_some_and(|address| address.is_loopback());
        match url.scheme() {
            "https" => Ok(url),
            "http" if loopback && rehearsal => Ok(url),
            "http" if loopback => Err(usage(
                "an address without TLS: only with --rehearsal, to this machine itself",
            )),
            _ => Err(usage("no https address")),
        }
    }
}

/// Checks the addresses before anything is judged: a mistake in them is no surprise for later.
pub(super) fn prepared(
    all: &[String],
    rehearsal: bool,
) -> Result<Vec<(Notify, reqwest::Url)>, Failure> {
    all.iter()
        .map(|text| {
            let notify = parse(text)?;
            let address = notify.address(rehearsal)?;
            Ok((notify, address))
        })
        .collect()
}

/// Tells what is new. A receiver that cannot be reached is an error, and hides nothing.
pub(super) fn tell(
    all: &[(Notify, reqwest::Url)],
    report: &Report<'_>,
    earlier: Option<&EarlierReport>,
    console: &Console,
) -> Result<(), Failure> {
    let mut failed = Vec::new();
    for (notify, url) in all {
        let Some(body) = message(report, earlier, notify.receiver) else {
            console.detail(&format!("nothing new to tell {}", notify.variable));
            continue;
        };
        match send(url, body) {
            Ok(()) => console.note(&format!(
                "told {}: {} new, {} without a verdict",
                notify.variable,
                new_findings(report).len(),
                newly_blind(report, earlier).len()
            )),
            Err(reason) => failed.push(format!("{}: {reason}", notify.variable)),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::run(
        format!("what is new could not be told: {}", failed.join("; ")),
        "look at the receiver; what was found stands in the report",
    ))
}

/// Sends a message once more where the receiver was busy. It goes nowhere else than to its address.
fn send(url: &reqwest::Url, body: String) -> Result<(), String> {
    // A second provider in one process is no mistake of ours.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| error.without_url().to_string())?;
    let mut last = String::new();
    for pause in [0, 1, 3] {
        std::thread::sleep(Duration::from_secs(pause));
        let sent = client
            .post(url.clone())
            .header("content-type", "application/json")
            .body(body.clone())
            .send();
        match sent {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => {
                last = format!("it answered with {}", answer.status());
                let busy = answer.status().is_server_error() || answer.status().as_u16() == 429;
                if !busy {
                    break;
                }
            }
            // The address is a secret: whoever holds it can write there.
            Err(error) => last = reason(&error.without_url()),
        }
    }
    Err(last)
}

/// An error with what lies behind it.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", reason(source)),
        None => error.to_string(),
    }
}
