//! What formatting would change, and what it leaves alone.

use similar::TextDiff;

use crate::desired::LeftAlone;
use crate::render::layout::Role;
use crate::render::{Style, escape};

/// See [`super::format_diff`].
pub(super) fn diff(name: &str, before: &str, after: &str, style: &Style) -> String {
    let name = escape(name);
    let diff = TextDiff::from_lines(before, after);
    let unified =
        diff.unified_diff().context_radius(2).header(&name, &format!("{name} (formatted)")).to_string();
    unified
        .lines()
        .map(|line| {
            let shown = escape(line);
            let painted = match line.chars().next() {
                Some('+') => style.paint(Role::Added, &shown),
                Some('-') => style.paint(Role::Removed, &shown),
                Some('@') => style.paint(Role::Quiet, &shown),
                _ => shown,
            };
            format!("{painted}\n")
        })
        .collect()
}

/// See [`super::left_alone`].
pub(super) fn left_alone(why: LeftAlone) -> &'static str {
    match why {
        LeftAlone::MixedLineEnds => "its lines end in more than one way",
        LeftAlone::RareYaml => "it has anchors, aliases, tags, directives, `---`, `?` or tabs",
        LeftAlone::WouldChange => "formatting it would not keep every value and every comment",
    }
}
