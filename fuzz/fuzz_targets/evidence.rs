//! Files of evidence: any bytes, recognised as anything; no panic, no row counted twice, and what is kept is bounded.
#![no_main]

use connguard::evidence::traffic::{Approved, Route, Routes};
use connguard::evidence::{File, Form, Progress, read_configuration, read_logs, read_mail, survey};
use connguard::connector::address::AddressSet;
use connguard::finding::Subject;
use connguard::investigation::attribution::attribute;
use libfuzzer_sys::fuzz_target;
use std::io::{self, Read};

struct Bytes<'b>(&'b [u8]);

impl File for Bytes<'_> {
    fn path(&self) -> &str {
        "evidence"
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.0))
    }
}

fuzz_target!(|bytes: &[u8]| {
    let file = Bytes(bytes);
    let Ok(found) = survey(&[&file]) else { return };
    let _ = read_configuration(&found);
    let progress = Progress(&|_| ());
    if let Ok((log, _)) = read_logs(&found, &progress) {
        let _ = attribute(&[], &log);
    }
    let routes = Routes {
        routes: vec![Route {
            connector: Subject { id: None, name: "Relay".to_owned() },
            names: vec!["relay".to_owned()],
            addresses: AddressSet::from_entries(["203.0.113.0/24"]),
            approved: Approved::Unknown,
            on_premises: true,
        }],
        domains: Some(Vec::new()),
    };
    if let Ok((traffic, files)) = read_mail(&found, &routes, &progress) {
        let aggregate = |form: Form| matches!(form, Form::Hunted | Form::HuntedCsv);
        if files.iter().all(|file| !aggregate(file.form)) {
            let counted: u64 = traffic.hours.iter().flat_map(|hours| hours.values()).map(|cell| cell.mails).sum();
            assert!(counted <= traffic.rows);
        }
    }
});
