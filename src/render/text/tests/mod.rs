//! Whole outputs, as a reader sees them.

mod diagnostics;
mod hostile;
mod moved;
mod plan;
mod refusals;
mod report;
