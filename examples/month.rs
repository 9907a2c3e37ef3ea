//! Writes a month of exports of one organization into a folder, to make a history from:
//! `cargo run --example month -- FOLDER`, then `connguard snapshot --from FILE --now TIME` for each.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code,
    reason = "a tool for people who try the history out"
)]

#[path = "../tests/generator/mod.rs"]
mod generator;

fn main() {
    let folder = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "month".to_owned());
    std::fs::create_dir_all(&folder).unwrap();
    for (day, export) in generator::month() {
        let path = format!("{folder}/{:02}.json", day + 1);
        std::fs::write(&path, serde_json::to_string_pretty(&export).unwrap()).unwrap();
        println!("{path} {}", export["taken_at"].as_str().unwrap());
    }
}
