//! The canonical form of a keys file, made line by line.
//!
//! What changes: spaces at the ends of lines, between the parts of a line and within `{}` and `[]`; quotes, from
//! single to double where nothing in them is escaped; blank lines, to one at a time and none at the ends; the order
//! of the fields of an entry of `keys` in block style. What stays: indentation, comments, lists, and everything
//! about a value but its quotes.
//!
//! Invariant: what is answered holds the same values and the same comments, as the parser reads them, or nothing
//! is answered.

mod line;
mod order;

#[cfg(test)]
mod tests;

use super::complaints::Complaints;
use super::yaml::{self, Content, Node};
use crate::diagnostic::{Diagnostic, Source, Sources};

/// Why a file has no canonical form.
#[derive(Clone, Debug)]
pub enum NotFormatted {
    /// It cannot be read; the complaints and the file that they point into.
    Invalid(Vec<Diagnostic>, Sources),
    /// It is left as it is.
    Left(LeftAlone),
}

/// What keeps a file from being formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftAlone {
    /// Lines end in more than one way.
    MixedLineEnds,
    /// Anchors, aliases, tags, directives, `---`, `?` or tabs.
    RareYaml,
    /// Formatting it would not keep every value and every comment.
    WouldChange,
}

/// The canonical form of a file's text.
pub fn format(name: &str, text: &str) -> Result<String, NotFormatted> {
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    let ends = body.matches('\n').count();
    let (body, line_end) = match (body.matches("\r\n").count(), body.matches('\r').count()) {
        (0, 0) => (body.to_owned(), "\n"),
        (pairs, returns) if pairs == returns && pairs == ends => (body.replace("\r\n", "\n"), "\r\n"),
        _ => return Err(NotFormatted::Left(LeftAlone::MixedLineEnds)),
    };
    let before = tree(name, &body)?;
    let formatted = lines(&body).map_err(NotFormatted::Left)?;
    let after = tree(name, &formatted).map_err(|_| NotFormatted::Left(LeftAlone::WouldChange))?;
    if !same(before.as_ref(), after.as_ref()) || sorted_comments(&body) != sorted_comments(&formatted) {
        return Err(NotFormatted::Left(LeftAlone::WouldChange));
    }
    Ok(format!("{mark}{}", formatted.replace('\n', line_end)))
}

fn lines(text: &str) -> Result<String, LeftAlone> {
    let mut lines = line::normalised(text)?;
    order::sort_fields(&mut lines);
    let mut out = String::with_capacity(text.len());
    let mut blank = true;
    for line in &lines {
        let is_blank = line.text.is_empty() && !line.verbatim;
        if !(is_blank && blank) {
            out.push_str(&line.text);
            out.push('\n');
        }
        blank = is_blank;
    }
    if blank && out.ends_with("\n\n") {
        out.pop();
    }
    Ok(out)
}

/// What the reader makes of a text.
fn tree(name: &str, text: &str) -> Result<Option<Node>, NotFormatted> {
    let mut sources = Sources::default();
    let source = sources.add(Source { name: name.to_owned(), text: text.to_owned() });
    let mut out = Complaints::default();
    let node = yaml::parse(source, text, &mut out);
    let diagnostics = out.finish(&sources);
    if diagnostics.is_empty() { Ok(node) } else { Err(NotFormatted::Invalid(diagnostics, sources)) }
}

/// Whether two trees say the same; the fields of a map have no order.
fn same(before: Option<&Node>, after: Option<&Node>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => same_node(before, after),
        (before, after) => before.is_none() && after.is_none(),
    }
}

fn same_node(before: &Node, after: &Node) -> bool {
    match (&before.content, &after.content) {
        (Content::Plain(before), Content::Plain(after))
        | (Content::Quoted(before), Content::Quoted(after)) => before == after,
        (Content::List(before), Content::List(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(before, after)| same_node(before, after))
        }
        (Content::Map(before), Content::Map(after)) => {
            // Names differ within a map, and a sorted one has a field where the other has it.
            let before = sorted(before);
            let after = sorted(after);
            before.len() == after.len()
                && before.iter().zip(&after).all(|((name, value), (other, of_other))| {
                    same_node(name, other) && same_node(value, of_other)
                })
        }
        (Content::Plain(_) | Content::Quoted(_) | Content::List(_) | Content::Map(_), _) => false,
    }
}

fn sorted(map: &[(Node, Node)]) -> Vec<&(Node, Node)> {
    let mut map: Vec<_> = map.iter().collect();
    map.sort_by(|(a, _), (b, _)| a.text().cmp(&b.text()));
    map
}

fn sorted_comments(text: &str) -> Vec<String> {
    let mut comments = yaml::comments(text);
    comments.sort();
    comments
}
