//! Published JSON, format version 1. Each function answers one pretty-printed document with a newline at its end.

use serde_json::Value;

use crate::diagnostic::{Diagnostic, Sources};
use crate::plan::Plan;
use crate::report::Report;

/// The version of every document here. It grows only when a reader of an earlier one would be misled.
pub const FORMAT_VERSION: u32 = 1;

/// The plan.
pub fn plan(plan: &Plan) -> String {
    let _ = plan;
    String::new()
}

/// What apply did.
pub fn report(report: &Report, plan: &Plan, exit_code: u8) -> String {
    let _ = (report, plan, exit_code);
    String::new()
}

/// An error that ended the run. `code` is stable and short: `unauthorised`, `usage`, `io`.
pub fn error(code: &str, message: &str, causes: &[String], hints: &[String], exit_code: u8) -> String {
    let _ = (code, message, causes, hints, exit_code);
    String::new()
}

/// Complaints about files; an empty list says that they are valid.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    let _ = (diagnostics, sources);
    String::new()
}

/// The JSON Schema of each document, with the name of the file in `docs/` that publishes it.
pub fn schemas() -> Vec<(&'static str, Value)> {
    Vec::new()
}
