//! Which settings of a repository's own configuration are let pass.
//!
//! Git can be made to run almost anything by its configuration. Ours runs
//! nothing, but `--push` runs git; so what a repository sets for itself must be
//! known to be harmless. What the user or the machine sets is theirs.

use git2::{Config, ConfigLevel};

/// Sections none of whose keys run anything or lead elsewhere.
const SECTIONS: [&str; 16] = [
    "advice",
    "author",
    "branch",
    "color",
    "committer",
    "extensions",
    "gc",
    "index",
    "init",
    "maintenance",
    "pack",
    "push",
    "receive",
    "repack",
    "safe",
    "user",
];

/// Keys of other sections that are let pass.
const KEYS: [&str; 40] = [
    "core.abbrev",
    "core.autocrlf",
    "core.bare",
    "core.bigfilethreshold",
    "core.checkstat",
    "core.commentchar",
    "core.compression",
    "core.deltabasecachelimit",
    "core.eol",
    "core.filemode",
    "core.fscache",
    "core.fsync",
    "core.fsyncmethod",
    "core.hidedotfiles",
    "core.ignorecase",
    "core.logallrefupdates",
    "core.longpaths",
    "core.loosecompression",
    "core.packedgitlimit",
    "core.packedgitwindowsize",
    "core.precomposeunicode",
    "core.preloadindex",
    "core.protecthfs",
    "core.protectntfs",
    "core.quotepath",
    "core.repositoryformatversion",
    "core.safecrlf",
    "core.sharedrepository",
    "core.splitindex",
    "core.symlinks",
    "core.trustctime",
    "core.untrackedcache",
    "credential.username",
    "credential.usehttppath",
    "fetch.fsckobjects",
    "fetch.parallel",
    "fetch.prune",
    "fetch.prunetags",
    "transfer.fsckobjects",
    "transfer.unpacklimit",
];

/// Keys of a server that are let pass: none of them names another one, or asks less of it.
const OF_SERVERS: [&str; 4] = ["extraheader", "lowspeedlimit", "lowspeedtime", "postbuffer"];

/// Keys of a remote that are let pass.
const OF_REMOTES: [&str; 9] = [
    "fetch",
    "mirror",
    "partialclonefilter",
    "promisor",
    "prune",
    "prunetags",
    "push",
    "skipdefaultupdate",
    "tagopt",
];

/// The first setting of the repository's own configuration, files that it includes among them,
/// that is not known to be harmless.
pub fn dangerous_key(config: &Config) -> Result<Option<String>, git2::Error> {
    let mut entries = config.entries(None)?;
    while let Some(entry) = entries.next() {
        let entry = entry?;
        if !matches!(entry.level(), ConfigLevel::Local | ConfigLevel::Worktree) {
            continue;
        }
        let name = String::from_utf8_lossy(entry.name_bytes()).into_owned();
        let value = String::from_utf8_lossy(entry.value_bytes());
        if !is_harmless(&name, &value) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_harmless(name: &str, value: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let (section, rest) = lower.split_once('.').unwrap_or((&lower, ""));
    let key = rest.rsplit('.').next().unwrap_or_default();
    match section {
        // What is included is looked at itself; of conditions, only those on which git and the library agree.
        "include" => true,
        "includeif" => rest.starts_with("gitdir"),
        "remote" => match key {
            "url" | "pushurl" => is_plain_address(value),
            _ => OF_REMOTES.contains(&key),
        },
        "http" => OF_SERVERS.contains(&key),
        _ => SECTIONS.contains(&section) || KEYS.contains(&lower.as_str()),
    }
}

/// `helper::address` has git run a helper; a host that begins with `-` was once taken for an option.
fn is_plain_address(url: &str) -> bool {
    !url.contains("::") && !url.starts_with('-') && !url.contains("://-")
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn what_could_run_something_is_not_harmless() {
        for (name, value, harmless) in [
            ("core.bare", "true", true),
            ("core.fsmonitor", "/tmp/x", false),
            ("core.sshCommand", "x", false),
            ("core.hooksPath", "x", false),
            ("core.worktree", "/", false),
            ("credential.helper", "!x", false),
            ("credential.https://a.example.helper", "!x", false),
            ("remote.origin.url", "https://git.example/x", true),
            ("remote.origin.url", "git@git.example:x", true),
            ("remote.origin.url", "ext::sh -c x", false),
            ("remote.origin.receivepack", "x", false),
            ("remote.origin.vcs", "x", false),
            (
                "url.https://evil.example/.insteadof",
                "https://git.example/",
                false,
            ),
            (
                "http.https://git.example/.extraheader",
                "AUTHORIZATION: x",
                true,
            ),
            ("http.proxy", "http://evil.example", false),
            ("includeif.gitdir:/x/.path", "/y", true),
            ("includeif.onbranch:main.path", "/y", false),
            ("http.sslVerify", "false", false),
            ("http.curloptResolve", "x", false),
            ("fetch.bundleURI", "http://evil.example", false),
            ("includeif.hasconfig:remote.*.url:x.path", "/y", false),
            ("filter.x.clean", "x", false),
            ("gpg.program", "x", false),
            ("alias.push", "!x", false),
            ("protocol.ext.allow", "always", false),
        ] {
            assert_eq!(is_harmless(name, value), harmless, "{name} {value}");
        }
    }
}
