//! Microsoft Graph: what the audit log holds, and hunting where the mail is.
//!
//! Source: Microsoft Graph `security/auditLog/queries` and `security/runHuntingQuery` (reference sections 4.7, 4.9).

use super::answer::{Answer, worth};
use super::http::{Body, Call, Reply, Worth};
use super::patience::pause;
use super::service::Service;
use super::{Fault, Kind};
use crate::finding::excerpt;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value as Json, json};

/// Queries of the audit log are in the first version of Graph, and before that were in the second.
const VERSIONS: [&str; 2] = ["v1.0", "beta"];

/// Pages of records at most.
const MOST_PAGES: usize = 10_000;

impl Service<'_> {
    /// The records of some operations in some time, by an audit query: a job that takes minutes.
    ///
    /// # Errors
    ///
    /// The fault where there is no answer. One that may not be all has its doubts with it.
    pub fn audit_records(
        &self,
        (from, to): (Timestamp, Timestamp),
        record_types: &[&str],
        operations: &[&str],
    ) -> Result<Answer, Fault> {
        const WHAT: &str = "the audit query";
        let body = json!({
            "displayName": "connguard",
            "filterStartDateTime": from.to_string(),
            "filterEndDateTime": to.to_string(),
            "recordTypeFilters": record_types,
            "operationFilters": operations,
        })
        .to_string();
        let mut last = None;
        for version in VERSIONS {
            let path = format!("{version}/security/auditLog/queries");
            // One tenant had no such path in v1.0, and had it in beta (measured, reference section 4.7).
            let job = match self.graph(WHAT, Method::POST, &path, Some(&body)) {
                Err(fault) if fault.kind == Kind::NotFound => {
                    last = Some(fault);
                    continue;
                }
                other => other?,
            };
            let Some(id) = job.get("id").and_then(Json::as_str) else {
                return Err(Fault::new(
                    Kind::Malformed,
                    WHAT,
                    "the answer names no query",
                    "try again",
                ));
            };
            let path = format!("{path}/{id}");
            self.settled(WHAT, &path, job.get("status").and_then(Json::as_str))?;
            return self.records(WHAT, &format!("{path}/records"));
        }
        Err(last.unwrap_or_else(|| {
            Fault::new(
                Kind::NotFound,
                WHAT,
                "there is no such service",
                "try again",
            )
        }))
    }

    /// Waits until a query has ended.
    fn settled(&self, what: &str, path: &str, first: Option<&str>) -> Result<(), Fault> {
        let mut status = first.unwrap_or("notStarted").to_owned();
        for attempt in 1_u32.. {
            match status.as_str() {
                "succeeded" => return Ok(()),
                "failed" | "cancelled" => {
                    return Err(Fault::new(
                        Kind::Malformed,
                        what,
                        format!("the query {status}"),
                        "try again; if it stays, export the log with Search-UnifiedAuditLog and name the file with --from",
                    ));
                }
                _ => {}
            }
            self.budget()
                .wait(pause(attempt.min(5)), what, "the query is still running")?;
            let job = self.graph(what, Method::GET, path, None)?;
            status = job
                .get("status")
                .and_then(Json::as_str)
                .unwrap_or_default()
                .to_owned();
        }
        Ok(())
    }

    fn records(&self, what: &str, path: &str) -> Result<Answer, Fault> {
        let mut answer = Answer::default();
        let first = self.join(self.resource(), path)?;
        let mut url = first.clone();
        for _ in 0..MOST_PAGES {
            let page =
                self.graph_call(what, Method::GET, &url, None, |reply| match reply.status {
                    200..=299 => worth(what, true, reply),
                    _ => Worth::Never(refused(what, &reply)),
                })?;
            answer.requests.push(page.request);
            answer.rows.extend(page.rows);
            answer.doubts.extend(page.doubts);
            let Some(next) = page.next else {
                return Ok(answer);
            };
            match first.join(&next) {
                Ok(next) if next.origin() == first.origin() && next != url => url = next,
                _ => {
                    answer.doubts.push(
                        "the next page lies on another host, or is this one again".to_owned(),
                    );
                    return Ok(answer);
                }
            }
        }
        answer
            .doubts
            .push("the pages of the answer have no end".to_owned());
        Ok(answer)
    }

    /// What a hunting query returns, as text.
    ///
    /// # Errors
    ///
    /// The fault where there is no answer.
    pub fn hunt(&self, query: &str, days: i64) -> Result<String, Fault> {
        const WHAT: &str = "the hunting query";
        let body = json!({ "Query": query, "Timespan": format!("P{days}D") }).to_string();
        let answer = self.graph(
            WHAT,
            Method::POST,
            "v1.0/security/runHuntingQuery",
            Some(&body),
        )?;
        if answer
            .get("results")
            .is_none_or(|results| !results.is_array())
        {
            return Err(Fault::new(
                Kind::Malformed,
                WHAT,
                "the answer holds no results",
                "try again",
            ));
        }
        Ok(answer.to_string())
    }

    fn graph(
        &self,
        what: &str,
        method: Method,
        path: &str,
        body: Option<&str>,
    ) -> Result<Json, Fault> {
        let url = self.join(self.resource(), path)?;
        self.graph_call(what, method, &url, body, |reply| object(what, &reply))
    }

    fn graph_call<T>(
        &self,
        what: &str,
        method: Method,
        url: &reqwest::Url,
        body: Option<&str>,
        worth: impl Fn(Reply) -> Worth<T>,
    ) -> Result<T, Fault> {
        let token = self.token()?;
        let mut headers = self.headers(&token)?;
        headers.push(("accept", HeaderValue::from_static("application/json")));
        let call = Call {
            what,
            method,
            url,
            headers,
            body: body.map_or(Body::None, Body::Json),
            near: self.is_rehearsal(),
        };
        self.http().read(&call, self.budget(), worth)
    }
}

/// Why Graph refused: its errors are `{"error": {"code", "message"}}`.
fn refused(what: &str, reply: &Reply) -> Fault {
    let said: Json = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |name: &str| {
        let error = said.get("error").and_then(|error| error.get(name));
        excerpt(error.and_then(Json::as_str).unwrap_or_default())
    };
    let words = format!("{} {}", text("code"), text("message"));
    let words = words.trim();
    let (kind, help) = match reply.status {
        401 => (
            Kind::Unauthorized,
            "the token is not accepted by Microsoft Graph: look at the cloud in connguard.yaml and at the application's permissions",
        ),
        403 => (
            Kind::Forbidden,
            "give the application the permission AuditLogsQuery-Exchange.Read.All for the audit log and ThreatHunting.Read.All for hunting, with admin consent; hunting needs Defender for Office 365 Plan 2 or Defender XDR",
        ),
        404 => (
            Kind::NotFound,
            "this organization does not have that part of Microsoft Graph: export the evidence instead and name the files with --from",
        ),
        _ => (
            Kind::Refused,
            "look at what the service says; with the request id its support finds the request",
        ),
    };
    Fault::new(
        kind,
        what,
        format!("Microsoft Graph refused it ({}): {words}", reply.status),
        help,
    )
}

fn object(what: &str, reply: &Reply) -> Worth<Json> {
    if !(200..=299).contains(&reply.status) {
        return Worth::Never(refused(what, reply));
    }
    match serde_json::from_slice::<Json>(&reply.body) {
        Ok(value) if value.is_object() => Worth::Good(value),
        _ => Worth::Again(Fault::new(
            Kind::Malformed,
            what,
            "the answer is no JSON object",
            "find out what answers in the place of the service",
        )),
    }
}
