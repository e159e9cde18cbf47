//! The least scopes for a key that plans and for one that applies.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{LeastScopes, Purpose};
use crate::render::layout::{Role, columns, pad, paragraph};
use crate::render::words::{self, count};
use crate::render::{Style, escape};

type Needed = BTreeMap<String, BTreeSet<Purpose>>;

/// See [`super::permissions`].
pub(super) fn draw(least: &LeastScopes, files: &str, style: &Style) -> String {
    let LeastScopes { plan, apply, recover } = least;
    let files = escape(files);
    let mut out =
        section(&format!("To plan {files}, a key needs {}:", count(plan.len(), "scope")), plan, style);
    if apply.is_empty() {
        out.push_str("\nTo apply it, no more.\n");
    } else {
        let heading = format!("To apply it, {} more:", count(apply.len(), "scope"));
        out.push('\n');
        out.push_str(&section(&heading, apply, style));
    }
    if !recover.is_empty() {
        out.push('\n');
        out.push_str(&section("And so that a failed create leaves no work to a person:", recover, style));
    }
    out.push('\n');
    for remark in [
        "--prune deletes keys of any type, and needs the `.read` and `.delete` of each.",
        "Security settings of the organisation can take scopes away again.",
    ] {
        out.push_str(&paragraph("", remark, style));
    }
    out.push_str("\nAs entries of a keys file:\n\n");
    out.push_str(&entry("ci-plan", plan.keys()));
    let all: BTreeSet<&String> = plan.keys().chain(apply.keys()).chain(recover.keys()).collect();
    out.push_str(&entry("ci-apply", all.into_iter()));
    out
}

fn section(heading: &str, needed: &Needed, style: &Style) -> String {
    let mut out = format!("{}\n", style.paint(Role::Heading, heading));
    let width = needed.keys().map(|scope| columns(scope)).max().unwrap_or(0);
    for (scope, why) in needed {
        let why: Vec<&str> = why.iter().map(|why| words::purpose(*why)).collect();
        out.push_str(&paragraph(&pad(&format!("  {scope}"), width + 4), &why.join("; "), style));
    }
    out
}

fn entry<'a>(name: &str, scopes: impl Iterator<Item = &'a String>) -> String {
    let scopes: String = scopes.map(|scope| format!("      - {scope}\n")).collect();
    format!("  - name: {name}\n    type: organisation-service\n    scopes:\n{scopes}")
}
