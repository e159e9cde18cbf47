//! What a word means: scopes, fields, codes. Each source of words is one small adapter that answers
//! [`Topic`]s; `cli::explain` has the list of them.
//!
//! Invariant: no connection and no file is needed to look a word up.

mod codes;
mod fields;
mod review;
mod scopes;

#[cfg(test)]
mod tests;

pub use codes::{blocked, diagnostics, notes, refusals};
pub use fields::fields;
pub use review::{causes, risks, rule_sets, rules};
pub use scopes::scopes;

/// What sort of word it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// What a key may do.
    Scope,
    /// A field of keys.yaml.
    Field,
    /// A complaint about keys files.
    Diagnostic,
    /// How a run ended.
    ExitCode,
    /// Why an entry waits for a person.
    Blocked,
    /// Why apply would write nothing.
    Refusal,
    /// What a plan remarks.
    Note,
    /// What a reviewer should look at.
    Risk,
    /// What a difference comes of.
    Cause,
    /// What a policy can demand.
    Rule,
    /// Rules that a policy can use together.
    RuleSet,
}

impl Kind {
    /// In the order in which they are listed.
    pub const ALL: [Self; 11] = [
        Self::Scope,
        Self::Field,
        Self::Diagnostic,
        Self::ExitCode,
        Self::Blocked,
        Self::Refusal,
        Self::Note,
        Self::Risk,
        Self::Cause,
        Self::Rule,
        Self::RuleSet,
    ];

    /// One of them, as JSON and the heading of an answer call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Scope => "scope",
            Self::Field => "field",
            Self::Diagnostic => "diagnostic",
            Self::ExitCode => "exit-code",
            Self::Blocked => "blocked",
            Self::Refusal => "refusal",
            Self::Note => "note",
            Self::Risk => "risk",
            Self::Cause => "cause",
            Self::Rule => "rule",
            Self::RuleSet => "rule-set",
        }
    }

    /// All of them, as `explain` lists them.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Scope => "scopes",
            Self::Field => "fields",
            Self::Diagnostic => "diagnostics",
            Self::ExitCode => "exit-codes",
            Self::Blocked => "blocked",
            Self::Refusal => "refusals",
            Self::Note => "notes",
            Self::Risk => "risks",
            Self::Cause => "causes",
            Self::Rule => "rules",
            Self::RuleSet => "rule-sets",
        }
    }

    /// What they are.
    pub fn about(self) -> &'static str {
        match self {
            Self::Scope => "what a key may do, and which types of key may hold it",
            Self::Field => "fields of keys.yaml, by path or last name",
            Self::Diagnostic => "complaints about keys files",
            Self::ExitCode => "how a run ended",
            Self::Blocked => "why an entry of a plan waits for a person",
            Self::Refusal => "why apply writes nothing at all, or not what was approved",
            Self::Note => "what a plan remarks",
            Self::Risk => "what a reviewer should look at, and --deny-risk can refuse",
            Self::Cause => "what a difference comes of: this change, or something older",
            Self::Rule => "what a policy can demand of keys",
            Self::RuleSet => "rules that a policy takes together with `use:`",
        }
    }
}

/// A word and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// What sort of word it is.
    pub kind: Kind,
    /// The word.
    pub name: String,
    /// Other words that find it: the last name of a path, a legacy name.
    pub also: Vec<String>,
    /// One sentence.
    pub summary: String,
    /// Further sentences, a paragraph each.
    pub text: Vec<String>,
    /// Short facts under short labels.
    pub facts: Vec<(&'static str, String)>,
    /// A line of a keys file.
    pub example: Option<String>,
}

impl Topic {
    /// A word with its sentence, and nothing else yet.
    pub fn new(kind: Kind, name: impl Into<String>, summary: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            also: Vec::new(),
            summary: summary.into(),
            text: Vec::new(),
            facts: Vec::new(),
            example: None,
        }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, label: &'static str, value: impl Into<String>) -> Self {
        self.facts.push((label, value.into()));
        self
    }

    /// Adds a paragraph.
    #[must_use]
    pub fn paragraph(mut self, text: impl Into<String>) -> Self {
        self.text.push(text.into());
        self
    }
}
