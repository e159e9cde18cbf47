//! Codes of diagnostics and of what a plan says.

use super::fields::first_sentence;
use super::{Kind, Topic};
use crate::desired::{EXPLANATIONS, Explanation};
use crate::render::words::{APPROVALS, BLOCKED, Meaning, NOTES, REFUSALS};

/// A topic for each complaint about keys files.
pub fn diagnostics() -> Vec<Topic> {
    EXPLANATIONS.iter().map(diagnostic).collect()
}

fn diagnostic(explanation: &Explanation) -> Topic {
    let Explanation { code, meaning, example, remedy } = explanation;
    let (severity, meaning) = match meaning.strip_prefix("Warning: ") {
        Some(rest) => ("warning: the files are used", capital(rest)),
        None => ("error: the files are not used", (*meaning).to_owned()),
    };
    let (summary, rest) = first_sentence(&meaning);
    let mut topic = Topic::new(Kind::Diagnostic, *code, summary).fact("severity", severity);
    if !rest.is_empty() {
        topic = topic.paragraph(rest);
    }
    topic.example = (!example.is_empty()).then(|| (*example).to_owned());
    topic.fact("what to do", *remedy)
}

/// A topic for each reason to wait for a person.
pub fn blocked() -> Vec<Topic> {
    topics(Kind::Blocked, BLOCKED)
}

/// A topic for each reason to write nothing, of a plan and of what was approved.
pub fn refusals() -> Vec<Topic> {
    let mut refusals = [topics(Kind::Refusal, REFUSALS), topics(Kind::Refusal, APPROVALS)].concat();
    refusals.sort_by(|a, b| a.name.cmp(&b.name));
    refusals
}

/// A topic for each remark.
pub fn notes() -> Vec<Topic> {
    topics(Kind::Note, NOTES)
}

fn topics(kind: Kind, meanings: &[Meaning]) -> Vec<Topic> {
    let topic = |Meaning { code, what, remedy }: &Meaning| {
        let (summary, rest) = first_sentence(what);
        let mut topic = Topic::new(kind, *code, summary);
        if !rest.is_empty() {
            topic = topic.paragraph(rest);
        }
        topic.fact("what to do", *remedy)
    };
    meanings.iter().map(topic).collect()
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
