//! Complaints with a place in a file: bad input, never a failed call and never a refusal.
//!
//! Invariant: a diagnostic carries places and words, no colour and no layout; `render` draws it.

use std::fmt;

/// One file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How the user knows it: the path as given, or `<stdin>`.
    pub name: String,
    /// The text, without a byte-order mark.
    pub text: String,
}

/// Every file of a run; spans point into it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(Vec<Source>);

/// Which file of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// The first byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// A place for people: `keys.yaml:27:5`. Lines and columns count from 1; columns count characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file's name as given.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, source: Source) -> SourceId {
        self.0.push(source);
        SourceId(self.0.len() - 1)
    }

    /// The file with this id.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(id.0)
    }

    /// Where a span starts.
    pub fn place(&self, span: Span) -> Place {
        let (name, text) =
            self.get(span.source).map_or(("", ""), |source| (source.name.as_str(), source.text.as_str()));
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: name.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or("").chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    /// `file:line`, which is what a plan shows and editors open.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the file is used.
    Warning,
    /// The file is not used.
    Error,
}

/// A marked place and what is said under its caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, possibly empty.
    pub text: String,
}

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable and short, as in `scope-not-for-type`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// A lowercase fragment without a full stop; names in backticks.
    pub message: String,
    /// The file it is about, for complaints that have no place within it (unreadable, too large).
    pub file: String,
    /// Where the mistake is.
    pub primary: Option<Label>,
    /// The other places that had a part in it, as an inherited value.
    pub secondary: Vec<Label>,
    /// What to do; text that can be pasted where possible.
    pub hints: Vec<String>,
}

/// The candidate that is close enough to `word` to be worth suggesting.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 4))
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let source = sources.add(Source { name: "k.yaml".to_owned(), text: "a: 1\nbé: 2\n".to_owned() });
        let place = sources.place(Span { source, start: 10, end: 11 });
        assert_eq!((place.line, place.column), (2, 5));
        assert_eq!(place.to_string(), "k.yaml:2");
    }

    #[test]
    fn near_misses_are_suggested_and_far_ones_are_not() {
        let names = ["logs.view", "logs.list", "completions.write"];
        assert_eq!(nearest("logs.veiw", names), Some("logs.view"));
        assert_eq!(nearest("completion.write", names), Some("completions.write"));
        assert_eq!(nearest("zebra", names), None);
    }
}
