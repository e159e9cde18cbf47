//! The tree against the table of fields: every field known, every value of its type.
//!
//! What comes out holds values instead of text, each with its place; what was wrong is `Invalid`,
//! so that nothing is said about it a second time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use jiff::Timestamp;

use super::codes;
use super::complaints::Complaints;
use super::formats::{self, Format};
use super::scalar::{Plain, classify};
use super::table::{Shape, Table};
use super::yaml::{Content, Node};
use crate::diagnostic::{Diagnostic, SourceId, Span, nearest};
use crate::model::Amount;

/// A checked value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) span: Span,
    pub(super) kind: Kind,
}

/// What a checked value is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Wrong, and complained about.
    Invalid,
    Null,
    Bool(bool),
    Text(String),
    Integer(u64),
    Amount(Amount),
    Instant(Timestamp),
    /// In milliseconds.
    Duration(u64),
    List(Vec<Value>),
    Map(Map),
    /// Not checked yet.
    Nodes(Vec<Node>),
}

/// The name of a field or of something declared.
pub(super) type Name = Cow<'static, str>;

/// Fields by name.
pub(super) type Map = BTreeMap<Name, Entry>;

/// One field of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Where its name stands.
    pub(super) name: Span,
    pub(super) value: Value,
    /// Where it was inherited from, in words; `None` for a key's own.
    pub(super) from: Option<Rc<str>>,
}

impl Value {
    pub(super) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    pub(super) fn is_invalid(&self) -> bool {
        matches!(self.kind, Kind::Invalid)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Value] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// The texts of a list and where they stand.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, Span)> {
        self.list().iter().filter_map(|item| item.text().map(|text| (text, item.span)))
    }

    pub(super) fn map(&self) -> Option<&Map> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            _ => None,
        }
    }
}

/// What is being checked, for messages.
#[derive(Clone, Copy)]
pub(super) enum What<'a> {
    /// A field.
    Field(&'a str),
    /// An item of a list.
    Item(&'a str),
}

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "`{name}`"),
            Self::Item(list) => write!(f, "an entry of `{list}`"),
        }
    }
}

impl<'a> What<'a> {
    fn item(self) -> What<'a> {
        match self {
            Self::Field(name) | Self::Item(name) => What::Item(name),
        }
    }
}

/// Checks the nodes of one file.
pub(super) struct Checker<'c> {
    pub(super) source: SourceId,
    pub(super) out: &'c mut Complaints,
}

impl Checker<'_> {
    /// Checks a value against a shape.
    pub(super) fn value(&mut self, what: What<'_>, shape: &Shape, node: Node) -> Value {
        let span = node.span(self.source);
        let kind = self.kind(what, shape, node, span);
        Value { span, kind }
    }

    fn kind(&mut self, what: What<'_>, shape: &Shape, node: Node, span: Span) -> Kind {
        if self.out.is_full() {
            return Kind::Invalid;
        }
        match shape {
            Shape::OrNull(shape) => {
                if matches!(&node.content, Content::Plain(text) if classify(text) == Plain::Null) {
                    Kind::Null
                } else {
                    self.kind(what, shape, node, span)
                }
            }
            Shape::List(shape) => match node.content {
                Content::List(items) => {
                    Kind::List(items.into_iter().map(|item| self.value(what.item(), shape, item)).collect())
                }
                Content::Plain(text) if classify(&text) == Plain::Text => {
                    let hint = Some(format!("write `[{}]`", shown(&text)));
                    self.push_wrong(codes::WRONG_TYPE, what, "a list", &Content::Plain(text), span, hint)
                }
                other => self.wrong_type(what, "a list, as in `[a, b]`", &other, span),
            },
            Shape::OneOrMore(item) => match node.content {
                Content::List(_) => self.kind(what, &Shape::List(item), node, span),
                _ => Kind::List(vec![self.value(what, item, node)]),
            },
            Shape::Keys => match node.content {
                Content::List(items) => Kind::Nodes(items),
                other => self.wrong_type(what, "a list", &other, span),
            },
            Shape::Fields(table) => match node.content {
                Content::Map(entries) => Kind::Map(self.fields(table, entries, span)),
                other => self.wrong_type(what, "a map, as in `{a: 1}`", &other, span),
            },
            Shape::MapOf(format, shape) => match node.content {
                Content::Map(entries) => Kind::Map(self.map_of(what, *format, shape, entries)),
                other => self.wrong_type(what, "a map, as in `{a: b}`", &other, span),
            },
            Shape::WordOr(words, table) => match node.content {
                Content::Map(entries) => Kind::Map(self.fields(table, entries, span)),
                _ => self.kind(what, &Shape::Choice(words), node, span),
            },
            Shape::Bool => self.bool(what, &node.content, span),
            Shape::Integer(min, max) => self.integer(what, *min, *max, &node.content, span),
            Shape::Amount => self.amount(what, &node.content, span),
            Shape::Text(format) => match self.text(what, node.content, span) {
                Some(text) => self.formatted(what, *format, text, span),
                None => Kind::Invalid,
            },
            // `off` is a boolean to old YAML tools; where it is one of our words it can mean nothing else.
            Shape::Choice(words) if node.text().is_some_and(|text| words.contains(&text)) => {
                Kind::Text(node.text().unwrap_or_default().to_owned())
            }
            Shape::Choice(words) => match self.text(what, node.content, span) {
                Some(text) if words.contains(&text.as_str()) => Kind::Text(text),
                Some(text) => {
                    let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
                    let mut diagnostic = invalid(what, span, &format!("cannot be `{}`", shown(&text)));
                    diagnostic = match nearest(&text, words.iter().copied()) {
                        Some(word) => diagnostic.hint(format!("did you mean `{word}`?")),
                        None => diagnostic.hint(format!("write one of {list}")),
                    };
                    self.out.push(diagnostic);
                    Kind::Invalid
                }
                None => Kind::Invalid,
            },
            Shape::Instant => self
                .parsed(what, "a time", node.content, span, |text| formats::instant(text).map(Kind::Instant)),
            Shape::Duration => self.parsed(what, "a duration", node.content, span, |text| {
                formats::duration(text).map(Kind::Duration)
            }),
        }
    }

    /// Checks the fields of a map.
    pub(super) fn fields(&mut self, table: &Table, entries: Vec<(Node, Node)>, span: Span) -> Map {
        let mut map = Map::new();
        let mut misspelt: Vec<(&'static str, Span)> = Vec::new();
        for (name_node, node) in entries {
            let name_span = name_node.span(self.source);
            let name = name_node.text().unwrap_or("");
            if self.out.is_full() {
                break;
            }
            if let Some(field) = table.allowed().find(|field| field.name == name) {
                let value = self.value(What::Field(field.name), &field.shape, node);
                map.insert(field.name.into(), Entry { name: name_span, value, from: None });
            } else {
                let (diagnostic, meant) = unknown_field(table, name, name_span);
                self.out.push(diagnostic);
                misspelt.extend(meant.map(|meant| (meant, name_span)));
            }
        }
        // What is there under a wrong name is not missing as well.
        for (meant, name) in misspelt {
            let value = Value { span: name, kind: Kind::Invalid };
            map.entry(meant.into()).or_insert(Entry { name, value, from: None });
        }
        for (one, other) in table.exclusive {
            if let (Some(one_entry), Some(other_entry)) = (map.get(*one), map.get(*other))
                && !one_entry.value.is_null()
                && !other_entry.value.is_null()
            {
                let (first, second) = if one_entry.name < other_entry.name {
                    (one_entry.name, other_entry.name)
                } else {
                    (other_entry.name, one_entry.name)
                };
                self.out.push(
                    Diagnostic::error(
                        codes::EXCLUSIVE_FIELDS,
                        second,
                        format!("`{one}` and `{other}` exclude each other"),
                    )
                    .also(first, "the other is here")
                    .hint("keep one of them"),
                );
            }
        }
        for field in table.allowed().filter(|field| field.required) {
            if !table.heritable_only && !map.contains_key(field.name) {
                self.out.push(
                    Diagnostic::error(
                        codes::MISSING_FIELD,
                        span,
                        format!("{} needs `{}`", table.what, field.name),
                    )
                    .hint(match field.example {
                        "" => format!("add `{}:`", field.name),
                        example => format!("add it, as in `{}: {example}`", field.name),
                    }),
                );
            }
        }
        map
    }

    fn map_of(&mut self, what: What<'_>, format: Format, shape: &Shape, entries: Vec<(Node, Node)>) -> Map {
        let mut map = Map::new();
        for (name_node, node) in entries {
            if self.out.is_full() {
                break;
            }
            let name_span = name_node.span(self.source);
            let Some(name) = self.text(What::Item(label(what)), name_node.content, name_span) else {
                continue;
            };
            if let Some(refusal) = format.refuse(&name) {
                let diagnostic = invalid(What::Field(&name), name_span, &refusal);
                self.out.push(diagnostic);
            }
            let value = self.value(What::Field(&name), shape, node);
            map.insert(name.into(), Entry { name: name_span, value, from: None });
        }
        map
    }

    /// The text of a scalar, unless some reader of YAML would see something else in it.
    fn text(&mut self, what: What<'_>, content: Content, span: Span) -> Option<String> {
        let text = match content {
            Content::Quoted(text) => return Some(text.into_string()),
            Content::Plain(text) => text,
            other => {
                self.wrong_type(what, "text", &other, span);
                return None;
            }
        };
        let quoted = format!("write `\"{}\"` in quotes", shown(&text));
        let diagnostic = match classify(&text) {
            Plain::Text => return Some(text.into_string()),
            Plain::Null => {
                self.wrong_type(what, "text", &Content::Plain(text), span);
                return None;
            }
            Plain::FormerBool(value) => Diagnostic::error(
                codes::AMBIGUOUS_SCALAR,
                span,
                format!("{what} must be text, and some YAML tools read `{text}` as {value}"),
            ),
            Plain::OddNumber(_) => Diagnostic::error(
                codes::AMBIGUOUS_SCALAR,
                span,
                format!("{what} must be text, and some YAML tools read `{}` as a number", shown(&text)),
            ),
            Plain::Bool(_) => {
                Diagnostic::error(codes::WRONG_TYPE, span, format!("{what} must be text, not a boolean"))
            }
            Plain::Integer | Plain::Decimal => {
                Diagnostic::error(codes::WRONG_TYPE, span, format!("{what} must be text, not a number"))
            }
        };
        self.out.push(diagnostic.hint(quoted));
        None
    }

    fn formatted(&mut self, what: What<'_>, format: Format, text: String, span: Span) -> Kind {
        if let Some(refusal) = format.refuse(&text) {
            let mut diagnostic = invalid(what, span, &refusal);
            if format == Format::SinkPath {
                diagnostic.code = codes::INVALID_SINK_PATH;
            }
            self.out.push(diagnostic);
            return Kind::Invalid;
        }
        if format == Format::Description && formats::holds_mark(&text) {
            self.out.push(
                Diagnostic::error(
                    codes::MARK_IN_DESCRIPTION,
                    span,
                    "`[portkey-sync …]` in a description is where portkey-sync keeps its own notes",
                )
                .hint("remove the bracket; the live key keeps its own"),
            );
            return Kind::Invalid;
        }
        Kind::Text(text)
    }

    fn parsed(
        &mut self,
        what: What<'_>,
        wanted: &str,
        content: Content,
        span: Span,
        parse: impl Fn(&str) -> Result<Kind, String>,
    ) -> Kind {
        let text = match content {
            Content::Plain(text) if classify(&text) != Plain::Null => text,
            Content::Quoted(text) => text,
            other => return self.wrong_type(what, wanted, &other, span),
        };
        parse(&text).unwrap_or_else(|refusal| {
            let diagnostic = invalid(what, span, &refusal);
            self.out.push(diagnostic);
            Kind::Invalid
        })
    }

    fn bool(&mut self, what: What<'_>, content: &Content, span: Span) -> Kind {
        let hint = match content {
            Content::Plain(text) => match classify(text) {
                Plain::Bool(value) => return Kind::Bool(value),
                Plain::FormerBool(value) => Some(format!("write `{value}`")),
                _ => None,
            },
            Content::Quoted(text) if matches!(&**text, "true" | "false") => {
                Some(format!("write `{text}` without quotes"))
            }
            _ => None,
        };
        let code = match content {
            Content::Plain(_) if hint.is_some() => codes::AMBIGUOUS_SCALAR,
            _ => codes::WRONG_TYPE,
        };
        self.push_wrong(code, what, "`true` or `false`", content, span, hint)
    }

    fn integer(&mut self, what: What<'_>, min: u64, max: u64, content: &Content, span: Span) -> Kind {
        if let Content::Plain(text) = content
            && classify(text) == Plain::Integer
        {
            let refusal = match text.parse::<u64>() {
                Ok(number) if (min..=max).contains(&number) => return Kind::Integer(number),
                Ok(number) if number > max && min == max => format!("must be {max}"),
                Ok(number) if number > max => format!("must be at most {max}"),
                Ok(_) | Err(_) if text.starts_with('-') || text.len() < 16 => {
                    format!("must be at least {min}")
                }
                Ok(_) | Err(_) => format!("must be at most {max}"),
            };
            let diagnostic = invalid(what, span, &refusal);
            self.out.push(diagnostic);
            return Kind::Invalid;
        }
        self.not_a_number(what, "a whole number", content, span)
    }

    fn amount(&mut self, what: What<'_>, content: &Content, span: Span) -> Kind {
        if let Content::Plain(text) = content
            && matches!(classify(text), Plain::Integer | Plain::Decimal)
        {
            return match text.parse().ok().and_then(Amount::new) {
                Some(amount) if Amount::new(1.0).is_some_and(|one| amount >= one) => Kind::Amount(amount),
                _ => {
                    let diagnostic = invalid(what, span, "must be at least 1")
                        .hint("write `null` if there is to be no limit");
                    self.out.push(diagnostic);
                    Kind::Invalid
                }
            };
        }
        self.not_a_number(what, "a number", content, span)
    }

    fn not_a_number(&mut self, what: What<'_>, wanted: &str, content: &Content, span: Span) -> Kind {
        let (code, hint) = match content {
            Content::Plain(text) => match classify(text) {
                Plain::OddNumber(Some(number)) => {
                    (codes::AMBIGUOUS_SCALAR, Some(format!("write `{number}`")))
                }
                Plain::OddNumber(None) => {
                    (codes::AMBIGUOUS_SCALAR, Some("write `null` if there is to be no limit".to_owned()))
                }
                _ => (codes::WRONG_TYPE, None),
            },
            Content::Quoted(text) if classify(text) == Plain::Integer => {
                (codes::WRONG_TYPE, Some(format!("write `{}` without quotes", shown(text))))
            }
            _ => (codes::WRONG_TYPE, None),
        };
        self.push_wrong(code, what, wanted, content, span, hint)
    }

    fn wrong_type(&mut self, what: What<'_>, wanted: &str, content: &Content, span: Span) -> Kind {
        self.push_wrong(codes::WRONG_TYPE, what, wanted, content, span, None)
    }

    fn push_wrong(
        &mut self,
        code: &'static str,
        what: What<'_>,
        wanted: &str,
        content: &Content,
        span: Span,
        hint: Option<String>,
    ) -> Kind {
        let found = match content {
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
            Content::Quoted(_) => "text".to_owned(),
            Content::Plain(text) => match classify(text) {
                Plain::Null => "nothing".to_owned(),
                _ => format!("`{}`", shown(text)),
            },
        };
        let mut diagnostic = Diagnostic::error(code, span, format!("{what} must be {wanted}, not {found}"));
        if let Some(hint) = hint {
            diagnostic = diagnostic.hint(hint);
        } else if matches!(what, What::Field("keys")) && found == "nothing" {
            diagnostic = diagnostic.hint("write `keys: []` if there are no keys");
        } else if found == "nothing" {
            diagnostic = diagnostic.hint("give it a value or remove it");
        }
        self.out.push(diagnostic);
        Kind::Invalid
    }
}

fn invalid(what: What<'_>, span: Span, refusal: &str) -> Diagnostic {
    Diagnostic::error(codes::INVALID_VALUE, span, format!("{what} {refusal}"))
}

fn label(what: What<'_>) -> &str {
    match what {
        What::Field(name) | What::Item(name) => name,
    }
}

/// As much of a text of the file as a message can hold.
fn shown(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(60).and_then(|(end, _)| text.get(..end)) {
        Some(start) => Cow::Owned(format!("{start}…")),
        None => Cow::Borrowed(text),
    }
}

/// The complaint about a field that may not stand here, and the field that was meant.
/// The complaint about a name that stands for no field, and the field that is probably meant.
pub(super) fn unknown_field(table: &Table, name: &str, span: Span) -> (Diagnostic, Option<&'static str>) {
    if table.field(name).is_some() {
        let message = format!("{} cannot hold `{name}`", table.what);
        return (Diagnostic::error(codes::MISPLACED_FIELD, span, message).hint("write it in each key"), None);
    }
    let message = format!("{} has no field `{}`", table.what, shown(name));
    let diagnostic = Diagnostic::error(codes::UNKNOWN_FIELD, span, message);
    if let Some((_, instead)) = table.instead.iter().find(|(wrong, _)| *wrong == name) {
        let meant = table.allowed().find(|field| *instead == format!("write `{}`", field.name));
        return (diagnostic.hint(*instead), meant.map(|field| field.name));
    }
    if let Some(near) = nearest(name, table.allowed().map(|field| field.name)) {
        return (diagnostic.hint(format!("did you mean `{near}`?")), Some(near));
    }
    let all = table.allowed().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>().join(", ");
    (diagnostic.hint(format!("the fields are {all}")), None)
}
