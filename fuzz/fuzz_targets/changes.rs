#![no_main]
//! Changes that somebody proposes and plans that somebody hands over: no input makes the program panic,
//! and what is written as PowerShell from a plan is ASCII.

use connguard::change::cmdlet;
use connguard::document::Source;
use connguard::plan::wire;
use connguard::report::earlier::EarlierReport;
use connguard::report::plan::{PlanFormat, render};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = cmdlet::read(Source { path: "x", text });
    let _ = EarlierReport::read(text);
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    for plan in wire::read_all(text).unwrap_or_default() {
        assert!(render(&[&plan], PlanFormat::Powershell, now).is_ascii());
        let _ = render(&[&plan], PlanFormat::Human, now);
        let _ = render(&[&plan], PlanFormat::Markdown, now);
    }
});
