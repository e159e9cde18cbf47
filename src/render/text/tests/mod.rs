//! Whole outputs, as a reader sees them.

mod coming;
mod diagnostics;
mod hostile;
mod moved;
mod plan;
mod refusals;
mod report;
mod review;
