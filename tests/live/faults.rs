//! Every fault at every request of a check: never a wrong verdict, and always a word about tenant and request.

use crate::emulator::{Kind, Seen};
use crate::harness::Run;
use crate::world::{World, attack, each};

/// The requests of a check: the token, the front door, three reads.
const REQUESTS: u64 = 5;

fn kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL
        .iter()
        .copied()
        .filter(|kind| !kind.in_process_only())
}

/// Every fault at every request, and at all of them.
fn all() -> Vec<(Kind, u64)> {
    kinds()
        .flat_map(|kind| (0..=REQUESTS).map(move |number| (kind, number)))
        .collect()
}

fn at(kind: Kind, number: u64) -> String {
    match number {
        0 => format!("*={kind}"),
        number => format!("{number}={kind}"),
    }
}

/// What may be said of what the check could not learn: the tenant, and a request, by the service's id or ours.
fn names_tenant_and_request(world: &World, run: &Run) -> bool {
    let said = format!("{} {}", run.json()["tenants"][0], run.stderr);
    let named = |seen: &Seen| {
        let own = seen.client_request_id.as_deref().unwrap_or("none");
        said.contains(&seen.request_id) || said.contains(own)
    };
    said.contains("contoso") && world.emulator.requests().iter().any(named)
}

#[test]
fn a_check_sends_so_many_requests() {
    let world = World::new();
    world.check().expect(0, &[]);
    assert_eq!(world.emulator.requests().len() as u64, REQUESTS);
}

#[test]
fn an_approved_organization_is_clean_or_nothing_is_said() {
    each(&all(), |(kind, number)| {
        let fault = at(*kind, *number);
        let world = World::faulty(&[&fault], |_| ());
        let run = world.check();
        match run.code {
            0 => (),
            1 | 3 => assert!(names_tenant_and_request(&world, &run), "{fault}: {run:?}"),
            // That there is no connector may be believed where the service says so twice.
            13 if *kind == Kind::NullRows && *number == 0 => (),
            _ => panic!("{fault}: {run:?}"),
        }
        // One fault is got over where asking again can help.
        let passing = [
            Kind::Throttled,
            Kind::ThrottledBare,
            Kind::ServerError,
            Kind::Unavailable,
            Kind::Refuse,
            Kind::LostAnswer,
            Kind::HalfBody,
            Kind::Hang,
            Kind::Html,
            Kind::NotJson,
            Kind::TruncatedJson,
            Kind::EmptyBody,
            Kind::ExpireToken,
            Kind::BadGzip,
            Kind::SlowBody,
        ];
        if *number > 0 && passing.contains(kind) {
            assert_eq!(run.code, 0, "{fault}: {run:?}");
        }
    });
}

#[test]
fn an_attack_is_never_clean() {
    each(&all(), |(kind, number)| {
        let fault = at(*kind, *number);
        let world = World::faulty(&[&fault], attack);
        let run = world.check();
        assert!(matches!(run.code, 1 | 3 | 13 | 14), "{fault}: {run:?}");
    });
}
