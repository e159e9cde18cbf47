//! Free text and nested values: beside each other while short, as a diff of lines when long.

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::fields::arrow;
use crate::render::layout::{Role, columns};
use crate::render::{Style, escape};

/// Two texts that together are no wider than this stand on one line.
const BESIDE: usize = 60;

/// Lines of a diff that stay as they are, around those that do not.
const CONTEXT: usize = 2;

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", escape(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// A text as it is where nothing can be misread, else in quotes.
pub(super) fn plain(text: &str) -> String {
    let simple = |c: char| c.is_alphanumeric() || "-_./@:+".contains(c);
    if !text.is_empty() && text.chars().all(simple) { escape(text) } else { quoted(text) }
}

/// A value of `metadata`: a string as [`plain`], anything else as JSON.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => plain(text),
        other => escape(&other.to_string()),
    }
}

/// A text and what becomes of it.
pub(super) fn change(before: &str, after: &str, style: &Style) -> Vec<String> {
    let short = columns(before) + columns(after) <= BESIDE;
    if before.is_empty() || after.is_empty() || short && !before.contains('\n') && !after.contains('\n') {
        vec![arrow(&quoted(before), &quoted(after), "", style)]
    } else {
        diff(before, after, style)
    }
}

/// An entry of `metadata` and what becomes of it.
pub(super) fn value_change(name: &str, before: &Value, after: &Value, style: &Style) -> Vec<String> {
    let both_texts = matches!((before, after), (Value::String(_), Value::String(_)));
    // A number and the text of that number look alike without quotes.
    let show = |shown: &Value| if both_texts { value(shown) } else { escape(&shown.to_string()) };
    let nested = |value: &Value| value.is_object() || value.is_array();
    let (short_before, short_after) = (show(before), show(after));
    if !nested(before) && !nested(after) || columns(&short_before) + columns(&short_after) <= BESIDE {
        return vec![format!("{name}: {}", arrow(&short_before, &short_after, "", style))];
    }
    let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap_or_default();
    let mut lines = vec![format!("{name}:")];
    lines.extend(diff(&pretty(before), &pretty(after), style));
    lines
}

/// A unified diff, without the header that only programs read.
fn diff(before: &str, after: &str, style: &Style) -> Vec<String> {
    let diff = TextDiff::from_lines(before, after);
    let end_differs = before.ends_with('\n') != after.ends_with('\n');
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if index > 0 {
            lines.push("  ...".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (sign, role) = match change.tag() {
                ChangeTag::Equal => (" ", Role::Quiet),
                ChangeTag::Delete => ("-", Role::Removed),
                ChangeTag::Insert => ("+", Role::Added),
            };
            let text: &str = change.value();
            let text = escape(text.strip_suffix('\n').unwrap_or(text));
            let end = if end_differs && change.missing_newline() { " (no newline at the end)" } else { "" };
            lines.push(format!("{} {text}{end}", style.paint(role, sign)));
        }
    }
    lines
}
