//! The fields of keys.yaml, from the table that reads them.

use super::{Kind, Topic};
use crate::desired::{FieldEntry, field_entries};

/// A topic for each field, by its path: `usage_limits.credit_limit`.
pub fn fields() -> Vec<Topic> {
    field_entries().iter().map(topic).collect()
}

fn topic(entry: &FieldEntry) -> Topic {
    let FieldEntry { path, of, shape, doc, required, heritable, example, excludes } = entry;
    let (summary, rest) = first_sentence(doc);
    let mut topic =
        Topic::new(Kind::Field, path.as_str(), summary).fact("a field of", *of).fact("value", shape.as_str());
    if let Some(last) = path.rsplit('.').next().filter(|last| last != path) {
        topic.also.push(last.to_owned());
    } else if *of == "a key" {
        // `scopes` alone is a kind of word.
        topic.also.push(format!("keys.{path}"));
    }
    if *required {
        topic = topic.fact("required", "yes");
    }
    if *heritable {
        topic = topic.fact("inherited", "`defaults` and templates may hold it");
    }
    if !excludes.is_empty() && !doc.contains("Excludes") {
        let others: Vec<String> = excludes.iter().map(|other| format!("`{other}`")).collect();
        topic = topic.fact("excludes", others.join(", "));
    }
    if !rest.is_empty() {
        topic = topic.paragraph(rest);
    }
    topic.example = (!example.is_empty()).then(|| {
        let name = path.rsplit('.').next().unwrap_or(path);
        format!("{name}: {example}")
    });
    topic
}

/// The first sentence, and what follows it.
pub(super) fn first_sentence(text: &str) -> (&str, &str) {
    match text.split_once(". ") {
        Some((first, rest)) => (text.get(..=first.len()).unwrap_or(text), rest),
        None => (text, ""),
    }
}
