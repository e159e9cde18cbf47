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
pub struct Sources(Vec<Indexed>);

/// A file with known places in it, so that a place far down a large file costs little.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Indexed {
    source: Source,
    milestones: Vec<Milestone>,
}

/// A place every so many bytes. Sorted by offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Milestone {
    offset: usize,
    line: usize,
    column: usize,
}

/// How far apart milestones are, more or less, in bytes.
const STRIDE: usize = 256;

fn milestones(text: &str) -> Vec<Milestone> {
    let mut here = Milestone { offset: 0, line: 1, column: 1 };
    let mut milestones = vec![here];
    while let Some(rest) = text.get(here.offset..).filter(|rest| rest.len() > STRIDE) {
        let step = (STRIDE..rest.len()).find(|step| rest.is_char_boundary(*step)).unwrap_or(rest.len());
        here = here.after(rest.get(..step).unwrap_or(rest));
        milestones.push(here);
    }
    milestones
}

impl Milestone {
    /// The place behind this text.
    fn after(self, text: &str) -> Self {
        let offset = self.offset + text.len();
        match text.rsplit_once('\n') {
            Some((before, last)) => Self {
                offset,
                line: self.line + 1 + before.matches('\n').count(),
                column: 1 + last.chars().count(),
            },
            None => Self { offset, line: self.line, column: self.column + text.chars().count() },
        }
    }
}

/// Which file of [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(usize);

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        let milestones = milestones(&source.text);
        self.0.push(Indexed { source, milestones });
        SourceId(self.0.len() - 1)
    }

    /// Whether there are no files at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every file's id.
    pub fn ids(&self) -> impl Iterator<Item = SourceId> + use<> {
        (0..self.0.len()).map(SourceId)
    }

    /// The file with this id.
    pub fn get(&self, id: SourceId) -> Option<&Source> {
        self.0.get(id.0).map(|indexed| &indexed.source)
    }

    /// Where a span starts.
    pub fn place(&self, span: Span) -> Place {
        let Some(Indexed { source, milestones }) = self.0.get(span.source.0) else {
            return Place { file: String::new(), line: 1, column: 1 };
        };
        let known = milestones.partition_point(|milestone| milestone.offset <= span.start);
        let nearest = known.checked_sub(1).and_then(|index| milestones.get(index));
        let Some(milestone) = nearest else {
            return Place { file: source.name.clone(), line: 1, column: 1 };
        };
        let between = source.text.get(milestone.offset..span.start).unwrap_or("");
        let Milestone { line, column, .. } = milestone.after(between);
        Place { file: source.name.clone(), line, column }
    }
}

impl Sources {
    /// The word that stands at a place, or the one character that does. None if no file has that name.
    pub fn word_at(&self, place: &Place) -> Option<Span> {
        let (at, Indexed { source, milestones }) =
            self.0.iter().enumerate().find(|(_, indexed)| indexed.source.name == place.file)?;
        let known = milestones.partition_point(|m| (m.line, m.column) <= (place.line, place.column));
        let mut here = *known.checked_sub(1).and_then(|index| milestones.get(index))?;
        for c in source.text.get(here.offset..)?.chars() {
            if (here.line, here.column) >= (place.line, place.column) {
                break;
            }
            here.offset += c.len_utf8();
            (here.line, here.column) =
                if c == '\n' { (here.line + 1, 1) } else { (here.line, here.column + 1) };
        }
        let rest = source.text.get(here.offset..)?;
        let word = rest.find(|c: char| !(c.is_alphanumeric() || "_-".contains(c))).unwrap_or(rest.len());
        let length = word.max(rest.chars().next().map_or(0, char::len_utf8));
        Some(Span { source: SourceId(at), start: here.offset, end: here.offset + length })
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

impl Diagnostic {
    /// An error at a place. The name of the file is filled in when the diagnostics are collected.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: String::new(),
            primary: Some(Label { span, text: String::new() }),
            secondary: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// An error about a file as a whole.
    pub fn about(code: &'static str, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: file.into(),
            primary: None,
            secondary: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Says something under the caret.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        if let Some(primary) = &mut self.primary {
            primary.text = text.into();
        }
        self
    }

    /// Marks another place that had a part in it.
    #[must_use]
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(text.into());
        self
    }
}

/// How many names are compared: a near miss is a courtesy, not worth minutes in a hostile file.
const MAX_CANDIDATES: usize = 2_000;

/// The candidate that is close enough to `word` to be worth suggesting.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name is that long, and the comparison is quadratic.
    if word.len() > 100 {
        return None;
    }
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .take(MAX_CANDIDATES)
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
    fn a_place_far_along_a_long_line_is_exact() {
        let mut sources = Sources::default();
        let text = format!("a\r\n{}x", "é".repeat(1000));
        let source = sources.add(Source { name: "k.yaml".to_owned(), text });
        let place = sources.place(Span { source, start: 2003, end: 2004 });
        assert_eq!((place.line, place.column), (2, 1001));
    }

    #[test]
    fn the_word_at_a_place_is_found_again() {
        let mut sources = Sources::default();
        let text = format!("# {}\n- {{naïve-key: 2}}\n", "é".repeat(700));
        let source = sources.add(Source { name: "k.yaml".to_owned(), text: text.clone() });
        let start = text.find("naïve").unwrap();
        let place = sources.place(Span { source, start, end: start });
        let word = sources.word_at(&place).unwrap();
        assert_eq!(text.get(word.start..word.end), Some("naïve-key"));
        let brace = sources.word_at(&Place { column: place.column - 1, ..place.clone() }).unwrap();
        assert_eq!(text.get(brace.start..brace.end), Some("{"));
        let behind = sources.word_at(&Place { line: 99, ..place.clone() }).unwrap();
        assert_eq!((behind.start, behind.end), (text.len(), text.len()));
        assert_eq!(sources.word_at(&Place { file: "other.yaml".to_owned(), ..place }), None);
    }

    #[test]
    fn near_misses_are_suggested_and_far_ones_are_not() {
        let names = ["logs.view", "logs.list", "completions.write"];
        assert_eq!(nearest("logs.veiw", names), Some("logs.view"));
        assert_eq!(nearest("completion.write", names), Some("completions.write"));
        assert_eq!(nearest("zebra", names), None);
    }
}
