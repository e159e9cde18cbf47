//! How far an apply has come, while it goes on.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::plan::Plan;
use crate::render::text::EventLayout;
use crate::render::{self, json::lines};
use crate::report::Event;

use super::formats::ApplyFormat;
use super::output::Output;

/// A bar on a terminal, one line per change elsewhere.
pub(super) struct Progress {
    bar: ProgressBar,
    layout: EventLayout,
    total: usize,
    done: AtomicUsize,
    format: ApplyFormat,
}

impl Progress {
    pub(super) fn new(plan: &Plan, output: &Output, format: ApplyFormat) -> Self {
        let total = plan.changes.len();
        let on_terminal = std::io::stderr().is_terminal() && format == ApplyFormat::Text && !output.quiet;
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  [{bar:38}] {pos} of {len}  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, layout: EventLayout::of(plan), total, done: AtomicUsize::new(0), format }
    }

    pub(super) fn show(&self, event: &Event<'_>, plan: &Plan, output: &Output) {
        let done = match event {
            Event::Finished { .. } => self.done.fetch_add(1, Ordering::SeqCst) + 1,
            Event::Started { .. } | Event::Verifying { .. } => self.done.load(Ordering::SeqCst),
        };
        if self.format == ApplyFormat::Jsonl {
            output.data(&lines::event(event, done, self.total));
        }
        let line = render::text::event_line(event, plan, done, self.layout, &output.stderr);
        if self.bar.is_hidden() {
            if let Some(line) = line {
                output.talk(&format!("{line}\n"));
            }
            return;
        }
        match (event, line) {
            (Event::Finished { .. }, Some(line)) => {
                self.bar.println(line);
                self.bar.set_position(done as u64);
            }
            (Event::Started { address, .. }, _) => self.bar.set_message(render::escape(&address.to_string())),
            (Event::Verifying { .. }, _) => self.bar.set_message("reading back"),
            (Event::Finished { .. }, None) => {}
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
