//! The diagnostics of a run as they come in.

use super::codes;
use crate::diagnostic::{Diagnostic, Severity, SourceId, Sources};

/// More than this help nobody, and a hostile file could hold millions.
const MAX: usize = 1_000;

/// Collects diagnostics; a full collection drops what comes, and tells lowering to stop.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Complaints {
    /// Takes a diagnostic.
    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let count = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        *count += 1;
        if *count <= MAX {
            self.list.push(diagnostic);
        }
    }

    /// Whether there is no point in looking for more.
    pub(super) fn is_full(&self) -> bool {
        self.errors >= MAX
    }

    /// Whether there was an error.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// Whether there was an error with a place in this file.
    pub(super) fn has_errors_in(&self, source: SourceId) -> bool {
        let is_there = |d: &Diagnostic| d.primary.as_ref().is_some_and(|label| label.span.source == source);
        self.is_full() || self.list.iter().any(|d| d.severity == Severity::Error && is_there(d))
    }

    /// The diagnostics by file, offset and code, each once: what an alias or an inherited value
    /// repeats is said once.
    pub(super) fn finish(self, sources: &Sources) -> Vec<Diagnostic> {
        let mut list = self.list;
        for diagnostic in &mut list {
            if let Some(source) = diagnostic.primary.as_ref().and_then(|label| sources.get(label.span.source))
            {
                diagnostic.file.clone_from(&source.name);
            }
        }
        list.sort_by(|a, b| {
            let key = |d: &Diagnostic| d.primary.as_ref().map(|label| (label.span.start, label.span.end));
            (&a.file, key(a), a.code, &a.message).cmp(&(&b.file, key(b), b.code, &b.message))
        });
        list.dedup();
        if self.errors >= MAX
            && let Some(last) = list.last()
        {
            let message = format!("there are {MAX} errors or more, and the rest is not shown");
            list.push(
                Diagnostic::about(codes::TOO_MANY_ERRORS, last.file.clone(), message)
                    .hint("correct these first"),
            );
        }
        list
    }
}
