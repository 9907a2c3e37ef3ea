//! Documents of an audit repository: the first byte says which kind.
#![no_main]

use connguard::baseline::Approved;
use connguard::document::Source;
use connguard::policy::document::Document;
use connguard::policy::rule::Rule;
use connguard::trust::root::Root;
use connguard::trust::{Memory, manifest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let source = Source { path: "policies/fuzz.yaml", text };
    let problems = match kind % 6 {
        0 => Root::parse(source).err(),
        1 => Document::parse(source, &["tls-not-required"]).err(),
        2 => Rule::parse(source, false).map(|rule| rule.test()).err(),
        3 => Approved::parse(source).err(),
        4 => manifest::parse(source).err(),
        _ => {
            if let Ok(memory) = Memory::parse(text) {
                assert!(Memory::parse(&memory.to_text()).is_ok());
            }
            None
        }
    };
    if let Some(problems) = problems {
        assert!(problems.iter().count() > 0);
        for problem in problems.iter() {
            if let Some(location) = &problem.location {
                assert!(location.line >= 1 && location.line <= text.lines().count() + 1);
            }
        }
    }
});
