//! What a table of fields is made of: fields, and the shapes of their values.

use super::formats::Format;

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Shape {
    /// `true` or `false`.
    Bool,
    /// Text of some format, never empty.
    Text(Format),
    /// A whole number within bounds.
    Integer(u64, u64),
    /// A number of dollars or tokens, at least 1.
    Amount,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// RFC 3339 or a bare date.
    Instant,
    /// `30m`, `24h`, `90d`.
    Duration,
    /// A list.
    List(&'static Shape),
    /// A list, or one item of it.
    OneOrMore(&'static Shape),
    /// A map with known fields.
    Fields(&'static Table),
    /// A map from names of a format to values.
    MapOf(Format, &'static Shape),
    /// Or `null`.
    OrNull(&'static Shape),
    /// One of these words, or a map with known fields.
    WordOr(&'static [&'static str], &'static Table),
    /// The list of keys, checked one by one.
    Keys,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// For people: the manual that an editor shows on hover.
    pub(super) doc: &'static str,
    pub(super) required: bool,
    /// Whether `defaults` and templates may hold it.
    pub(super) heritable: bool,
    /// JSON, or empty.
    pub(super) example: &'static str,
}

/// The fields of a map.
#[derive(Debug)]
pub(super) struct Table {
    /// With an article, for messages.
    pub(super) what: &'static str,
    pub(super) fields: &'static [Field],
    /// Only the heritable ones of them.
    pub(super) heritable_only: bool,
    /// At most one of each pair; an own one drops an inherited other.
    pub(super) exclusive: &'static [(&'static str, &'static str)],
    /// Fields that people write here and what to write instead.
    pub(super) instead: &'static [(&'static str, &'static str)],
}

impl Table {
    /// The fields that may stand in this map.
    pub(super) fn allowed(&self) -> impl Iterator<Item = &'static Field> {
        let heritable_only = self.heritable_only;
        self.fields.iter().filter(move |field| field.heritable || !heritable_only)
    }

    /// The field of this name, whether or not it may stand here.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

pub(super) const fn field(name: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, shape, doc, required: false, heritable: false, example: "" }
}

impl Field {
    pub(super) const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(super) const fn heritable(self) -> Self {
        Self { heritable: true, ..self }
    }

    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }
}
