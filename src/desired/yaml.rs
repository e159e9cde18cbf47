//! YAML text to a tree that keeps every place, in bounded time and memory.
//!
//! The only file that knows the YAML parser. Scalars stay as they were written; what they mean is
//! decided where it is known what was wanted (`scalar`). Invariant: no recursion over the input,
//! and a budget on whatever could grow beyond its size.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, StructureStyle};

use super::codes;
use super::complaints::Complaints;
use crate::diagnostic::{Diagnostic, SourceId, Span};

/// How deep collections may be nested; a keys file needs seven levels.
const MAX_DEPTH: usize = 64;
/// How many nodes a file may have: some 100,000 full keys.
const MAX_NODES: usize = 3_000_000;
/// How much anchors may repeat: one per node and one per 32 bytes of text.
const MAX_REPEATED: usize = 200_000;

/// A value and where it stands. Offsets are 32 bits wide because a file can have millions of nodes
/// and at most 64 MiB.
#[derive(Clone, Debug)]
pub(super) struct Node {
    start: u32,
    end: u32,
    pub(super) content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// Text without quotes, whatever it may mean.
    Plain(Box<str>),
    /// Text in quotes, or a block of text.
    Quoted(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A map; the names are scalars and differ.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// Where it stands.
    pub(super) fn span(&self, source: SourceId) -> Span {
        Span { source, start: self.start as usize, end: self.end as usize }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Plain(text) | Content::Quoted(text) => Some(text),
            Content::List(_) | Content::Map(_) => None,
        }
    }

    /// What repeating it costs.
    fn weight(&self) -> usize {
        match &self.content {
            Content::Plain(text) | Content::Quoted(text) => 1 + text.len() / 32,
            Content::List(items) => 1 + items.iter().map(Self::weight).sum::<usize>(),
            Content::Map(entries) => {
                1 + entries.iter().map(|(name, value)| name.weight() + value.weight()).sum::<usize>()
            }
        }
    }
}

/// A collection whose end has not come yet.
struct Open {
    start: u32,
    end: u32,
    flow: bool,
    anchor: usize,
    children: Children,
}

enum Children {
    List(Vec<Node>),
    /// The entries, and a name that waits for its value.
    Map(Vec<(Node, Node)>, Option<Node>),
}

/// Whether the text has so many separators that it cannot be a keys file: every value of a wide file is
/// parted from the next by one of these, and counting them is a thousand times cheaper than parsing.
fn is_too_wide(text: &str) -> bool {
    let separators: usize =
        [b',', b'\n', b':'].into_iter().map(|byte| memchr::memchr_iter(byte, text.as_bytes()).count()).sum();
    separators > 2 * MAX_NODES
}

fn too_many_values(span: Span) -> Box<Diagnostic> {
    let message = format!("the file has more than {MAX_NODES} values");
    Box::new(Diagnostic::error(codes::TOO_COMPLEX, span, message).hint("split it into several files"))
}

/// Reads one document. `None` if there is no tree to look at; the reason is among the complaints.
pub(super) fn parse(source: SourceId, text: &str, out: &mut Complaints) -> Option<Node> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut builder = Builder::new(source, text);
    if is_too_wide(text) {
        out.push(*too_many_values(builder.span(0, 0)));
        return None;
    }
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, span.byte_range().unwrap_or(0..0), out),
            Err(error) => {
                let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
                Err(Box::new(syntax_error(text, builder.span(start, start), error.kind())))
            }
        };
        if let Err(diagnostic) = step {
            out.push(*diagnostic);
            return None;
        }
    }
    builder.root
}

/// The comments of a text, in order, up to where it is no YAML.
pub(super) fn comments(text: &str) -> Vec<String> {
    let mut options = granit_parser::options! {
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(true);
    options.max_buffered_comment_events = usize::MAX;
    Parser::new_from_str_with_options(text, options)
        .map_while(Result::ok)
        .filter_map(|(event, _)| match event {
            Event::Comment(text, _) => Some(text.trim_end().to_owned()),
            _ => None,
        })
        .collect()
}

struct Builder<'t> {
    source: SourceId,
    text: &'t str,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
    nodes: usize,
    repeated: usize,
    anchors: HashMap<usize, Node>,
}

impl<'t> Builder<'t> {
    fn new(source: SourceId, text: &'t str) -> Self {
        Self {
            source,
            text,
            open: Vec::new(),
            root: None,
            documents: 0,
            nodes: 0,
            repeated: 0,
            anchors: HashMap::new(),
        }
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { source: self.source, start, end }
    }

    fn take(
        &mut self,
        event: Event<'_>,
        range: std::ops::Range<usize>,
        out: &mut Complaints,
    ) -> Result<(), Box<Diagnostic>> {
        let span = self.span(range.start, range.end);
        let (start, end) = (offset(range.start), offset(range.end));
        if let Some(tag) = event.tag() {
            out.push(
                Diagnostic::error(
                    codes::YAML_TAG,
                    span,
                    format!("the tag `{}` means nothing here", tag.original()),
                )
                .hint("remove it; text that looks like something else goes in quotes"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Box::new(
                        Diagnostic::error(
                            codes::SEVERAL_DOCUMENTS,
                            span,
                            "a second YAML document starts here, and a keys file is one document",
                        )
                        .hint("remove the `---`, or put the documents into files of their own"),
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, _) => {
                let text = text.into_owned().into_boxed_str();
                let content = match style {
                    ScalarStyle::Plain => Content::Plain(text),
                    _ => Content::Quoted(text),
                };
                let end = if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                    self.end_of_line(range.start)
                } else {
                    end
                };
                self.add(Node { start, end, content }, anchor)
            }
            Event::SequenceStart(style, anchor, _) => self.open(Open {
                start,
                end,
                flow: style == StructureStyle::Flow,
                anchor,
                children: Children::List(Vec::new()),
            }),
            Event::MappingStart(style, anchor, _) => {
                let children = Children::Map(Vec::new(), None);
                self.open(Open { start, end, flow: style == StructureStyle::Flow, anchor, children })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let node = self.close(open, end, out);
                    self.add(node.0, node.1)
                }
                None => Ok(()),
            },
            Event::Alias(id) => {
                let Some(mut node) = self.anchors.get(&id).cloned() else {
                    return Err(Box::new(Diagnostic::error(
                        codes::YAML_SYNTAX,
                        span,
                        "this alias stands for something that holds it",
                    )));
                };
                self.repeat(&node, span)?;
                (node.start, node.end) = (start, end);
                self.add(node, 0)
            }
            // Starts, ends, comments and names of anchors carry no value.
            _ => Ok(()),
        }
    }

    fn open(&mut self, open: Open) -> Result<(), Box<Diagnostic>> {
        let span = self.span(open.start as usize, open.end as usize);
        self.open.push(open);
        if self.open.len() > MAX_DEPTH { Err(Box::new(too_deep(span))) } else { Ok(()) }
    }

    /// Ends a collection: a block's place is its first line, because carets under whole files help nobody.
    fn close(&self, open: Open, end: u32, out: &mut Complaints) -> (Node, usize) {
        let end = if open.flow { end } else { self.end_of_line(open.start as usize).min(end.max(open.end)) };
        let content = match open.children {
            Children::List(mut items) => {
                items.shrink_to_fit();
                Content::List(items)
            }
            Children::Map(entries, _) => Content::Map(self.distinct(entries, out)),
        };
        (Node { start: open.start, end, content }, open.anchor)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Box<Diagnostic>> {
        let span = node.span(self.source);
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many_values(span));
        }
        if anchor != 0 {
            self.repeat(&node, span)?;
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.children) {
            None => self.root = Some(node),
            Some(Children::List(items)) => items.push(node),
            Some(Children::Map(entries, name)) => match name.take() {
                Some(name) => {
                    // A missing value stands wherever the next token is; its name is the better place.
                    let missing = node.start == node.end && matches!(&node.content, Content::Plain(_));
                    let node = if missing { Node { start: name.start, end: name.end, ..node } } else { node };
                    entries.push((name, node));
                }
                None => *name = Some(node),
            },
        }
        Ok(())
    }

    /// Charges a copy of a node.
    fn repeat(&mut self, node: &Node, span: Span) -> Result<(), Box<Diagnostic>> {
        self.repeated += node.weight();
        if self.repeated > MAX_REPEATED {
            return Err(Box::new(
                Diagnostic::error(
                    codes::TOO_COMPLEX,
                    span,
                    format!("anchors and aliases repeat more than {MAX_REPEATED} values"),
                )
                .hint("use `templates`, `defaults` and `scope_sets` instead of YAML anchors"),
            ));
        }
        Ok(())
    }

    /// Removes merge keys and all but the first of equal names, with a complaint about each.
    fn distinct(&self, mut entries: Vec<(Node, Node)>, out: &mut Complaints) -> Vec<(Node, Node)> {
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
        let fine: Vec<bool> = entries
            .iter()
            .map(|(name, _)| {
                let span = name.span(self.source);
                let diagnostic = match name.text() {
                    None => {
                        Diagnostic::error(codes::YAML_SYNTAX, span, "the name of a field must be plain text")
                    }
                    Some("<<") if matches!(name.content, Content::Plain(_)) => Diagnostic::error(
                        codes::MERGE_KEY,
                        span,
                        "YAML merge keys (`<<`) are not supported",
                    )
                    .hint("put the shared fields under `templates:` and write `template: NAME` in the key"),
                    Some(text) => match seen.get(text) {
                        None => {
                            seen.insert(text, span);
                            return true;
                        }
                        Some(first) => {
                            let message = format!("`{text}` stands twice in this map");
                            Diagnostic::error(codes::DUPLICATE_YAML_KEY, span, message)
                                .also(*first, "first here")
                                .hint("remove one of them")
                        }
                    },
                };
                out.push(diagnostic);
                false
            })
            .collect();
        let mut fine = fine.into_iter();
        entries.retain(|_| fine.next().unwrap_or(false));
        entries.shrink_to_fit();
        entries
    }

    fn end_of_line(&self, start: usize) -> u32 {
        let rest = self.text.get(start..).unwrap_or("");
        offset(start + rest.find(['\n', '\r']).unwrap_or(rest.len()))
    }
}

/// Files are at most 64 MiB, so that nothing is lost.
fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::error(
        codes::TOO_DEEP,
        span,
        format!("lists and maps are nested more than {MAX_DEPTH} levels deep"),
    )
}

/// The tab that an error near this place is about: the parser stops before or behind it.
fn tab_near(text: &str, span: Span) -> Span {
    let before = text.get(..span.start).is_some_and(|before| before.ends_with('\t'));
    let after = text.get(span.start..).and_then(|after| after.find('\t')).unwrap_or(0);
    let start = if before { span.start - 1 } else { span.start + after };
    Span { start, end: start + 1, ..span }
}

fn syntax_error(text: &str, span: Span, kind: &ErrorKind) -> Diagnostic {
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => Diagnostic::error(
            codes::YAML_SYNTAX,
            tab_near(text, span),
            "YAML does not allow a tab as indentation",
        )
        .hint("indent with spaces"),
        ErrorKind::UnknownAnchor => {
            Diagnostic::error(codes::YAML_SYNTAX, span, "this alias has no anchor before it")
                .hint("text that starts with `*` goes in quotes")
        }
        other => {
            let message = other.to_string();
            Diagnostic::error(codes::YAML_SYNTAX, span, format!("this is not YAML: {message}"))
        }
    }
}
