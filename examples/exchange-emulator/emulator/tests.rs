//! The emulator as a client sees it, over plain sockets.

use super::*;
use serde_json::json;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Instant,
};

pub const TENANT: &str = "00000000-0000-4000-8000-000000000001";
pub const READER: &str = "11111111-1111-4111-8111-111111111111";
pub const OPERATOR: &str = "22222222-2222-4222-8222-222222222222";

pub fn export(connectors: usize) -> Value {
    let connectors: Vec<_> = (0..connectors)
        .map(|number| {
            json!({"Name": format!("Relay {number}"), "ConnectorType": "OnPremises",
            "SenderIPAddresses": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]})
        })
        .collect();
    json!({"connguard": "export/v1",
        "organization": {"tenant_id": TENANT, "domain": "contoso.onmicrosoft.com"},
        "inbound_connectors": connectors, "accepted_domains": [{"DomainName": "contoso.com"}],
        "blocked_connectors": [{"ConnectorId": "00000000-0000-4000-8000-00000000000b"}]})
}

fn start(options: Options) -> Emulator {
    let tenants = vec![export(10)];
    Emulator::start(Options { tenants, ..options }).unwrap()
}

/// A connection that is kept.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn new(base: &str) -> Self {
        let socket = TcpStream::connect(base.trim_start_matches("http://")).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        Self(BufReader::new(socket))
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) {
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub fn receive(&mut self) -> io::Result<(u16, String, Vec<u8>)> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "));
        let mut body = vec![0; length.unwrap().parse().unwrap()];
        self.0.read_exact(&mut body)?;
        Ok((head.split(' ').nth(1).unwrap().parse().unwrap(), head, body))
    }

    pub fn call(
        &mut self,
        token: &str,
        cmdlet: &str,
        parameters: &Value,
    ) -> io::Result<(u16, Value)> {
        let path = format!("/adminapi/beta/{TENANT}/InvokeCommand");
        self.call_at(&path, token, cmdlet, parameters)
    }

    fn call_at(
        &mut self,
        path: &str,
        token: &str,
        cmdlet: &str,
        parameters: &Value,
    ) -> io::Result<(u16, Value)> {
        let body = json!({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}});
        let headers = format!("Authorization: Bearer {token}\r\n");
        self.send("POST", path, &headers, &body.to_string());
        let (status, _, body) = self.receive()?;
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }
}

pub fn token(emulator: &Emulator, client: &str) -> String {
    token_for(emulator, client, "outlook.office365.com")
}

pub fn token_for(emulator: &Emulator, client: &str, host: &str) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={client}&client_secret=rehearsal-secret&scope=https%3A%2F%2F{host}%2F.default"
    );
    let path = format!("/{TENANT}/oauth2/v2.0/token");
    let mut login = Client::new(&emulator.login());
    login.send("POST", &path, "", &form);
    let (_, _, body) = login.receive().unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    body["access_token"].as_str().unwrap_or_default().to_owned()
}

fn session(options: Options, client: &str) -> (Emulator, Client, String) {
    let emulator = start(options);
    let token = token(&emulator, client);
    let client = Client::new(&emulator.exchange());
    (emulator, client, token)
}

pub fn fault(text: &str) -> Options {
    let faults = vec![text.parse().unwrap()];
    Options {
        faults,
        ..Options::default()
    }
}

pub fn kind_of(body: &Value) -> &str {
    let message = body["error"]["details"][0]["message"].as_str().unwrap();
    message
        .split('|')
        .nth(1)
        .unwrap()
        .rsplit('.')
        .next()
        .unwrap()
}

#[test]
fn connectors_are_made_changed_and_removed() {
    let (emulator, mut client, token) = session(Options::default(), OPERATOR);
    let new = json!({"Name": "Hub", "SenderDomains": ["contoso.com"], "Comment": "a"});
    let (status, body) = client.call(&token, "New-InboundConnector", &new).unwrap();
    assert_eq!(status, 200);
    let guid = body["value"][0]["Guid"].clone();
    assert_eq!(
        body["value"][0]["SenderDomains"],
        json!(["smtp:contoso.com;1"])
    );
    let (status, body) = client.call(&token, "New-InboundConnector", &new).unwrap();
    assert_eq!(
        (status, kind_of(&body)),
        (400, "ADObjectAlreadyExistsException")
    );
    let set = json!({"Identity": guid, "Name": "hub", "Comment": null, "TlsSenderCertificateName": "mail.contoso.com"});
    let (status, body) = client.call(&token, "Set-InboundConnector", &set).unwrap();
    assert_eq!((status, &body["value"]), (200, &json!([])));
    let stored = emulator.connectors(TENANT).pop().unwrap();
    assert_eq!(
        (&stored["Name"], &stored["Identity"]),
        (&json!("hub"), &json!("hub"))
    );
    assert_eq!((&stored["Comment"], &stored["Guid"]), (&json!(""), &guid));
    let gone = json!({"Identity": "HUB"});
    client
        .call(&token, "Remove-InboundConnector", &gone)
        .unwrap();
    let (status, body) = client
        .call(&token, "Remove-InboundConnector", &gone)
        .unwrap();
    assert_eq!(
        (status, kind_of(&body)),
        (400, "ManagementObjectNotFoundException")
    );
    assert_eq!(emulator.connectors(TENANT).len(), 10);
    let writes: Vec<_> = emulator
        .writes(TENANT)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        writes,
        [
            "New-InboundConnector",
            "Set-InboundConnector",
            "Remove-InboundConnector"
        ]
    );
}

#[test]
fn an_unknown_identity_reads_all_and_pages_fit_together() {
    let options = Options {
        page_size: 4,
        ..Options::default()
    };
    let (emulator, mut client, token) = session(options, READER);
    let given = json!({"Identity": "nobody", "ResultSize": "Unlimited"});
    let mut path = format!("/adminapi/beta/{TENANT}/InvokeCommand");
    let (mut names, mut pages) = (Vec::new(), 0);
    loop {
        let (_, body) = client
            .call_at(&path, &token, "Get-InboundConnector", &given)
            .unwrap();
        let rows = body["value"].as_array().unwrap();
        names.extend(
            rows.iter()
                .map(|row| row["Name"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        match body["@odata.nextLink"].as_str() {
            Some(next) => path = next.strip_prefix(&emulator.exchange()).unwrap().to_owned(),
            None => break,
        }
    }
    names.sort();
    names.dedup();
    assert_eq!((names.len(), pages), (10, 3));
    let (_, body) = client
        .call(&token, "Get-InboundConnector", &json!({"ResultSize": 0}))
        .unwrap();
    assert_eq!(body["value"], json!([]));
}

#[test]
fn those_who_may_not_are_refused() {
    let emulator = start(Options::default());
    let mut client = Client::new(&emulator.exchange());
    for (who, cmdlet, status) in [
        (
            "11111111-1111-4111-8111-111111111111",
            "Get-InboundConnector",
            200,
        ),
        (
            "11111111-1111-4111-8111-111111111111",
            "Set-InboundConnector",
            403,
        ),
        ("11111111-1111-4111-8111-111111111111", "Get-Nonsense", 403),
        (
            "33333333-3333-4333-8333-333333333333",
            "Get-InboundConnector",
            403,
        ),
        (
            "44444444-4444-4444-8444-444444444444",
            "Get-InboundConnector",
            401,
        ),
        (
            "55555555-5555-4555-8555-555555555555",
            "Get-InboundConnector",
            403,
        ),
        (
            "55555555-5555-4555-8555-555555555555",
            "Get-BlockedConnector",
            200,
        ),
        (
            "55555555-5555-4555-8555-555555555555",
            "Remove-BlockedConnector",
            403,
        ),
    ] {
        let token = token(&emulator, who);
        let (found, _) = client.call(&token, cmdlet, &json!({})).unwrap();
        assert_eq!(found, status, "{who} {cmdlet}");
    }
    let (status, _) = client
        .call("e30.e30.", "Get-InboundConnector", &json!({}))
        .unwrap();
    assert_eq!(status, 401);
}

#[test]
fn a_lost_answer_is_a_reset_after_the_write_and_a_refusal_one_before() {
    for (kind, connectors) in [("lost-answer", 11), ("refuse", 10)] {
        let options = fault(&format!("New-InboundConnector={kind}"));
        let (emulator, mut client, token) = session(options, OPERATOR);
        let new = json!({"Name": "Hub", "SenderDomains": ["*"]});
        let error = client
            .call(&token, "New-InboundConnector", &new)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset, "{kind}");
        assert_eq!(emulator.connectors(TENANT).len(), connectors, "{kind}");
        let seen = emulator.requests().pop().unwrap();
        assert_eq!((seen.status, seen.carried_out), (0, connectors == 11));
    }
}

#[test]
fn bodies_are_halved_and_lengths_lie() {
    let (_emulator, mut client, token) = session(fault("exchange:1=half-body"), READER);
    let error = client
        .call(&token, "Get-InboundConnector", &json!({}))
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    let (_emulator, mut client, token) = session(fault("exchange:1=bad-length"), READER);
    let (status, body) = client
        .call(&token, "Get-InboundConnector", &json!({}))
        .unwrap();
    assert_eq!((status, body), (200, Value::Null));
}

#[test]
fn tokens_can_be_made_to_expire() {
    let (emulator, mut client, before) = session(fault("exchange:2=expire-token"), READER);
    let mut status = |token: &str| {
        client
            .call(token, "Get-InboundConnector", &json!({}))
            .unwrap()
            .0
    };
    assert_eq!(
        [status(&before), status(&before), status(&before)],
        [200, 401, 401]
    );
    assert_eq!(status(&token(&emulator, READER)), 200);
}

#[test]
fn writes_are_held_before_and_after() {
    let (emulator, mut client, token) = session(Options::default(), OPERATOR);
    for (kind, while_held) in [(Kind::HoldBefore, 10), (Kind::HoldAfter, 9)] {
        let at = At {
            cmdlet: Some("Remove-InboundConnector".to_owned()),
            nth: 1,
            listener: None,
        };
        emulator.add_fault(Fault { at, kind });
        assert!(!emulator.wait_until_held(Duration::ZERO));
        let name = json!({"Identity": format!("Relay {while_held}").replace("10", "0")});
        thread::scope(|scope| {
            let write = scope.spawn(|| client.call(&token, "Remove-InboundConnector", &name));
            assert!(emulator.wait_until_held(Duration::from_secs(5)));
            let expected = if kind == Kind::HoldBefore { 10 } else { 8 };
            assert_eq!(emulator.connectors(TENANT).len(), expected, "{kind}");
            emulator.release();
            assert_eq!(write.join().unwrap().unwrap().0, 200);
        });
        emulator.clear();
    }
}

#[test]
fn latency_and_throttling_are_kept() {
    let options = Options {
        latency: Duration::from_millis(30),
        throttle: Some(2),
        ..Options::default()
    };
    let (_emulator, mut client, token) = session(options, READER);
    let before = Instant::now();
    let mut status = || {
        client
            .call(&token, "Get-InboundConnector", &json!({}))
            .unwrap()
            .0
    };
    assert_eq!([status(), status(), status()], [200, 200, 429]);
    let took = before.elapsed();
    assert!(took >= Duration::from_millis(90), "{took:?}");
}

#[test]
fn dropping_it_ends_what_hangs_and_what_is_idle() {
    let (emulator, mut client, token) = session(fault("exchange:1=hang"), READER);
    let _idle = Client::new(&emulator.login());
    let body = json!({"CmdletInput": {"CmdletName": "Get-InboundConnector", "Parameters": {}}});
    let headers = format!("Authorization: Bearer {token}\r\n");
    let path = format!("/adminapi/beta/{TENANT}/InvokeCommand");
    client.send("POST", &path, &headers, &body.to_string());
    while emulator.requests().len() < 2 {
        thread::yield_now();
    }
    let before = Instant::now();
    drop(emulator);
    assert!(before.elapsed() < Duration::from_secs(2));
    assert!(client.receive().is_err());
}
