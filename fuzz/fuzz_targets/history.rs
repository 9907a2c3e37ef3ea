//! What a history's repository holds: commits, folders, messages and files, whoever wrote them.
#![no_main]

use connguard::git::{Commit, Tree, differing};
use connguard::history::{Run, place};
use connguard::snapshot::stored;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(commit) = Commit::parse(bytes) {
        // What was signed is what is left without the signature, and is a commit itself.
        if commit.signature.is_some() {
            assert!(Commit::parse(&commit.signed).is_ok_and(|again| again.signature.is_none()));
        }
        if let Ok(run) = Run::parse(&commit.message) {
            let again = Run::parse(&run.message("title", "")).map(|again| again.taken_at);
            assert_eq!(again, Ok(run.taken_at));
        }
    }
    let tree = Tree::new(bytes.to_vec());
    let whole = differing(&Tree::empty(), &tree).is_some();
    let length: usize = tree.entries().map(|(name, entry)| format!("{:o}", entry.mode).len() + name.len() + 22).sum();
    assert!(!whole || length <= bytes.len());
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = Run::parse(text);
    let _ = stored::read_snapshot(text);
    let _ = stored::read_accepted_domains(text);
    let _ = stored::read_blocked_connectors(text);
    let _ = place::of_document(text);
    if let Ok(record) = stored::read_connector("x.json", text) {
        // Its file has a safe name, and holds what was read.
        assert!(place::is_connector_file(&stored::file_name(&record.connector)));
        let again = stored::read_connector("x.json", &stored::connector_file(&record.connector));
        assert_eq!(again.map(|again| again.connector.settings), Ok(record.connector.settings));
    }
});
