//! The Exchange Online admin API: who may call, what is called, and the pages of the answer.

use super::{
    answer::Answer,
    audit::{self, Actor},
    chance::{self, Dice},
    cmdlets::{self, Call, Cmdlet, Outcome},
    fault::Kind,
    identities::APP_ROLE,
    jwt::Parts,
    page::{self, MORE, Page},
    rate,
    record::Record,
    refusal::Refusal,
    shared::Shared,
    tenant::{Records, Tenant},
    trace,
    wire::Request,
};
use serde_json::{Value, json};

/// The cmdlet and parameters of a request's body, if it has that form.
pub fn envelope(body: &Value) -> Option<(&str, &Value)> {
    let input = body.get("CmdletInput")?;
    Some((input.get("CmdletName")?.as_str()?, input.get("Parameters")?))
}

/// Answers a request.
pub fn answer(shared: &Shared, request: &Request, body: &Value, fault: Option<Kind>) -> Answer {
    let segments = request.segments();
    let parts: Vec<_> = segments.iter().map(|part| part.to_lowercase()).collect();
    let parts: Vec<_> = parts.iter().map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("POST", ["adminapi", "beta", tenant, "invokecommand"]) => {
            admitted(shared, request, tenant, fault, |tenant, claims| {
                invoke(shared, request, body, tenant, claims)
            })
        }
        (_, ["adminapi", _, _, "invokecommand"]) => Answer::empty(405),
        ("GET", ["adminapi", "v1.0", tenant, "exomodulefile"]) => {
            admitted(shared, request, tenant, fault, |_, claims| {
                module(shared, request, &claims.texts("wids"))
            })
        }
        _ => Answer::empty(404),
    }
}

/// Lets a request through that has a token for the tenant and is not one too many.
fn admitted(
    shared: &Shared,
    request: &Request,
    tenant: &str,
    fault: Option<Kind>,
    then: impl FnOnce(&Tenant, &Parts) -> Answer,
) -> Answer {
    let Some(tenant) = shared.tenants.iter().find(|it| it.id == tenant) else {
        return Answer::empty(404);
    };
    if fault == Some(Kind::ExpireToken) {
        shared.expire_tokens();
    }
    let claims = request
        .bearer()
        .and_then(|token| shared.key.verified(token));
    let Some(claims) = claims.filter(|claims| is_good(shared, tenant, claims)) else {
        return Answer::empty(401).with("WWW-Authenticate", "Bearer error=\"invalid_token\"");
    };
    let limit = shared.options.throttle;
    if limit.is_some_and(|limit| tenant.is_throttled(limit)) {
        return Answer::empty(429).with("Retry-After", "1");
    }
    then(tenant, &claims)
}

/// A token of this tenant that lasts and is not for Graph, of an application with the app role or of a user.
fn is_good(shared: &Shared, tenant: &Tenant, claims: &Parts) -> bool {
    let granted = claims.texts("roles").contains(&APP_ROLE) || claims.text("scp").is_some();
    let elsewhere = shared.is_graph(claims.text("aud").unwrap_or_default());
    claims.text("tid") == Some(&tenant.id) && granted && !elsewhere && !shared.is_expired(claims)
}

fn may_run(cmdlet: &Cmdlet, wids: &[&str]) -> bool {
    cmdlet.roles.iter().any(|role| wids.contains(role))
}

/// `GET /AdminApi/v1.0/{tenantId}/EXOModuleFile`
fn module(shared: &Shared, request: &Request, wids: &[&str]) -> Answer {
    if request.header("commandname") == Some("*") {
        let names = cmdlets::ALL
            .iter()
            .filter(|cmdlet| may_run(cmdlet, wids))
            .map(|cmdlet| cmdlet.name);
        let names = names.collect::<Vec<_>>().join(",");
        return Answer::json(200, &json!({"value": [{"exportedCmdlets": names}]}));
    }
    match &shared.options.front_door {
        Some(location) => Answer::empty(302).with("Location", location),
        None => Answer::json(200, &json!({"value": []})),
    }
}

/// `POST /adminapi/beta/{tenantId}/InvokeCommand`
fn invoke(
    shared: &Shared,
    request: &Request,
    body: &Value,
    tenant: &Tenant,
    claims: &Parts,
) -> Answer {
    let refuse = |refusal: &Refusal| Answer::json(400, &refusal.body());
    let Some((name, parameters)) = envelope(body) else {
        let text = "The body must be {\"CmdletInput\":{\"CmdletName\":…,\"Parameters\":{…}}}.";
        return refuse(&Refusal::request(text));
    };
    let Value::Object(given) = parameters else {
        return refuse(&Refusal::request("Parameters must be an object."));
    };
    let wids = claims.texts("wids");
    let Some(cmdlet) = cmdlets::find(name).filter(|cmdlet| may_run(cmdlet, &wids)) else {
        return Answer::forbidden();
    };
    if let Some(rate) = shared.options.trace_rate.filter(|_| cmdlet.keyset)
        && let Err(wait) = tenant.traces.pass(rate)
    {
        return Answer::empty(429).with("Retry-After", rate::seconds(wait));
    }
    let target = audit::target(tenant, cmdlet, given);
    match run(shared, tenant, cmdlet, given) {
        Ok(outcome) => {
            let wrote = outcome.wrote;
            if wrote {
                tenant.wrote(cmdlet.name, parameters);
                let peer = request.peer;
                let actor = Actor { claims, peer };
                let now = shared.clock.now();
                audit::note(tenant, &actor, cmdlet, given, &target, now);
            }
            match paged(shared, request, tenant, outcome) {
                Ok(page) => Answer {
                    carried_out: wrote,
                    ..Answer::page(page)
                },
                Err(refusal) => refuse(&refusal),
            }
        }
        Err(refusal) => refuse(&refusal),
    }
}

fn run(
    shared: &Shared,
    tenant: &Tenant,
    cmdlet: &Cmdlet,
    given: &Record,
) -> Result<Outcome, Refusal> {
    let call = Call {
        tenant,
        options: &shared.options,
        now: shared.clock.now(),
        new_id: chance::guid(),
    };
    cmdlet.run(&call, given)
}

/// Where a reader is: the dice of its read, and how many rows it has.
struct Place {
    seed: u64,
    offset: usize,
}

fn paged(
    shared: &Shared,
    request: &Request,
    tenant: &Tenant,
    outcome: Outcome,
) -> Result<Page, Refusal> {
    let base = format!("{}/adminapi/beta/{}", shared.exchange, tenant.id);
    let context = format!("{base}/$metadata#Collection(Exchange.GenericHashTable)");
    let Outcome { rows, size, .. } = outcome;
    if outcome.keyset {
        let size = size.unwrap_or(usize::MAX);
        let cut = rows.get(size).and(rows.get(size.saturating_sub(1)));
        return Ok(Page {
            context,
            warnings: cut.iter().map(|last| trace::more(last)).collect(),
            next: None,
            rows: page::ordered(&rows, size),
        });
    }
    let place = match request.query("$skiptoken") {
        None => Place {
            seed: Dice::fresh().next(),
            offset: 0,
        },
        Some(_) if shared.options.broken_paging => return Err(Refusal::paging()),
        Some(token) => resumed(&token).ok_or_else(Refusal::paging)?,
    };
    let total = rows.len().min(size.unwrap_or(usize::MAX));
    let end = place
        .offset
        .saturating_add(page_size(shared, request))
        .min(total);
    let mut warnings = Vec::new();
    if end == total && total < rows.len() && total > 0 {
        warnings.push(MORE.to_owned());
    }
    let next = (end < total).then(|| {
        format!(
            "{base}/InvokeCommand?%24skiptoken={:016x}-{end}-AM0P201MB0005",
            place.seed
        )
    });
    Ok(Page {
        context,
        warnings,
        next,
        rows: rows_of(&rows, &place, end),
    })
}

fn rows_of(rows: &Records, place: &Place, end: usize) -> Vec<Record> {
    page::rows(rows, &mut Dice::new(place.seed), place.offset..end)
}

fn resumed(token: &str) -> Option<Place> {
    let mut parts = token.split('-');
    Some(Place {
        seed: u64::from_str_radix(parts.next()?, 16).ok()?,
        offset: parts.next()?.parse().ok()?,
    })
}

/// Rows in a page: the emulator's limit, or what the caller prefers if that is less.
fn page_size(shared: &Shared, request: &Request) -> usize {
    let wanted = request
        .header("prefer")
        .and_then(|value| {
            value
                .split([',', ';'])
                .find_map(|it| it.trim().strip_prefix("odata.maxpagesize="))
        })
        .and_then(|size| size.parse().ok());
    let limit = shared.options.page_size.max(1);
    wanted.map_or(limit, |wanted: usize| wanted.clamp(1, limit))
}
