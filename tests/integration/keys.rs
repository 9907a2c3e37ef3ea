//! Kinds of keys and ways to hold a role: certificates, hardware keys, delegation, the emergency role, and every flipped bit.

use crate::harness::{NOW, Repo, Run, project};
use connguard::trust::{Duty, Known, SignedFile, Trust};
use signature::Signer as _;
use ssh_key::public::{KeyData, SkEcdsaSha2NistP256, SkEd25519};
use ssh_key::sha2::{Digest as _, Sha256};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, Signature, SshSig};
use std::fs;
use std::process::{Command, Stdio};

fn public(person: &str) -> String {
    fs::read_to_string(project().join(format!("tests/keys/{person}.pub"))).unwrap()
}

fn resign_root(repo: &Repo) {
    repo.sign("connguard-root", "trust/root.yaml", &["alice", "bob"]);
}

#[track_caller]
fn check(repo: &Repo, code: i32, words: &[&str]) -> Run {
    repo.check_with(&["--tenant", "contoso"])
        .expect(code, words)
}

fn ssh_keygen(repo: &Repo, arguments: &[&str]) -> bool {
    let done = Command::new("ssh-keygen")
        .args(arguments)
        .current_dir(repo.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    done.status.success()
}

/// A key, and a certificate for it by an authority, made by the real `ssh-keygen`.
fn certified(repo: &Repo, name: &str, authority: &str, options: &[&str]) {
    if !repo.path(authority).exists() {
        assert!(ssh_keygen(
            repo,
            &["-q", "-t", "ed25519", "-N", "", "-f", authority]
        ));
    }
    assert!(ssh_keygen(
        repo,
        &["-q", "-t", "ed25519", "-N", "", "-f", name]
    ));
    let mut arguments = vec!["-q", "-s", authority, "-I", "id"];
    arguments.extend(options);
    let file = format!("{name}.pub");
    arguments.push(&file);
    assert!(ssh_keygen(repo, &arguments));
}

fn sign_with(repo: &Repo, key: &str, person: &str) {
    let document = "baselines/contoso.yaml";
    let _ = fs::remove_file(repo.path("baselines/contoso.yaml.sig"));
    assert!(ssh_keygen(
        repo,
        &[
            "-q",
            "-Y",
            "sign",
            "-n",
            "connguard-baseline",
            "-f",
            key,
            document
        ]
    ));
    fs::rename(
        repo.path("baselines/contoso.yaml.sig"),
        repo.path(&format!("baselines/contoso.sigs/{person}@contoso.com.sig")),
    )
    .unwrap();
}

#[test]
fn a_certificate_counts_for_the_person_it_names() {
    for (options, code, words) in [
        (
            &["-n", "carol@contoso.com", "-V", "20200101:20990101"][..],
            0,
            "carol@contoso.com",
        ),
        (
            &[
                "-n",
                "carol@contoso.com,bob@contoso.com",
                "-V",
                "20200101:20990101",
            ],
            3,
            "and nobody else",
        ),
        (
            &["-n", "dave@contoso.com", "-V", "20200101:20990101"],
            3,
            "may not vouch for [\"dave@contoso.com\"]",
        ),
        (&["-V", "20200101:20990101"], 3, "may not vouch for []"),
        (
            &["-h", "-n", "carol@contoso.com", "-V", "20200101:20990101"],
            3,
            "it is a host's",
        ),
        (
            &["-n", "carol@contoso.com", "-V", "20200101:20210101"],
            3,
            "not valid at this time",
        ),
        (
            &[
                "-n",
                "carol@contoso.com",
                "-V",
                "20200101:20990101",
                "-O",
                "force-command=true",
            ],
            3,
            "critical option \"force-command\"",
        ),
    ] {
        let repo = Repo::example();
        certified(&repo, "user", "authority", options);
        let authority = repo.read("authority.pub");
        repo.with_signers(&format!(
            "alice@contoso.com {}bob@contoso.com {}carol@contoso.com cert-authority {authority}",
            public("alice"),
            public("bob")
        ));
        repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
        sign_with(&repo, "user-cert.pub", "carol");
        check(&repo, code, &[words]);
        // Whatever was certified, another document it was not.
        repo.write(
            "baselines/contoso.yaml",
            repo.read("baselines/contoso.yaml") + "\n",
        );
        check(&repo, 3, &["0 of 2"]);
    }
}

#[test]
fn certificates_of_other_authorities_and_kinds() {
    // An RSA authority certifies, with SHA-2; one that nobody named does not.
    let repo = Repo::example();
    assert!(ssh_keygen(
        &repo,
        &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "authority"]
    ));
    certified(
        &repo,
        "user",
        "authority",
        &[
            "-t",
            "rsa-sha2-512",
            "-n",
            "carol@contoso.com",
            "-V",
            "20200101:20990101",
        ],
    );
    let authority = repo.read("authority.pub");
    repo.with_signers(&format!(
        "alice@contoso.com {}bob@contoso.com {}carol@contoso.com cert-authority {authority}",
        public("alice"),
        public("bob")
    ));
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
    sign_with(&repo, "user-cert.pub", "carol");
    check(&repo, 0, &["carol@contoso.com"]);
    certified(
        &repo,
        "other",
        "stranger",
        &["-n", "carol@contoso.com", "-V", "20200101:20990101"],
    );
    sign_with(&repo, "other-cert.pub", "carol");
    check(&repo, 3, &["may not vouch for"]);
}

#[test]
fn an_authority_counts_once_however_many_it_vouches_for() {
    let repo = Repo::example();
    for person in ["bob", "carol"] {
        certified(
            &repo,
            &format!("{person}-key"),
            "authority",
            &[
                "-n",
                &format!("{person}@contoso.com"),
                "-V",
                "20200101:20990101",
            ],
        );
    }
    let authority = repo.read("authority.pub");
    repo.with_signers(&format!(
            "alice@contoso.com {}bob@contoso.com {}bob@contoso.com cert-authority {authority}carol@contoso.com cert-authority {authority}",
            public("alice"),
            public("bob")
        ),
    );
    fs::remove_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    fs::create_dir_all(repo.path("baselines/contoso.sigs")).unwrap();
    sign_with(&repo, "bob-key-cert.pub", "bob");
    sign_with(&repo, "carol-key-cert.pub", "carol");
    check(
        &repo,
        3,
        &[
            "1 of 2",
            "vouches for another signer already, and counts once",
        ],
    );
    // With a key of his own Bob does not need it, whatever else he signed with.
    let own = PrivateKey::read_openssh_file(project().join("tests/keys/bob")).unwrap();
    let bytes = fs::read(repo.path("baselines/contoso.yaml")).unwrap();
    let armored = own
        .sign("connguard-baseline", HashAlg::Sha512, &bytes)
        .unwrap()
        .to_pem(LineEnding::LF)
        .unwrap();
    repo.write("baselines/contoso.sigs/second.sig", armored);
    check(&repo, 0, &["bob@contoso.com, carol@contoso.com"]);
    // An authority cannot sign as a person beside that.
    repo.with_signers(&format!(
        "alice@contoso.com {}bob@contoso.com {}carol@contoso.com cert-authority {}",
        public("alice"),
        public("bob"),
        public("bob")
    ));
    check(&repo, 3, &["both as a person's and as an authority's"]);
}

#[test]
fn names_that_look_alike_are_one() {
    for (name, words) in [
        ("\u{0430}lice@contoso.com", "not exactly one principal"),
        ("a1ice@contoso.com", "cannot be told apart"),
        ("Alice@contoso.com", "cannot be told apart"),
        ("../alice", "not exactly one principal"),
    ] {
        let repo = Repo::example();
        repo.with_signers(&format!(
            "alice@contoso.com {}{name} {}carol@contoso.com {}",
            public("alice"),
            public("bob"),
            public("carol")
        ));
        check(&repo, 3, &[words]);
    }
}

/// A hardware key as a token makes signatures: over its flags and counter as well.
fn token_signature(kind: &str, bytes: &[u8], flags: u8) -> (PublicKey, String) {
    let seed = match kind {
        "ed25519" => PrivateKey::read_openssh_file(project().join("tests/keys/carol")).unwrap(),
        _ => {
            let folder = Repo::empty();
            assert!(ssh_keygen(
                &folder,
                &["-q", "-t", "ecdsa", "-b", "256", "-N", "", "-f", "key"]
            ));
            PrivateKey::read_openssh_file(folder.path("key")).unwrap()
        }
    };
    let (key, algorithm) = match seed.public_key().key_data() {
        KeyData::Ed25519(key) => (
            KeyData::SkEd25519(SkEd25519::new(*key, "ssh:")),
            Algorithm::SkEd25519,
        ),
        KeyData::Ecdsa(ssh_key::public::EcdsaPublicKey::NistP256(point)) => (
            KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(*point, "ssh:")),
            Algorithm::SkEcdsaSha2NistP256,
        ),
        other => panic!("{other:?}"),
    };
    let signed = SshSig::signed_data("connguard-baseline", HashAlg::Sha512, bytes).unwrap();
    let trailer = [flags, 0, 0, 0, 7];
    let mut data = Sha256::digest("ssh:").to_vec();
    data.extend(trailer);
    data.extend(Sha256::digest(&signed));
    let by_token: Signature = seed.key_data().try_sign(&data).unwrap();
    let mut raw = by_token.as_bytes().to_vec();
    raw.extend(trailer);
    let signature = Signature::new(algorithm, raw).unwrap();
    let armored = SshSig::new(
        key.clone(),
        "connguard-baseline",
        HashAlg::Sha512,
        signature,
    )
    .unwrap()
    .to_pem(LineEnding::LF)
    .unwrap();
    (PublicKey::from(key), armored)
}

#[test]
fn a_hardware_key_must_be_touched() {
    for kind in ["ed25519", "ecdsa"] {
        for (flags, touch, code, words) in [
            (1, "", 0, "carol@contoso.com"),
            (5, "", 0, "carol@contoso.com"),
            (0, "", 3, "without being touched"),
            (4, "", 3, "without being touched"),
            (0, "touch: optional\n", 0, "carol@contoso.com"),
        ] {
            let repo = Repo::example();
            let bytes = fs::read(repo.path("baselines/contoso.yaml")).unwrap();
            let (key, armored) = token_signature(kind, &bytes, flags);
            repo.with_signers(&format!(
                "alice@contoso.com {}bob@contoso.com {}carol@contoso.com {}\n",
                public("alice"),
                public("bob"),
                key.to_openssh().unwrap()
            ));
            repo.replace("trust/root.yaml", "roles:\n", &format!("{touch}roles:\n"));
            resign_root(&repo);
            repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
            repo.write("baselines/contoso.sigs/carol@contoso.com.sig", &armored);
            check(&repo, code, &[words]);
            // The real ssh-keygen takes it, touched or not: that is ours to look at.
            let verified = Command::new("ssh-keygen")
                .args([
                    "-Y",
                    "verify",
                    "-f",
                    "trust/allowed_signers",
                    "-I",
                    "carol@contoso.com",
                    "-n",
                    "connguard-baseline",
                    "-s",
                    "baselines/contoso.sigs/carol@contoso.com.sig",
                ])
                .current_dir(repo.path(""))
                .stdin(fs::File::open(repo.path("baselines/contoso.yaml")).unwrap())
                .output()
                .unwrap();
            assert!(
                verified.status.success(),
                "{kind} {flags}: {}",
                String::from_utf8_lossy(&verified.stderr)
            );
        }
    }
}

#[test]
fn baselines_can_be_delegated_by_tenant() {
    let repo = Repo::example();
    repo.replace(
        "trust/root.yaml",
        "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }",
        "  baseline:\n    - { tenants: [\"fab*\"], threshold: 1, principals: [carol@contoso.com] }\n    - { tenants: [\"con*\"], threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }",
    );
    resign_root(&repo);
    check(&repo, 0, &[]);
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "carol"],
    );
    check(
        &repo,
        3,
        &[
            "carol@contoso.com does not hold the baseline role",
            "could sign: bob@contoso.com",
        ],
    );
    repo.replace("trust/root.yaml", "[\"con*\"]", "[\"nobody\"]");
    resign_root(&repo);
    check(&repo, 3, &["gives nobody the baseline role"]);
    // The highest threshold of all is what root and policy are measured by.
    repo.replace(
        "trust/root.yaml",
        "threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }",
        "threshold: 3, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }",
    );
    resign_root(&repo);
    check(&repo, 3, &["the lower one would cancel the higher"]);
}

#[test]
fn an_emergency_is_short_and_never_unseen() {
    let repo = Repo::example();
    repo.replace("trust/root.yaml", "roles:\n", "roles:\n  emergency: { threshold: 1, max_validity: 7d, principals: [carol@contoso.com] }\n");
    resign_root(&repo);
    repo.replace(
        "baselines/contoso.yaml",
        "expires: 2099-12-31T00:00:00Z",
        "expires: 2026-11-24T09:00:00Z",
    );
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["carol"]);
    check(
        &repo,
        12,
        &["baseline-emergency", "carol@contoso.com approved it alone"],
    );
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
    check(&repo, 3, &["1 of 2"]);
    repo.replace(
        "baselines/contoso.yaml",
        "expires: 2026-11-24T09:00:00Z",
        "expires: 2027-01-24T09:00:00Z",
    );
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["carol"]);
    check(
        &repo,
        3,
        &["asks to count for 67d, where the root allows 7d"],
    );
}

#[test]
fn a_removed_signer_counts_no_more() {
    let repo = Repo::example();
    repo.sign(
        "connguard-baseline",
        "baselines/contoso.yaml",
        &["alice", "carol"],
    );
    check(&repo, 0, &[]);
    repo.replace("trust/root.yaml", "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com, carol@contoso.com] }", "  baseline: { threshold: 2, principals: [alice@contoso.com, bob@contoso.com] }");
    resign_root(&repo);
    check(
        &repo,
        3,
        &["carol@contoso.com does not hold the baseline role"],
    );
    let repo = Repo::example();
    repo.write(
        "baselines/contoso.sigs/bob@contoso.com.sig",
        "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n",
    );
    check(&repo, 3, &["is not an OpenSSH signature"]);
    let repo = Repo::example();
    let path = "baselines/contoso.sigs/bob@contoso.com.sig";
    repo.write(path, repo.read(path) + "trailing\n");
    check(&repo, 3, &["is not an OpenSSH signature"]);
}

/// Every bit of every file that trust rests on: refused, or the same people by the same bytes.
#[test]
fn every_flipped_bit_is_refused_or_harmless() {
    let repo = Repo::example();
    let now = NOW.parse().unwrap();
    let folder = repo.path("");
    let trust = Trust::open(&folder, Known::default(), now).unwrap();
    let path = "baselines/contoso.yaml";
    let whole = SignedFile::load(&folder, path).unwrap();
    let flip = |bytes: &mut Vec<u8>, bit: usize| bytes[bit / 8] ^= 1 << (bit % 8);
    for bit in 0..whole.bytes.len() * 8 {
        let mut file = whole.clone();
        flip(&mut file.bytes, bit);
        assert!(
            trust.verify(Duty::Baseline("contoso"), &file).is_err(),
            "bit {bit} of {path}"
        );
    }
    for index in 0..whole.signatures.len() {
        for bit in 0..whole.signatures[index].bytes.len() * 8 {
            let mut file = whole.clone();
            flip(&mut file.signatures[index].bytes, bit);
            if let Ok(signers) = trust.verify(Duty::Baseline("contoso"), &file) {
                assert_eq!(
                    signers.len(),
                    2,
                    "bit {bit} of {}",
                    file.signatures[index].path
                );
            }
        }
    }
    for path in ["trust/root.yaml", "trust/allowed_signers"] {
        let bytes = fs::read(repo.path(path)).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            flip(&mut changed, bit);
            repo.write(path, &changed);
            assert!(
                Trust::open(&folder, Known::default(), now).is_err(),
                "bit {bit} of {path}"
            );
        }
        repo.write(path, &bytes);
    }
}

/// What git is configured to do in a repository is not done when earlier versions are looked up.
#[test]
fn a_hostile_git_configuration_runs_nothing() {
    let repo = Repo::example();
    repo.commit();
    let touch = "touch ran-it";
    for (key, value) in [
        ("core.fsmonitor", touch),
        ("core.pager", touch),
        ("diff.external", touch),
        ("core.sshCommand", touch),
        ("core.hooksPath", "hooks"),
        ("filter.x.smudge", touch),
        ("filter.x.clean", touch),
        ("include.path", "/proc/self/environ"),
    ] {
        repo.git(&["config", key, value]);
    }
    repo.write(".gitattributes", "* filter=x diff=x\n");
    let before = connguard::digest::Digest::of(repo.read("baselines/contoso.yaml").as_bytes());
    repo.replace(
        "baselines/contoso.yaml",
        "version: 1\n",
        &format!("version: 2\nprevious: {before}\n"),
    );
    repo.replace(
        "baselines/contoso.yaml",
        "RequireTls: true",
        "RequireTls: false",
    );
    repo.run(&["baseline", "show", "contoso", "--diff", "--now", NOW])
        .expect(3, &["RequireTls TLS no longer required"]);
    assert!(!repo.path("ran-it").exists());
}

#[test]
fn rsa_with_sha_1_is_refused() {
    let repo = Repo::example();
    assert!(ssh_keygen(
        &repo,
        &["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", "user"]
    ));
    let own = repo.read("user.pub");
    repo.with_signers(&format!(
        "alice@contoso.com {}bob@contoso.com {}carol@contoso.com {own}",
        public("alice"),
        public("bob")
    ));
    repo.sign("connguard-baseline", "baselines/contoso.yaml", &["alice"]);
    sign_with(&repo, "user", "carol");
    check(&repo, 0, &["carol@contoso.com"]);
    // The same signature that says it was made with SHA-1, as old tools and agents without a flag do.
    let path = "baselines/contoso.sigs/carol@contoso.com.sig";
    let good = SshSig::from_pem(repo.read(path)).unwrap();
    let old = Signature::new(
        Algorithm::Rsa { hash: None },
        good.signature_bytes().to_vec(),
    )
    .unwrap();
    let relabelled = SshSig::new(
        good.public_key().clone(),
        "connguard-baseline",
        HashAlg::Sha512,
        old,
    );
    let armored = relabelled.unwrap().to_pem(LineEnding::LF).unwrap();
    repo.write(path, armored);
    check(&repo, 3, &["RSA with SHA-1"]);
}
