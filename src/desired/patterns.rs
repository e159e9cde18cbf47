//! Patterns of policy rules, compiled while the file is read, compared by their text.

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

/// What a regular expression may compile to, in bytes: enough for anything that people can read.
const MAX_COMPILED: usize = 256 * 1024;

/// A regular expression. Matching takes linear time, whatever it is.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles it, or says in a fragment what is wrong.
    pub(super) fn new(text: &str) -> Result<Self, String> {
        let regex = RegexBuilder::new(text).size_limit(MAX_COMPILED).nest_limit(50).build();
        regex.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "is too large a pattern".to_owned(),
            error => {
                let text = error.to_string();
                let reason = text.rsplit("error: ").next().unwrap_or_default().trim();
                format!("is no regular expression: {reason}")
            }
        })
    }

    /// Whether it matches somewhere in the text.
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// Names or patterns of names: `logs.export`, `*_api_keys.*`, `payments/*`.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<GlobMatcher>);

impl Globs {
    /// Adds one, or says in a fragment what is wrong.
    pub(super) fn add(&mut self, text: &str) -> Result<(), String> {
        self.add_built(GlobBuilder::new(text).literal_separator(true))
    }

    /// Like [`Self::add`], for names in which capital letters mean nothing, such as UUIDs.
    pub(super) fn add_in_whatever_letters(&mut self, text: &str) -> Result<(), String> {
        self.add_built(GlobBuilder::new(text).literal_separator(true).case_insensitive(true))
    }

    fn add_built(&mut self, builder: &GlobBuilder<'_>) -> Result<(), String> {
        let glob = builder.build();
        let glob = glob.map_err(|error| format!("is no pattern: {}", error.kind()))?;
        self.0.push(glob.compile_matcher());
        Ok(())
    }

    /// Whether one of them matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.0.iter().any(|glob| glob.is_match(text))
    }

    /// As they were written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|glob| glob.glob().glob())
    }
}

impl PartialEq for Globs {
    fn eq(&self, other: &Self) -> bool {
        self.texts().eq(other.texts())
    }
}

impl Eq for Globs {}
