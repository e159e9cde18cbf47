//! Markdown for people who review in a forge and never run the tool: one comment for a pull request.
//!
//! What should worry comes first, the whole list is folded, and the comment ends before the forge's limit with a
//! count of what it leaves out. Invariant: nothing in it acts that came from the service or a file.

mod change;
mod escape;
mod page;

#[cfg(test)]
mod tests;

use super::text::PlanContext;
use crate::diagnostic::{Diagnostic, Sources};
use crate::plan::Plan;

/// What a comment on GitHub may hold, less a margin for what an action adds to it. Counted in bytes, which are never
/// fewer than the 65,536 characters that GitHub counts.
pub const GITHUB_LIMIT: usize = 64_000;

/// The same for a note on GitLab, which holds 1,000,000 characters.
pub const GITLAB_LIMIT: usize = 990_000;

/// The plan as a comment of at most `limit` bytes. `paths` is what its files are called beneath the repository's root,
/// by which the comment is found again: two folders may each have a `keys.yaml`.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, paths: &str, limit: usize) -> String {
    page::plan(plan, context, paths, limit)
}

/// Complaints about files as a comment in the plan's place, of at most `limit` bytes.
pub fn diagnostics(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    files: &str,
    paths: &str,
    limit: usize,
) -> String {
    page::diagnostics(diagnostics, sources, files, paths, limit)
}

pub(super) use page::{Because, What, because, headline, rank};
