//! Audits, hunting and message traces as a client sees them.

use super::{
    tests::{Client, OPERATOR, READER, TENANT, export, fault, kind_of, token, token_for},
    *,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const SECURITY_READER: &str = "55555555-5555-4555-8555-555555555555";
const QUERIES: &str = "/v1.0/security/auditLog/queries";

/// Someone with a token for Graph.
struct Graph {
    client: Client,
    token: String,
}

impl Graph {
    fn new(emulator: &Emulator, who: &str) -> Self {
        Self {
            client: Client::new(&emulator.graph()),
            token: token_for(emulator, who, "graph.microsoft.com"),
        }
    }

    fn send(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let headers = format!(
            "Authorization: Bearer {}\r\nclient-request-id: mine\r\n",
            self.token
        );
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.client.send(method, path, &headers, &body);
        let (status, _, body) = self.client.receive().unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    fn get(&mut self, path: &str) -> (u16, Value) {
        self.send("GET", path, &Value::Null)
    }

    fn post(&mut self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, body)
    }

    /// The path of a query that is begun, and what it is at each time until it has ended.
    fn ended(&mut self, query: &Value) -> (String, Vec<String>) {
        let (status, begun) = self.post(QUERIES, query);
        assert_eq!(status, 201, "{begun}");
        let path = format!("{QUERIES}/{}", begun["id"].as_str().unwrap());
        let mut statuses = vec![begun["status"].as_str().unwrap().to_owned()];
        while !["succeeded", "failed", "cancelled"].contains(&statuses.last().unwrap().as_str()) {
            let (_, body) = self.get(&path);
            statuses.push(body["status"].as_str().unwrap().to_owned());
        }
        (path, statuses)
    }

    /// All that a query finds, over all pages, and how many those are.
    fn found(&mut self, emulator: &Emulator, query: &Value) -> (Vec<Value>, usize) {
        let (path, _) = self.ended(query);
        let mut path = format!("{path}/records");
        let (mut records, mut pages) = (Vec::new(), 0);
        loop {
            let (status, body) = self.get(&path);
            assert_eq!(status, 200, "{body}");
            records.extend(body["value"].as_array().unwrap().iter().cloned());
            pages += 1;
            match body["@odata.nextLink"].as_str() {
                Some(next) => path = next.strip_prefix(&emulator.graph()).unwrap().to_owned(),
                None => return (records, pages),
            }
        }
    }
}

fn start(mut tenant: Value, more: Value, options: Options) -> Emulator {
    let more = more.as_object().unwrap().clone();
    tenant.as_object_mut().unwrap().extend(more);
    let tenants = vec![tenant];
    Emulator::start(Options { tenants, ..options }).unwrap()
}

fn audited(options: Options) -> Emulator {
    let record = |id: &str, operation: &str, ago: &str, workload: &str, kind: u32| {
        json!({"Id": id, "CreationTime": ago, "Operation": operation, "RecordType": kind, "UserType": 2,
            "UserKey": "1003", "UserId": "eve@contoso.com", "Workload": workload, "ClientIP": "192.0.2.1:4711"})
    };
    let records = json!([
        record("a", "New-InboundConnector", "-3h", "Exchange", 1),
        record("a", "New-InboundConnector", "-3h", "Exchange", 1),
        record("b", "Remove-InboundConnector", "-1h", "Exchange", 1),
        record("c", "Add application.", "-4h", "AzureActiveDirectory", 8),
    ]);
    start(export(2), json!({"audit_records": records}), options)
}

fn ids(records: &[Value]) -> Vec<&str> {
    let mut ids: Vec<_> = records.iter().filter_map(|it| it["id"].as_str()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn tokens_are_for_graph_or_for_exchange() {
    let emulator = audited(Options::default());
    let mut graph = Graph::new(&emulator, READER);
    let (exchange, for_graph) = (token(&emulator, READER), graph.token.clone());
    let (status, _) = Client::new(&emulator.exchange())
        .call(&for_graph, "Get-InboundConnector", &json!({}))
        .unwrap();
    assert_eq!(status, 401);
    for (token, code) in [
        (exchange, "InvalidAuthenticationToken"),
        (String::new(), "InvalidAuthenticationToken"),
    ] {
        graph.token = token;
        let (status, body) = graph.post(QUERIES, &json!({}));
        assert_eq!((status, &body["error"]["code"]), (401, &json!(code)));
        let inner = &body["error"]["innerError"];
        assert_eq!(inner["client-request-id"], "mine");
        let seen = emulator.requests().pop().unwrap();
        assert_eq!(inner["request-id"], seen.request_id);
        assert_eq!(
            (seen.listener, seen.cmdlet.as_deref()),
            (Listener::Graph, Some("audit-query"))
        );
    }
    let mut nobody = Graph::new(&emulator, "33333333-3333-4333-8333-333333333333");
    assert_eq!(nobody.post(QUERIES, &json!({})).0, 403);
    let mut security = Graph::new(&emulator, SECURITY_READER);
    let hunt = json!({"Query": "EmailEvents"});
    assert_eq!(
        security.post("/v1.0/security/runHuntingQuery", &hunt).0,
        403
    );
    assert_eq!(
        ids(&security.found(&emulator, &json!({})).0),
        ["a", "a", "b"]
    );
}

#[test]
fn audit_queries_run_end_and_have_pages() {
    let options = Options {
        audit_polls: 3,
        audit_page_size: 3,
        ..Options::default()
    };
    let emulator = audited(options);
    let mut graph = Graph::new(&emulator, READER);
    let (path, statuses) = graph.ended(&json!({"displayName": "who", "operationFilters": ["x"]}));
    assert_eq!(
        statuses,
        [
            "notStarted",
            "notStarted",
            "running",
            "running",
            "succeeded"
        ]
    );
    let (_, query) = graph.get(&path);
    assert_eq!(
        (&query["displayName"], &query["operationFilters"]),
        (&json!("who"), &json!(["x"]))
    );
    let (records, pages) = graph.found(&emulator, &json!({}));
    assert_eq!((ids(&records), pages), (vec!["a", "a", "b", "c"], 2));
    let (_, begun) = graph.post(QUERIES, &json!({}));
    let path = format!(
        "/BETA/security/auditlog/Queries/{}",
        begun["id"].as_str().unwrap()
    );
    let (status, body) = graph.get(&format!("{path}/records"));
    assert_eq!((status, &body["value"]), (200, &json!([])));
    assert_eq!(graph.get(&format!("{QUERIES}/{TENANT}")).0, 404);
    assert_eq!(graph.get(QUERIES).0, 405);
    assert_eq!(graph.post(QUERIES, &json!({"filters": []})).0, 400);
}

#[test]
fn audit_filters_are_kept() {
    let emulator = audited(Options::default());
    let mut graph = Graph::new(&emulator, READER);
    let ago =
        |hours: i64| (Timestamp::now() - SignedDuration::from_mins(hours * 60 + 30)).to_string();
    for (query, expected) in [
        (json!({"recordTypeFilters": ["exchangeAdmin"]}), "aab"),
        (
            json!({"operationFilters": ["Remove-InboundConnector", "Add application."]}),
            "bc",
        ),
        (
            json!({"filterStartDateTime": ago(3), "filterEndDateTime": ago(1)}),
            "aa",
        ),
        (
            json!({"userPrincipalNameFilters": ["EVE@contoso.com"]}),
            "aabc",
        ),
        (json!({"userPrincipalNameFilters": ["1003"]}), ""),
    ] {
        let (records, _) = graph.found(&emulator, &query);
        assert_eq!(ids(&records).concat(), expected, "{query}");
    }
}

#[test]
fn audit_queries_fail_are_too_many_and_are_not_there() {
    for (end, word) in [
        (QueryEnd::Failed, "failed"),
        (QueryEnd::Cancelled, "cancelled"),
    ] {
        let emulator = audited(Options {
            audit_end: end,
            ..Options::default()
        });
        let mut graph = Graph::new(&emulator, READER);
        let (path, statuses) = graph.ended(&json!({}));
        assert_eq!(statuses.last().unwrap(), word);
        let (_, body) = graph.get(&format!("{path}/records"));
        assert_eq!(body["value"], json!([]));
    }
    let emulator = audited(Options {
        audit_job_rate: Some("1/1h".parse().unwrap()),
        audit_v1_missing: true,
        ..Options::default()
    });
    let mut graph = Graph::new(&emulator, READER);
    assert_eq!(graph.post(QUERIES, &json!({})).0, 404);
    let beta = QUERIES.replace("v1.0", "beta");
    assert_eq!(graph.post(&beta, &json!({})).0, 201);
    let (status, body) = graph.post(&beta, &json!({}));
    assert_eq!(
        (status, &body["error"]["code"]),
        (429, &json!("TooManyRequests"))
    );
}

#[test]
fn writes_are_audited_after_the_delay() {
    for (delay, found) in [(0, 4), (60, 0)] {
        let emulator = Emulator::start(Options {
            tenants: vec![export(2)],
            audit_delay: Duration::from_secs(delay),
            ..Options::default()
        })
        .unwrap();
        let mut client = Client::new(&emulator.exchange());
        let token = token(&emulator, OPERATOR);
        for (cmdlet, parameters) in [
            (
                "New-InboundConnector",
                json!({"Name": "Hub", "SenderDomains": ["a.com", "b.com"], "enabled": "false"}),
            ),
            (
                "Set-InboundConnector",
                json!({"Identity": "hub", "Comment": null}),
            ),
            (
                "Set-InboundConnector",
                json!({"Identity": "hub", "Comment": "x", "WhatIf": true}),
            ),
            ("Set-InboundConnector", json!({"Identity": "nobody"})),
            (
                "Remove-BlockedConnector",
                json!({"ConnectorId": "00000000-0000-4000-8000-00000000000b"}),
            ),
            ("Remove-InboundConnector", json!({"Identity": "HUB"})),
        ] {
            client.call(&token, cmdlet, &parameters).unwrap();
        }
        let all = emulator.audit(TENANT);
        assert_eq!(all.len(), 4);
        let mut graph = Graph::new(&emulator, READER);
        let (records, _) = graph.found(&emulator, &json!({}));
        assert_eq!(records.len(), found);
        if records.is_empty() {
            continue;
        }
        let of = |operation: &str| {
            let mut records = records.iter();
            let found = records.find(|record| record["operation"] == operation);
            found.unwrap()["auditData"].clone()
        };
        let new = of("New-InboundConnector");
        assert_eq!(
            (&new["ObjectId"], &new["UserType"], &new["AppId"]),
            (&json!(""), &json!(6), &json!(OPERATOR))
        );
        let mut parameters: Vec<_> = new["Parameters"].as_array().unwrap().clone();
        parameters.sort_by_key(|it| it["Name"].as_str().unwrap().to_owned());
        assert_eq!(
            json!(parameters),
            json!([
                {"Name": "Enabled", "Value": "False"}, {"Name": "Name", "Value": "Hub"},
                {"Name": "SenderDomains", "Value": "a.com;b.com"},
            ])
        );
        let set = of("Set-InboundConnector");
        assert_eq!(set["ObjectId"], "Hub");
        assert_eq!(set["SessionId"], new["SessionId"]);
        let address = set["ClientIP"].as_str().unwrap();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        assert_eq!(
            of("Remove-BlockedConnector")["ObjectId"],
            "00000000-0000-4000-8000-00000000000b"
        );
    }
}

#[test]
fn an_organization_without_a_log_has_no_records_and_a_test_may_add_some() {
    let config = json!({"admin_audit_log_config": {"UnifiedAuditLogIngestionEnabled": false}});
    let emulator = start(export(1), config, Options::default());
    let token = token(&emulator, OPERATOR);
    let gone = json!({"Identity": "Relay 0"});
    Client::new(&emulator.exchange())
        .call(&token, "Remove-InboundConnector", &gone)
        .unwrap();
    assert_eq!(emulator.writes(TENANT).len(), 1);
    assert!(emulator.audit(TENANT).is_empty());
    assert!(emulator.add_audit(TENANT, json!({"Id": "a"})));
    assert!(!emulator.add_audit("elsewhere", json!({})));
    let mut graph = Graph::new(&emulator, READER);
    assert_eq!(ids(&graph.found(&emulator, &json!({})).0), ["a"]);
}

#[test]
fn faults_hit_graph_in_its_own_form() {
    for (text, status, code) in [
        ("audit-query=401", 401, "InvalidAuthenticationToken"),
        ("graph:1=403-nul", 403, "Forbidden"),
        ("graph=404", 404, "ResourceNotFound"),
        ("audit-query:1=429-bare", 429, "TooManyRequests"),
        ("graph=400-json", 400, "BadRequest"),
        ("graph=expire-token", 401, "InvalidAuthenticationToken"),
    ] {
        let emulator = audited(fault(text));
        let (found, body) = Graph::new(&emulator, READER).post(QUERIES, &json!({}));
        assert_eq!(
            (found, &body["error"]["code"]),
            (status, &json!(code)),
            "{text}"
        );
    }
    let emulator = audited(fault("audit-records=next-page"));
    let mut graph = Graph::new(&emulator, READER);
    let (path, _) = graph.ended(&json!({}));
    let (_, body) = graph.get(&format!("{path}/records"));
    assert_eq!(body["value"].as_array().unwrap().len(), 2);
    emulator.clear();
    let next = body["@odata.nextLink"].as_str().unwrap();
    let (status, _) = graph.get(next.strip_prefix(&emulator.graph()).unwrap());
    assert_eq!(status, 400);
}

#[test]
fn hunting_gives_the_answers_that_it_was_brought() {
    let answers = json!({"hunting_answers": [
        {"contains": ["EmailEvents", "Relay"], "answer": {"schema": [{"name": "Count", "type": "Int64"}],
            "results": [{"Count": 1}, {"Count": 2}, {"Count": 3}]}},
        {"contains": ["EmailEvents"], "answer": {"results": [{"Timestamp": "-2h"}]}},
    ]});
    let path = "/v1.0/security/runHuntingQuery";
    let start = |options| start(export(1), answers.clone(), options);
    let emulator = start(Options {
        hunting_rows: 2,
        ..Options::default()
    });
    let mut graph = Graph::new(&emulator, READER);
    let ask = |query: &str, span: Value| json!({"Query": query, "Timespan": span});
    let relay = ask("EmailEvents | where Connectors has 'Relay'", json!("P7D"));
    let (status, body) = graph.post(path, &relay);
    assert_eq!((status, &body["schema"][0]["name"]), (200, &json!("Count")));
    assert_eq!(body["results"], json!([{"Count": 1}, {"Count": 2}]));
    let (_, body) = graph.post(path, &ask("EmailEvents", Value::Null));
    let time = body["results"][0]["Timestamp"].as_str().unwrap();
    assert!(time.parse::<Timestamp>().unwrap() < Timestamp::now());
    for wrong in [
        ask("CloudAppEvents", json!("P7D")),
        ask("EmailEvents", json!("7 days")),
        json!({"Timespan": "P7D"}),
        json!({"Query": "EmailEvents", "Days": 7}),
    ] {
        let (status, body) = graph.post(path, &wrong);
        assert_eq!(
            (status, &body["error"]["code"]),
            (400, &json!("BadRequest")),
            "{wrong}"
        );
    }
    let emulator = start(Options {
        no_hunting: true,
        ..Options::default()
    });
    assert_eq!(Graph::new(&emulator, READER).post(path, &relay).0, 403);
}

/// Someone who traces messages.
struct Tracer {
    emulator: Emulator,
    client: Client,
    token: String,
}

impl Tracer {
    fn new(rows: Value, options: Options) -> Self {
        let emulator = start(export(1), json!({"message_trace": rows}), options);
        Self {
            client: Client::new(&emulator.exchange()),
            token: token(&emulator, READER),
            emulator,
        }
    }

    fn call(&mut self, parameters: &Value) -> (u16, Value) {
        self.client
            .call(&self.token, "Get-MessageTraceV2", parameters)
            .unwrap()
    }

    fn recipients(&mut self, parameters: &Value) -> String {
        let (status, body) = self.call(parameters);
        assert_eq!(status, 200, "{body}");
        let rows = body["value"].as_array().unwrap().iter();
        let first = |row: &Value| {
            row["RecipientAddress"]
                .as_str()
                .unwrap()
                .get(..1)
                .unwrap()
                .to_owned()
        };
        rows.map(first).collect()
    }
}

fn mail() -> Value {
    let row = |recipient: &str, ago: &str, from: &str, status: &str| {
        json!({"Received": ago, "RecipientAddress": format!("{recipient}@contoso.com"), "FromIP": from,
            "SenderAddress": "shop@example.com", "Status": status, "Size": 100})
    };
    json!([
        row("c", "-2h", "192.0.2.1", "Delivered"),
        row("b", "-2h", "192.0.2.1", "FilteredAsSpam"),
        row("a", "-1h", "2001:db8:0::1", "Resolved"),
        row("d", "-3h", "192.0.2.2", "Delivered"),
        row("e", "-60h", "192.0.2.2", "Delivered"),
        row("f", "-2300h", "192.0.2.2", "Delivered"),
    ])
}

#[test]
fn traces_go_on_from_the_last_row_which_comes_again() {
    let mut tracer = Tracer::new(mail(), Options::default());
    let (mut seen, mut query) = (Vec::new(), json!({"ResultSize": 2}));
    loop {
        let (_, body) = tracer.call(&query);
        assert!(body.get("@odata.nextLink").is_none());
        let rows = body["value"].as_array().unwrap();
        let last = rows.last().unwrap();
        assert_eq!(last["Received@data.type"], "System.DateTime");
        assert_eq!(last["Size@data.type"], "System.Int32");
        seen.push(
            rows.iter()
                .map(|row| row["RecipientAddress"].as_str().unwrap().get(..1).unwrap())
                .collect::<String>(),
        );
        if body["@adminapi.warnings"].as_array().unwrap().is_empty() {
            break;
        }
        query = json!({"ResultSize": 2, "EndDate": last["Received"],
            "StartingRecipientAddress": last["RecipientAddress"]});
    }
    assert_eq!(seen, ["ab", "bc", "cd"]);
}

#[test]
fn traces_are_filtered() {
    let mut tracer = Tracer::new(mail(), Options::default());
    for (query, expected) in [
        (json!({}), "abcd"),
        (json!({"FromIP": "2001:db8::1"}), "a"),
        (json!({"Status": "FilteredAsSpam"}), "b"),
        (json!({"Status": ["Delivered", "resolved"]}), "acd"),
        (json!({"Status": ["Deliverd"]}), ""),
        (
            json!({"SenderAddress": ["*@example.com"], "RecipientAddress": ["C@contoso.com"]}),
            "c",
        ),
        (json!({"SenderAddress": ["other@example.com"]}), ""),
    ] {
        assert_eq!(tracer.recipients(&query), expected, "{query}");
    }
    let ago = |days: i64| (Timestamp::now() - SignedDuration::from_hours(days * 24)).to_string();
    let span = |from, to| json!({"StartDate": ago(from), "EndDate": ago(to)});
    assert_eq!(tracer.recipients(&span(9, 0)), "abcde");
    assert_eq!(tracer.recipients(&span(5, 2)), "e");
    assert_eq!(tracer.recipients(&span(90, 81)), "");
    for wrong in [
        span(11, 0),
        span(0, 1),
        span(96, 90),
        json!({"ResultSize": 0}),
        json!({"ResultSize": 5001}),
        json!({"ResultSize": "Unlimited"}),
        json!({"StartDate": "soon"}),
        json!({"Connector": "Relay"}),
    ] {
        let (status, body) = tracer.call(&wrong);
        assert_eq!(status, 400, "{wrong}");
        assert!(kind_of(&body).ends_with("Exception"), "{body}");
    }
}

#[test]
fn too_many_traces_are_refused_and_nothing_else_is() {
    let options = Options {
        trace_rate: Some("2/5m".parse().unwrap()),
        page_size: 1,
        ..Options::default()
    };
    let mut tracer = Tracer::new(mail(), options);
    assert_eq!(tracer.recipients(&json!({})), "abcd");
    let statuses = [(); 2].map(|()| tracer.call(&json!({})).0);
    assert_eq!(statuses, [200, 429]);
    let Tracer {
        emulator,
        mut client,
        token,
    } = tracer;
    let (status, _) = client
        .call(&token, "Get-InboundConnector", &json!({}))
        .unwrap();
    assert_eq!((status, emulator.requests().len()), (200, 5));
}
