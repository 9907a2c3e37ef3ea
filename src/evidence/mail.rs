//! Traces of any size, counted as they pass: threads take turns in reading and cutting, and count side by side.

use super::date::{Clock, Order};
use super::file::{FileReport, Found, Rejected};
use super::form::Form;
use super::rows::{Block, Cut, csv::Csv, json::Json};
use super::trace::{self, Columns, Field, Mail};
use super::traffic::{Collector, Recipients, Routes, Traffic, read_hunted};
use crate::parallel::processors;
use foldhash::fast::FixedState;
use hashbrown::HashSet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::hash::BuildHasher as _;
use std::io;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};

/// What one answer of a trace holds at most.
const LIMITS: [u64; 3] = [1000, 5000, 100_000];

/// Up to so many bytes of traces every row is remembered, so that one that stands in two files counts once.
pub const DEDUPLICATED: u64 = 512 << 20;

/// How far reading is.
pub struct Progress<'p>(pub &'p (dyn Fn(usize) + Sync));

impl Progress<'_> {
    /// So many bytes more were read.
    pub fn read(&self, bytes: usize) {
        (self.0)(bytes);
    }
}

/// Rows that were counted, by digest, in parts that threads hold one at a time.
struct Seen {
    parts: Vec<Mutex<HashSet<u64, FixedState>>>,
    digests: FixedState,
}

impl Seen {
    fn new() -> Self {
        let part = || Mutex::new(HashSet::with_hasher(FixedState::with_seed(0)));
        Self {
            parts: (0..16).map(|_| part()).collect(),
            digests: FixedState::with_seed(0xD0_0B1E),
        }
    }

    /// Whether this is the first time that a row is seen.
    fn is_new(&self, mail: &Mail<'_>) -> bool {
        if mail.id.is_empty() {
            return true;
        }
        let row = (
            mail.id,
            mail.recipient,
            mail.seconds,
            mail.sender,
            mail.from_ip,
            mail.fate.map(|fate| fate as u8),
            mail.part,
        );
        let digest = self.digests.hash_one(row);
        let part = usize::try_from(digest >> 60).unwrap_or_default();
        self.parts.get(part).is_none_or(|part| {
            let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
            part.insert(digest)
        })
    }
}

/// What all threads and files have in common.
#[derive(Clone, Copy)]
struct Shared<'c> {
    routes: &'c Routes,
    recipients: &'c Recipients,
    seen: Option<&'c Seen>,
}

/// What a thread counts.
struct Counting<'c> {
    collector: Collector<'c>,
    seen: Option<&'c Seen>,
    rows: u64,
    duplicates: u64,
    rejected: Rejected,
    first: Option<i64>,
    last: Option<i64>,
}

impl Counting<'_> {
    fn add(&mut self, mail: &Mail<'_>) {
        self.first = Some(self.first.map_or(mail.seconds, |own| own.min(mail.seconds)));
        self.last = Some(self.last.map_or(mail.seconds, |own| own.max(mail.seconds)));
        if self.seen.is_some_and(|seen| !seen.is_new(mail)) {
            self.duplicates += 1;
        } else {
            self.collector.add(mail);
        }
    }
}

/// The blocks of a file, one after another: whoever counts the next one reads and cuts it.
struct Blocks<'f> {
    /// The one that was looked at before.
    first: Option<Block>,
    cut: Box<dyn Cut + Send + 'f>,
    progress: &'f Progress<'f>,
}

impl Blocks<'_> {
    fn next(&mut self, room: Block) -> io::Result<Option<Block>> {
        let block = match self.first.take() {
            Some(first) => Some(first),
            None => self.cut.next(room)?,
        };
        self.progress
            .read(block.as_ref().map_or(0, |block| block.read));
        Ok(block)
    }
}

/// How blocks of a file are read.
enum Reading {
    Table(Box<Columns>, Option<Order>),
    Json,
}

/// Counts the mail of every trace.
///
/// # Errors
///
/// The file that cannot be read, and why.
pub fn read_mail(
    found: &[Found<'_>],
    routes: &Routes,
    progress: &Progress<'_>,
) -> Result<(Traffic, Vec<FileReport>), (String, io::Error)> {
    let traces: Vec<&Found<'_>> = found.iter().filter(|own| own.form.is_mail()).collect();
    let bytes: u64 = traces.iter().map(|own| own.file.size()).sum();
    let seen = (bytes <= DEDUPLICATED).then(Seen::new);
    let recipients = Recipients::default();
    let mut traffic = Traffic::default();
    let mut hunted = Traffic::default();
    let mut files = Vec::new();
    let mut covered: Option<(i64, i64)> = None;
    for own in traces {
        let failed = |error| (own.file.path().to_owned(), error);
        let mut report = own.report();
        if matches!(own.form, Form::Hunted | Form::HuntedCsv) {
            aggregate(own, routes, &mut hunted, &mut report).map_err(failed)?;
        } else {
            let shared = Shared {
                routes,
                recipients: &recipients,
                seen: seen.as_ref(),
            };
            traffic.merge(rows(own, shared, progress, &mut report).map_err(failed)?);
            if own.file.covers().is_none() {
                report.doubt_limits(&LIMITS);
            }
        }
        if let Some((from, to)) = own.file.covers() {
            let hours = (
                from.as_second().div_euclid(3600),
                to.as_second().div_euclid(3600),
            );
            covered = Some(covered.map_or(hours, |own: (i64, i64)| {
                (own.0.min(hours.0), own.1.max(hours.1))
            }));
        }
        files.push(report);
    }
    traffic.contact(&recipients);
    // What a service counted where the mail is is the same mail: of each hour the larger count is the fuller one.
    traffic.widen(hunted);
    // A time that was asked for is covered, whether there was mail in it or not.
    if let Some(hours) = covered {
        traffic.cover(hours);
    }
    Ok((traffic, files))
}

fn rows(
    found: &Found<'_>,
    shared: Shared<'_>,
    progress: &Progress<'_>,
    report: &mut FileReport,
) -> io::Result<Traffic> {
    let text = found.text()?;
    let (cut, reading, first): (Box<dyn Cut + Send>, Reading, Option<Block>) = match found.form {
        Form::TraceCsv => {
            let (names, mut csv) = Csv::open(text)?;
            let columns = Columns::of(names.iter().map(String::as_str));
            let mut first = csv.next(Block::default())?;
            if let Some(first) = &mut first {
                first.split();
            }
            let order = first.as_ref().and_then(|block| order(block, &columns));
            (
                Box::new(csv),
                Reading::Table(Box::new(columns), order),
                first,
            )
        }
        _ => (Box::new(Json::open(text)), Reading::Json, None),
    };
    let blocks = Mutex::new(Blocks {
        first,
        cut,
        progress,
    });
    let counted: io::Result<Vec<Counting<'_>>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..processors().min(8))
            .map(|_| scope.spawn(|| count(&blocks, &reading, shared)))
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    let counted = counted?;
    let blocks = blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.doubts.extend(blocks.cut.doubts());
    let mut collectors = Vec::new();
    for own in counted {
        report.rows += own.rows;
        report.duplicates += own.duplicates;
        report.rejected.merge(own.rejected);
        for seconds in [own.first, own.last].into_iter().flatten() {
            report.saw(seconds);
        }
        collectors.push(own.collector);
    }
    Ok(Collector::finish(collectors))
}

/// The order of day and month, by the first rows.
fn order(block: &Block, columns: &Columns) -> Option<Order> {
    let place = columns.place(Field::Time)?;
    Order::of(block.table().filter_map(|row| row.get(place)))
}

fn count<'c>(
    blocks: &Mutex<Blocks<'_>>,
    reading: &Reading,
    shared: Shared<'c>,
) -> io::Result<Counting<'c>> {
    let mut counting = Counting {
        collector: Collector::new(shared.routes, shared.recipients),
        seen: shared.seen,
        rows: 0,
        duplicates: 0,
        rejected: Rejected::default(),
        first: None,
        last: None,
    };
    let mut clock = Clock::new(match reading {
        Reading::Table(_, order) => *order,
        Reading::Json => None,
    });
    let mut room = Block::default();
    loop {
        let next = blocks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next(room);
        let Some(mut block) = next? else {
            return Ok(counting);
        };
        block.split();
        match reading {
            Reading::Table(columns, _) => table(&block, columns, &mut clock, &mut counting),
            Reading::Json => objects(&block, &mut clock, &mut counting),
        }
        room = block;
    }
}

fn table(block: &Block, columns: &Columns, clock: &mut Clock, counting: &mut Counting<'_>) {
    for row in block.table() {
        counting.rows += 1;
        let read = trace::read_table(&row, columns, clock, |mail| counting.add(&mail));
        if let Err(reject) = read {
            counting
                .rejected
                .note(block.line_at(row.begin), reject.words());
        }
    }
}

fn objects(block: &Block, clock: &mut Clock, counting: &mut Counting<'_>) {
    for (row, offset) in block.rows() {
        if row == b"null" {
            continue;
        }
        counting.rows += 1;
        let read = trace::read_json(row, clock, |mail| counting.add(&mail));
        if let Err(reject) = read {
            counting
                .rejected
                .note(block.line_at(offset), reject.words());
        }
    }
}

fn aggregate(
    found: &Found<'_>,
    routes: &Routes,
    traffic: &mut Traffic,
    report: &mut FileReport,
) -> io::Result<()> {
    let mut clock = Clock::new(None);
    if traffic.hours.is_empty() {
        traffic.hours = vec![BTreeMap::new(); routes.routes.len() + 1];
    }
    if found.form == Form::HuntedCsv {
        return aggregate_table(found, routes, traffic, report);
    }
    let mut json = Json::open(found.text()?);
    json.each(|block| {
        for (row, offset) in block.rows() {
            report.rows += 1;
            match read_hunted(row, &mut clock, routes, traffic) {
                Ok(seconds) => report.saw(seconds),
                Err(reject) => report.rejected.note(block.line_at(offset), reject.words()),
            }
        }
        Ok(())
    })?;
    report.doubts.extend(json.doubts());
    report.doubt_limits(&[100_000]);
    Ok(())
}

/// The same as a portal exports it.
fn aggregate_table(
    found: &Found<'_>,
    routes: &Routes,
    traffic: &mut Traffic,
    report: &mut FileReport,
) -> io::Result<()> {
    let (names, mut csv) = Csv::open(found.text()?)?;
    let mut clock = Clock::new(None);
    csv.each(|block| {
        for record in block.table() {
            report.rows += 1;
            let fields = names.iter().zip(record.iter()).map(|(name, field)| {
                let field = String::from_utf8_lossy(field).into_owned();
                let is_text = matches!(name.as_str(), "Hour" | "Connector");
                let number = field.parse::<u64>().ok().filter(|_| !is_text);
                (
                    name.clone(),
                    number.map_or_else(|| Value::from(field), Value::from),
                )
            });
            let row = Value::Object(fields.collect()).to_string();
            match read_hunted(row.as_bytes(), &mut clock, routes, traffic) {
                Ok(seconds) => report.saw(seconds),
                Err(reject) => {
                    let line = block.line_at(record.begin);
                    report.rejected.note(line, reject.words());
                }
            }
        }
        Ok(())
    })?;
    report.doubts.extend(csv.doubts());
    report.doubt_limits(&[100_000]);
    Ok(())
}
