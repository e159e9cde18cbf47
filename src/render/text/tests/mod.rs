//! Whole outputs, as a reader sees them.

mod coming;
mod diagnostics;
mod extent;
pub(in crate::render) mod hostile;
mod moved;
mod plan;
mod refusals;
mod report;
mod review;
