//! How far a run over many tenants got: done, how fast, how many failed.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The bar of a run, if there is one just now.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    bar: Arc<Mutex<Option<ProgressBar>>>,
}

impl Progress {
    /// Begins a bar of so many parts.
    pub fn begin(&self, parts: usize) -> Steps {
        let style = ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {pos}/{len} tenants, {per_sec}, {eta} left{msg}",
        );
        let bar = ProgressBar::new(parts as u64);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        self.shown(bar)
    }

    /// Begins a bar of so many bytes.
    pub fn begin_bytes(&self, bytes: u64) -> Steps {
        let style = ProgressStyle::with_template(
            "{elapsed_precise} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
        );
        let bar = ProgressBar::new(bytes);
        if let Ok(style) = style {
            bar.set_style(style);
        }
        self.shown(bar)
    }

    fn shown(&self, bar: ProgressBar) -> Steps {
        *self.lock() = Some(bar.clone());
        Steps {
            bar: Some(bar),
            failed: AtomicUsize::new(0),
        }
    }

    /// Takes the bar away while a line is written.
    pub fn pause(&self) -> Paused<'_> {
        let bar = self.lock();
        if let Some(bar) = &*bar {
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
        Paused(bar)
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// While this is held no bar is drawn.
pub(crate) struct Paused<'p>(MutexGuard<'p, Option<ProgressBar>>);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        if let Some(bar) = self.0.as_ref().filter(|bar| !bar.is_finished()) {
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
    }
}

/// The parts of one run.
#[derive(Default)]
pub(crate) struct Steps {
    bar: Option<ProgressBar>,
    failed: AtomicUsize,
}

impl Steps {
    /// One more is done.
    pub fn done(&self, failed: bool) {
        let Some(bar) = &self.bar else {
            return;
        };
        if failed {
            let count = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            bar.set_message(format!(", {count} failed"));
        }
        bar.inc(1);
    }

    /// So many bytes more were read.
    pub fn advance(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
