//! What words mean, as a document.

use schemars::JsonSchema;
use serde::Serialize;

use super::{FormatVersion, VERSION};
use crate::render::explain::Topic;

/// Words and what they mean.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync explain")]
pub(super) struct ExplainDocument {
    format_version: FormatVersion,
    topics: Vec<TopicDocument>,
}

/// A word and what it means.
#[derive(Serialize, JsonSchema)]
struct TopicDocument {
    /// What sort of word it is: `scope`, `field`, `diagnostic`, `exit-code`, `blocked`, `refusal`, `note`, `risk`, `cause`, `rule`, `rule-set` and others to come.
    kind: &'static str,
    /// The word.
    name: String,
    /// One sentence.
    summary: String,
    /// Further sentences, a paragraph each.
    text: Vec<String>,
    facts: Vec<FactDocument>,
    /// A line of a keys file.
    example: Option<String>,
}

/// A short fact.
#[derive(Serialize, JsonSchema)]
struct FactDocument {
    label: &'static str,
    value: String,
}

pub(super) fn document(topics: &[Topic]) -> ExplainDocument {
    let topic = |topic: &Topic| {
        let Topic { kind, name, also: _, summary, text, facts, example } = topic;
        let fact = |(label, value): &(&'static str, String)| FactDocument { label, value: value.clone() };
        TopicDocument {
            kind: kind.word(),
            name: name.clone(),
            summary: summary.clone(),
            text: text.clone(),
            facts: facts.iter().map(fact).collect(),
            example: example.clone(),
        }
    };
    ExplainDocument { format_version: VERSION, topics: topics.iter().map(topic).collect() }
}
