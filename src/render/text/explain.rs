//! What words mean, for people.

use crate::render::explain::{Kind, Topic};
use crate::render::layout::{Role, columns, pad, paragraph};
use crate::render::{Style, escape};

/// See [`super::explain`].
pub(super) fn explain(topics: &[Topic], style: &Style) -> String {
    let parts: Vec<String> = topics.iter().map(|topic| one(topic, style)).collect();
    parts.join("\n")
}

fn one(topic: &Topic, style: &Style) -> String {
    let Topic { kind, name, also: _, summary, text, facts, example } = topic;
    let mut out =
        format!("{} {}\n", style.paint(Role::Quiet, kind.word()), style.paint(Role::Heading, &escape(name)));
    out.push_str(&paragraph("  ", &escape(summary), style));
    for text in text {
        out.push_str(&paragraph("  ", &escape(text), style));
    }
    let example = example.as_ref().map(|example| ("example", example.clone()));
    let facts: Vec<_> = facts.iter().cloned().chain(example).collect();
    let width = facts.iter().map(|(label, _)| columns(label)).max().unwrap_or(0);
    if !facts.is_empty() {
        out.push('\n');
    }
    for (label, value) in &facts {
        out.push_str(&paragraph(&format!("  {}  ", pad(label, width)), &escape(value), style));
    }
    out
}

/// See [`super::topics`].
pub(super) fn list(topics: &[Topic], style: &Style) -> String {
    let width = topics.iter().map(|topic| columns(&topic.name)).max().unwrap_or(0);
    topics
        .iter()
        .map(|topic| {
            let lead = format!("{}  ", pad(&escape(&topic.name), width));
            paragraph(&lead, &escape(&topic.summary), style)
        })
        .collect()
}

/// See [`super::kinds_of_topics`].
pub(super) fn kinds(counts: &[(Kind, usize)], style: &Style) -> String {
    let width = counts.iter().map(|(kind, _)| columns(kind.plural())).max().unwrap_or(0);
    let mut out = String::from("What can be looked up:\n\n");
    for (kind, count) in counts {
        let lead = format!("  {}  {count:>3}  ", style.paint(Role::Heading, &pad(kind.plural(), width)));
        out.push_str(&paragraph(&lead, kind.about(), style));
    }
    out.push_str(
        "\nportkey-sync explain KIND lists them; portkey-sync explain WORD... explains words of any kind.\n",
    );
    out
}
