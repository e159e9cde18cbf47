//! Whole outputs, as a reader sees them.

mod coming;
mod diagnostics;
mod hostile;
mod plan;
mod refusals;
mod report;
mod review;
