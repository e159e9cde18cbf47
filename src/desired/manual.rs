//! The table of fields as people read it: for `explain` and the manual.

use super::fields::ROOT;
use super::key_fields::KEY;
use super::table::{Field, Shape, Table};

/// A field and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldEntry {
    /// `usage_limits.credit_limit`; fields of a key and of the file start a path.
    pub path: String,
    /// What has the field, with an article.
    pub of: &'static str,
    /// How its value is written.
    pub shape: String,
    /// What it means.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Whether `defaults` and templates may hold it.
    pub heritable: bool,
    /// A value, or nothing.
    pub example: &'static str,
    /// Fields that cannot stand beside it.
    pub excludes: Vec<&'static str>,
}

/// Every field: those of the file and what they hold, then those of a key and what they hold.
pub fn field_entries() -> Vec<FieldEntry> {
    let mut entries = Vec::new();
    for table in [&ROOT, &KEY] {
        add(&mut entries, "", table);
    }
    entries
}

fn add(entries: &mut Vec<FieldEntry>, prefix: &str, table: &'static Table) {
    for field in table.fields {
        let Field { name, shape: wanted, doc, required, heritable, example } = field;
        let path = format!("{prefix}{name}");
        let excludes = table.exclusive.iter().filter_map(|(one, other)| {
            (one == name).then_some(*other).or_else(|| (other == name).then_some(*one))
        });
        entries.push(FieldEntry {
            path: path.clone(),
            of: table.what,
            shape: shape(wanted),
            doc,
            required: *required,
            heritable: *heritable,
            example,
            excludes: excludes.collect(),
        });
        // What `defaults` and templates hold are the fields of a key.
        if let Some(inner) = inside(wanted).filter(|inner| !inner.heritable_only) {
            add(entries, &format!("{path}."), inner);
        }
    }
}

/// The map that a value is or consists of.
pub(super) fn inside(shape: &'static Shape) -> Option<&'static Table> {
    match shape {
        Shape::Fields(table) => Some(table),
        Shape::List(inner) | Shape::OneOrMore(inner) | Shape::OrNull(inner) | Shape::MapOf(_, inner) => {
            inside(inner)
        }
        Shape::Bool
        | Shape::Text(_)
        | Shape::Integer(..)
        | Shape::Amount
        | Shape::Choice(_)
        | Shape::Instant
        | Shape::Duration
        | Shape::WordOr(..)
        | Shape::Keys => None,
    }
}

/// How a value is written.
pub(super) fn shape(wanted: &Shape) -> String {
    match wanted {
        Shape::Bool => "`true` or `false`".to_owned(),
        Shape::Text(_) => "text".to_owned(),
        Shape::Integer(min, max) if min == max => format!("`{min}`"),
        Shape::Integer(..) => "whole number".to_owned(),
        Shape::Amount => "number".to_owned(),
        Shape::Choice(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::Instant => "time".to_owned(),
        Shape::Duration => "duration".to_owned(),
        Shape::List(item) => format!("list of {}", shape(item)),
        Shape::OneOrMore(item) => format!("{}, or a list", shape(item)),
        Shape::Fields(table) => format!("map: {}", table.what),
        Shape::MapOf(_, value) => format!("map of names to {}", shape(value)),
        Shape::OrNull(inner) => format!("{}, or `null`", shape(inner)),
        Shape::WordOr(words, _) => format!("{}, or a map of settings", shape(&Shape::Choice(words))),
        Shape::Keys => "list of keys".to_owned(),
    }
}
