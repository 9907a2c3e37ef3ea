//! Exported files are the most foreign bytes there are: any of them, and no panic.
#![no_main]

use connguard::source::export;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(export) = export::read("fuzz.json", bytes) {
        let snapshot = export.snapshot;
        // What was read is written in one way, and connectors have names.
        assert_eq!(snapshot.canonical(), snapshot.canonical());
        assert!(snapshot.connectors().all(|connector| !connector.name.is_empty()));
    }
});
