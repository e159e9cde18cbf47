//! Complaints about files in rustc's style: the line, a caret, the second place, what to do.

use std::collections::BTreeSet;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::errors::hint_lines;
use crate::desired::explain;
use crate::diagnostic::{Diagnostic, Label, Severity, Source, SourceId, Sources, Span};
use crate::escape::escape_excerpt;
use crate::render::layout::{Role, paragraph};
use crate::render::words::count;
use crate::render::{Style, escape};

/// A longer line is named, not shown: nobody reads it, and a thousand complaints about one of megabytes would take minutes.
const LONGEST_LINE: usize = 10_000;

/// See [`super::diagnostics`].
pub(super) fn draw(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    let mut out = String::new();
    let mut told = BTreeSet::new();
    for diagnostic in diagnostics {
        out.push_str(&one(diagnostic, sources, style));
        // Once for each code: the second time it is known where to look.
        if told.insert(diagnostic.code) && explain(diagnostic.code).is_some() {
            out.push_str(if diagnostic.hints.is_empty() { "\n" } else { "" });
            out.push_str(&format!(
                "{} portkey-sync explain {}\n",
                style.paint(Role::Quiet, "more:"),
                diagnostic.code
            ));
        }
        out.push('\n');
    }
    if !diagnostics.is_empty() {
        out.push_str(&paragraph("", &summary(diagnostics), style));
    }
    out
}

fn one(diagnostic: &Diagnostic, sources: &Sources, style: &Style) -> String {
    let Diagnostic { code, severity, message, file, primary, secondary, hints } = diagnostic;
    let level = match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let excerpts = excerpts(primary.as_ref(), secondary, sources);
    let mut elements: Vec<Element<'_>> = excerpts.iter().map(Excerpt::element).collect();
    if elements.is_empty() {
        elements.push(Origin::path(escape(file)).into());
    }
    let group: Group<'_> = level.primary_title(escape(message)).id(*code).elements(elements);
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(style.columns());
    let mut out = renderer.render(&[group]);
    out.push('\n');
    if !hints.is_empty() {
        out.push('\n');
        out.push_str(&hint_lines(hints, style));
    }
    out
}

/// One line of a file with its marks.
struct Excerpt {
    source: SourceId,
    file: String,
    /// Its number.
    line: usize,
    /// Where on it the first mark starts.
    column: usize,
    /// Escaped; none for a line that is too long to be shown.
    text: Option<String>,
    /// Where the text starts in the file.
    start: usize,
    end: usize,
    marks: Vec<(AnnotationKind, std::ops::Range<usize>, String)>,
}

/// The primary place first; labels on one line share it.
fn excerpts(primary: Option<&Label>, secondary: &[Label], sources: &Sources) -> Vec<Excerpt> {
    let labels = primary
        .map(|label| (AnnotationKind::Primary, label))
        .into_iter()
        .chain(secondary.iter().map(|label| (AnnotationKind::Context, label)));
    let mut excerpts: Vec<Excerpt> = Vec::new();
    for (kind, label) in labels {
        let Some(source) = sources.get(label.span.source) else { continue };
        let (start, end) = clamp(&source.text, label.span.start, label.span.end);
        let shared = excerpts.iter().position(|excerpt| {
            excerpt.source == label.span.source && excerpt.start <= start && end <= excerpt.end
        });
        let index = shared.unwrap_or_else(|| {
            excerpts.push(Excerpt::cut(label.span, sources, source, start, end));
            excerpts.len() - 1
        });
        let Some(excerpt) = excerpts.get_mut(index) else { continue };
        if excerpt.text.is_none() {
            continue;
        }
        // Where the marks are in the escaped text.
        let offset = |to: usize| escape_excerpt(source.text.get(excerpt.start..to).unwrap_or_default()).len();
        let range = offset(start)..offset(end);
        excerpt.marks.push((kind, range, escape(&label.text)));
    }
    excerpts
}

/// A range within the text, on borders of characters; a span over lines ends with its first one.
fn clamp(text: &str, start: usize, end: usize) -> (usize, usize) {
    let border =
        |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let start = border(start);
    let end = border(end).max(start);
    let first_line = text.get(start..end).and_then(|span| span.find('\n'));
    (start, first_line.map_or(end, |newline| start + newline))
}

impl Excerpt {
    /// The line on which a mark stands.
    fn cut(span: Span, sources: &Sources, source: &Source, start: usize, end: usize) -> Self {
        let head = source.text.get(..start).unwrap_or_default();
        let tail = source.text.get(end..).unwrap_or_default();
        let from = head.rfind('\n').map_or(0, |newline| newline + 1);
        let to = end + tail.find('\n').unwrap_or(tail.len());
        let place = sources.place(span);
        Self {
            source: span.source,
            file: escape(&source.name),
            line: place.line,
            column: place.column,
            text: (to - from <= LONGEST_LINE)
                .then(|| escape_excerpt(source.text.get(from..to).unwrap_or_default())),
            start: from,
            end: to,
            marks: Vec::new(),
        }
    }

    fn element(&self) -> Element<'_> {
        let Some(text) = &self.text else {
            return Origin::path(self.file.as_str()).line(self.line).char_column(self.column).into();
        };
        let marks = self.marks.iter().map(|(kind, range, text)| {
            let annotation: Annotation<'_> = kind.span(range.clone());
            if text.is_empty() { annotation } else { annotation.label(text.as_str()) }
        });
        Snippet::source(text.as_str())
            .path(self.file.as_str())
            .line_start(self.line)
            .annotations(marks)
            .into()
    }
}

/// `2 errors, 1 warning in keys.yaml`.
fn summary(diagnostics: &[Diagnostic]) -> String {
    let of = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
    let counts: Vec<String> = [(of(Severity::Error), "error"), (of(Severity::Warning), "warning")]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| count(n, word))
        .collect();
    let files: BTreeSet<&str> = diagnostics.iter().map(|diagnostic| diagnostic.file.as_str()).collect();
    let place = match files.first() {
        Some(only) if files.len() == 1 => escape(only),
        _ => count(files.len(), "file"),
    };
    format!("{} in {place}", counts.join(", "))
}
