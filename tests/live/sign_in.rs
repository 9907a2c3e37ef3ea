//! Every way to sign in, against endpoints that check what they are given.

use crate::emulator::{DeviceEnd, Options, identities};
use crate::world::World;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

fn with_credential(world: &World, credential: &str) {
    world.repo.replace(
        "connguard.yaml",
        "credential: { secret_env: CONNGUARD_SECRET }",
        &format!("credential: {credential}"),
    );
}

#[test]
fn secrets_from_a_variable_and_from_a_file() {
    let world = World::new();
    world.run(&["fetch"]).expect(0, &[]);
    with_credential(&world, "{ secret_file: secret.txt }");
    world
        .repo
        .write("secret.txt", format!("{}\n", identities::SECRET));
    world.run(&["fetch"]).expect(0, &[]);
    world.repo.write("secret.txt", identities::EXPIRED_SECRET);
    world
        .run(&["fetch"])
        .expect(1, &["AADSTS7000222", "has expired"]);
    world.repo.write("secret.txt", "another");
    world
        .run(&["fetch"])
        .expect(1, &["AADSTS7000215", "Secret ID"]);
}

#[test]
fn certificates_as_pem_and_as_pfx() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let openssl = |arguments: &[&str]| {
        let done = Command::new("openssl").args(arguments).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        done.stdout
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=connguard",
        "-keyout",
        &path("key.pem"),
        "-out",
        &path("cert.pem"),
        "-days",
        "30",
    ]);
    let der = openssl(&["x509", "-in", &path("cert.pem"), "-outform", "DER"]);
    openssl(&[
        "pkcs12",
        "-export",
        "-inkey",
        &path("key.pem"),
        "-in",
        &path("cert.pem"),
        "-passout",
        "pass:opensesame",
        "-out",
        &path("new.pfx"),
    ]);
    let old = [
        "pkcs12",
        "-export",
        "-legacy",
        "-inkey",
        &path("key.pem"),
        "-in",
        &path("cert.pem"),
        "-passout",
        "pass:opensesame",
        "-out",
        &path("old.pfx"),
    ];
    let legacy = Command::new("openssl")
        .args(old)
        .output()
        .unwrap()
        .status
        .success();
    let world = World::with(
        Options {
            certificates: vec![der],
            ..Options::default()
        },
        |_| (),
    );
    let pem = format!(
        "{}{}",
        fs::read_to_string(path("cert.pem")).unwrap(),
        fs::read_to_string(path("key.pem")).unwrap()
    );
    world.repo.write("both.pem", pem);
    with_credential(&world, "{ certificate: both.pem }");
    world.run(&["fetch"]).expect(0, &["3 connectors"]);
    for file in ["new.pfx", "old.pfx"] {
        if file == "old.pfx" && !legacy {
            eprintln!("this openssl makes no PFX files of the old kind");
            continue;
        }
        world.repo.write("cert.pfx", fs::read(path(file)).unwrap());
        world.repo.write(
            "connguard.yaml",
            world.repo.read("connguard.yaml").replace(
                "{ certificate: both.pem }",
                "{ certificate: cert.pfx, password_env: CONNGUARD_PASSWORD }",
            ),
        );
        world
            .run_with(&["fetch"], &[("CONNGUARD_PASSWORD", "opensesame")])
            .expect(0, &["3 connectors"]);
        world
            .run_with(&["fetch"], &[("CONNGUARD_PASSWORD", "wrong")])
            .expect(1, &["cert.pfx", "password"]);
    }
    // A certificate that the application does not have.
    let other = World::new();
    other.repo.write("both.pem", world.repo.read("both.pem"));
    with_credential(&other, "{ certificate: both.pem }");
    other
        .run(&["fetch"])
        .expect(1, &["AADSTS700027", "upload the certificate"]);
}

#[test]
fn the_tokens_of_jobs() {
    let world = World::new();
    with_credential(&world, "github-oidc");
    world
        .run(&["fetch"])
        .expect(1, &["ACTIONS_ID_TOKEN_REQUEST_URL", "id-token: write"]);
    let url = format!("{}/github-oidc?x=y", world.emulator.login());
    let job = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", identities::GITHUB_TOKEN),
    ];
    world
        .run_with(&["fetch"], &job)
        .expect(0, &["3 connectors"]);
    let foreign = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/"),
        job[1],
    ];
    world
        .run_with(&["fetch"], &foreign)
        .expect(1, &["no https address"]);
    // The same token from a file, as Kubernetes leaves it.
    let answer = Command::new("curl")
        .args([
            "-s",
            "-H",
            &format!("Authorization: bearer {}", identities::GITHUB_TOKEN),
            &format!(
                "{}/github-oidc?audience=api://AzureADTokenExchange",
                world.emulator.login()
            ),
        ])
        .output()
        .unwrap();
    let token: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    world.repo.write("token", token["value"].as_str().unwrap());
    let file = world.repo.path("token").display().to_string();
    world.repo.replace(
        "connguard.yaml",
        "credential: github-oidc",
        "credential: workload-identity",
    );
    world
        .run_with(&["fetch"], &[("AZURE_FEDERATED_TOKEN_FILE", &file)])
        .expect(0, &["3 connectors"]);
    world.repo.replace(
        "connguard.yaml",
        "credential: workload-identity",
        "credential: { token_file: token }",
    );
    world.run(&["fetch"]).expect(0, &["3 connectors"]);
    world.repo.write("token", "not.a.token");
    world.run(&["fetch"]).expect(1, &["AADSTS"]);
}

#[test]
fn the_identity_of_a_machine() {
    let world = World::new();
    with_credential(&world, "managed-identity");
    let host = world.emulator.login();
    world
        .run_with(&["fetch"], &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", &host)])
        .expect(0, &["3 connectors"]);
    let endpoint = format!("{host}/msi/token");
    let service = [
        ("IDENTITY_ENDPOINT", endpoint.as_str()),
        ("IDENTITY_HEADER", identities::IDENTITY_HEADER),
    ];
    world
        .run_with(&["fetch"], &service)
        .expect(0, &["3 connectors"]);
    let away = [
        ("IDENTITY_ENDPOINT", "http://192.0.2.1/msi/token"),
        service[1],
    ];
    world
        .run_with(&["fetch"], &away)
        .expect(1, &["leads away from this machine"]);
}

#[test]
fn people_with_a_code() {
    let world = World::new();
    with_credential(&world, "device-code");
    world.repo.replace(
        "connguard.yaml",
        "client_id: 11111111-1111-4111-8111-111111111111          # reads only\n        ",
        "",
    );
    world
        .run(&["fetch"])
        .expect(0, &["enter the code", "3 connectors"]);
    for (end, words) in [
        (DeviceEnd::Expired, "expired"),
        (DeviceEnd::Denied, "declined"),
    ] {
        let world = World::with(
            Options {
                device_end: end,
                ..Options::default()
            },
            |_| (),
        );
        with_credential(&world, "device-code");
        world.run(&["fetch"]).expect(1, &[words]);
    }
}

#[test]
fn people_with_the_azure_cli() {
    let world = World::new();
    with_credential(&world, "azure-cli");
    world.run(&["fetch"]).expect(1, &["az login"]);
    // A stand-in that signs in as the real one would, and fails where it is given what it should not have.
    let script = format!(
        "#!/bin/sh\nset -e\n[ -z \"$CONNGUARD_SECRET\" ]\nwhile [ $# -gt 0 ]; do case $1 in --resource) r=$2;; --tenant) t=$2;; esac; shift; done\ncurl -s -d \"grant_type=client_credentials&client_id=11111111-1111-4111-8111-111111111111&client_secret={}&scope=$r/.default\" {}/$t/oauth2/v2.0/token | sed 's/access_token/accessToken/'\n",
        identities::SECRET,
        world.emulator.login()
    );
    world.repo.write("bin/az", script);
    fs::set_permissions(world.repo.path("bin/az"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.repo.path("bin").display());
    world
        .run_with(&["fetch"], &[("PATH", &path)])
        .expect(0, &["3 connectors"]);
    world.repo.write(
        "bin/az",
        "#!/bin/sh\necho 'ERROR: AADSTS50076: use a second factor' >&2\nexit 1\n",
    );
    world
        .run_with(&["fetch"], &[("PATH", &path)])
        .expect(1, &["AADSTS50076", "second factor"]);
}

#[test]
fn a_program_that_never_answers_is_not_waited_for() {
    let world = World::new();
    with_credential(&world, "azure-cli");
    world.repo.write("bin/az", "#!/bin/sh\nexec sleep 600\n");
    fs::set_permissions(world.repo.path("bin/az"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", world.repo.path("bin").display());
    world
        .run_with(&["fetch", "--budget", "1s"], &[("PATH", &path)])
        .expect(1, &["within the time"]);
}

#[test]
fn a_file_that_is_no_secret_is_not_sent() {
    let world = World::new();
    with_credential(&world, "{ secret_file: key }");
    world
        .repo
        .write("key", fs::read(crate::harness::key("alice")).unwrap());
    world.run(&["fetch"]).expect(1, &["holds no secret"]);
    world.repo.replace(
        "connguard.yaml",
        "{ secret_file: key }",
        "{ secret_env: CONNGUARD_HISTORY_KEY }",
    );
    world
        .run(&["fetch"])
        .expect(1, &["none of connguard's own"]);
    assert!(world.emulator.requests().is_empty());
}
