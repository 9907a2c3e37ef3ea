//! What the service, or whatever answers in its place, may answer: any bytes, and no panic.
#![no_main]

use connguard::exchange::answer::worth;
use connguard::exchange::claims::Claims;
use connguard::exchange::http::{Reply, Worth};
use connguard::exchange::refusal;
use libfuzzer_sys::fuzz_target;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, body)) = bytes.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(body);
    let _ = Claims::of(&text);
    let _ = refusal::known(&text);
    let status = [200, 400, 403, 500][usize::from(first % 4)];
    let json = HeaderValue::from_static("application/json");
    let reply = Reply {
        status,
        headers: HeaderMap::from_iter([(CONTENT_TYPE, json)]),
        body: body.to_vec(),
        request: "0f3c8a1e-0000-4000-8000-000000000001".to_owned(),
    };
    let lists = first & 4 == 0;
    if let Worth::Good(page) = worth("Get-InboundConnector", lists, reply) {
        // Only a list that is one is an answer, and every row of it is JSON.
        assert_eq!(status, 200);
        assert!(page.rows.iter().all(|row| serde_json::from_str::<serde_json::Value>(row).is_ok()));
    }
});
