//! The mark: what must be remembered about a key, kept at the end of its own description.
//!
//! ```text
//! [portkey-sync by=platform id=5c1e7f90 at=a1b2c3 secret=ab.xyz@20261122T100412Z+24h to=3f29a1 keep]
//! ```
//!
//! Keys have no labels, and metadata is stamped on every request log (portkey-api.md 8), so the
//! description is the only place that is readable in Portkey's console and harmless elsewhere.
//! A mark is not a security boundary: whoever may update the key may change it.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{KeyId, KeyKind, Mask, UserId, WorkspaceId};

const OPENING: &str = "[portkey-sync";

/// What a mark says. Only what is used is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// The nonce of a create that has not been committed yet.
    pub new: Option<String>,
    /// Who manages the key.
    pub by: Option<String>,
    /// The first eight characters of the key's own id: a mark that was copied along with a
    /// description to another key is no mark.
    pub id: Option<String>,
    /// [`address_hash`] of the key when the mark was written.
    pub at: Option<String>,
    /// The secret that was delivered last.
    pub secret: Option<CommittedSecret>,
    /// One short hash per sink that has the secret.
    pub to: Vec<String>,
    /// Protected: never pruned or deleted, even if its entry goes away.
    pub keep: bool,
    /// Words of a later version of this program; kept as they are.
    pub unknown: Vec<String>,
}

/// The commit record of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedSecret {
    /// The first two and the last three characters of the secret.
    pub ends: (String, String),
    /// When it was issued, in whole seconds.
    pub issued_at: Timestamp,
    /// How long the previous secret lives on, as in `24h`; none for a created key.
    pub transition: Option<String>,
}

/// A text that may not stand in a description of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`[portkey-sync …]` at the end of a description is where portkey-sync keeps its own notes")]
pub struct MarkError;

impl Mark {
    /// Splits a key's live description into the text that people wrote and the mark, if there is one.
    ///
    /// A bracket is this key's mark only if it says the key's id, or is that of a create in flight; any
    /// other one, copied along with a description or typed by somebody, is text like all text.
    pub fn split(description: &str, id: &KeyId) -> (String, Option<Self>) {
        let Some((start, end)) = find(description) else {
            return (description.to_owned(), None);
        };
        let (Some(before), Some(words), Some(after)) = (
            description.get(..start),
            description.get(start + OPENING.len()..end),
            description.get(end + 1..),
        ) else {
            return (description.to_owned(), None);
        };
        let mark = Self::parse(words);
        if !mark.is_of(id) {
            return (description.to_owned(), None);
        }
        let mut text = before.strip_suffix(' ').unwrap_or(before).to_owned();
        text.push_str(after);
        (text, Some(mark))
    }

    /// Refuses text that holds a bracket of ours.
    pub fn check_absent(text: &str) -> Result<(), MarkError> {
        if text.contains(OPENING) { Err(MarkError) } else { Ok(()) }
    }

    /// The description to send: the text, a space, the mark.
    pub fn append_to(&self, text: &str) -> String {
        if *self == Self::default() {
            text.to_owned()
        } else if text.is_empty() {
            self.to_string()
        } else {
            format!("{text} {self}")
        }
    }

    fn is_of(&self, id: &KeyId) -> bool {
        match &self.id {
            Some(prefix) => prefix == id.short(),
            None => self.new.is_some(),
        }
    }

    fn parse(words: &str) -> Self {
        let mut mark = Self::default();
        for word in words.split_whitespace() {
            match word.split_once('=') {
                Some(("new", nonce)) => mark.new = Some(nonce.to_owned()),
                Some(("by", owner)) => mark.by = Some(owner.to_owned()),
                Some(("id", id)) => mark.id = Some(id.to_owned()),
                Some(("at", hash)) => mark.at = Some(hash.to_owned()),
                Some(("secret", text)) if let Some(secret) = CommittedSecret::parse(text) => {
                    mark.secret = Some(secret);
                }
                Some(("to", hashes)) => mark.to = hashes.split(',').map(str::to_owned).collect(),
                None if word == "keep" => mark.keep = true,
                Some(_) | None => mark.unknown.push(word.to_owned()),
            }
        }
        mark
    }
}

/// The last bracket of ours: where it opens and where it closes.
fn find(description: &str) -> Option<(usize, usize)> {
    let start = description.rfind(OPENING)?;
    let inside = description.get(start + OPENING.len()..)?;
    let length = inside.find(']')?;
    let opens_cleanly = inside.starts_with(' ') || inside.starts_with(']');
    opens_cleanly.then_some((start, start + OPENING.len() + length))
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { new, by, id, at, secret, to, keep, unknown } = self;
        f.write_str(OPENING)?;
        for (name, value) in [("new", new), ("by", by), ("id", id), ("at", at)] {
            if let Some(value) = value {
                write!(f, " {name}={value}")?;
            }
        }
        if let Some(secret) = secret {
            write!(f, " secret={secret}")?;
        }
        if !to.is_empty() {
            write!(f, " to={}", to.join(","))?;
        }
        if *keep {
            f.write_str(" keep")?;
        }
        for word in unknown {
            write!(f, " {word}")?;
        }
        f.write_str("]")
    }
}

impl CommittedSecret {
    /// The record for a secret with this mask; `None` if the mask has an unknown shape.
    pub fn new(mask: &Mask, issued_at: Timestamp, transition: Option<String>) -> Option<Self> {
        let (head, tail) = mask.ends()?;
        Some(Self { ends: (head.to_owned(), tail.to_owned()), issued_at, transition })
    }

    /// The two ends, to compare with [`Mask::ends`].
    pub fn ends(&self) -> (&str, &str) {
        (&self.ends.0, &self.ends.1)
    }

    /// Whether it is the secret that is shown like this. A mask of an unknown shape is nobody's.
    pub fn is(&self, mask: &Mask) -> bool {
        mask.ends() == Some(self.ends())
    }

    /// How long the previous secret lives after this one was issued.
    pub fn transition_length(&self) -> Option<SignedDuration> {
        self.transition.as_deref()?.parse().ok()
    }

    fn parse(text: &str) -> Option<Self> {
        let (ends, rest) = text.split_once('@')?;
        let (head, tail) = ends.split_once('.')?;
        let (time, transition) = match rest.split_once('+') {
            Some((time, transition)) => (time, Some(transition.to_owned())),
            None => (rest, None),
        };
        // Whole minutes, as the first version wrote them, would let a rotation asked for in the same minute be
        // done twice.
        let issued_at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time)
            .or_else(|_| jiff::civil::DateTime::strptime("%Y%m%dT%H%MZ", time))
            .ok()?;
        Some(Self {
            ends: (unescape(head)?, unescape(tail)?),
            issued_at: TimeZone::UTC.to_timestamp(issued_at).ok()?,
            transition,
        })
    }
}

impl fmt::Display for CommittedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.issued_at.strftime("%Y%m%dT%H%M%SZ");
        write!(f, "{}.{}@{time}", escape(&self.ends.0), escape(&self.ends.1))?;
        match &self.transition {
            Some(transition) => write!(f, "+{transition}"),
            None => Ok(()),
        }
    }
}

/// Secrets are base64 on Portkey's cloud; a self-hosted prefix may hold anything, so what could
/// end a word or a field of the mark is written as `%` and its code point in six hexadecimal digits.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || "+/=_-".contains(c) {
            escaped.push(c);
        } else {
            escaped.push_str(&format!("%{:06x}", u32::from(c)));
        }
    }
    escaped
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut unescaped = parts.next()?.to_owned();
    for part in parts {
        let code = u32::from_str_radix(part.get(..6)?, 16).ok()?;
        unescaped.push(char::from_u32(code)?);
        unescaped.push_str(part.get(6..)?);
    }
    Some(unescaped)
}

/// Six hexadecimal digits that stand for where a key belongs and what it is called, so that a key
/// renamed behind our back is recognised. Made of ids, so that a changed alias changes nothing.
pub fn address_hash(
    kind: KeyKind,
    workspace: Option<&WorkspaceId>,
    user: Option<&UserId>,
    name: &str,
) -> String {
    let mut hasher = Sha256::new();
    for part in
        [kind.as_str(), workspace.map_or("", WorkspaceId::as_str), user.map_or("", UserId::as_str), name]
    {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(3).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str =
        "[portkey-sync by=platform id=5c1e7f90 at=a1b2c3 secret=ab.xyz@20261122T100412Z+24h to=3f29a1 keep]";

    fn split(description: &str) -> (String, Option<Mark>) {
        Mark::split(description, &KeyId::new("5c1e7f90-31b4-4c1e-b0d5-6f1a2c7d9e88"))
    }

    #[test]
    fn a_mark_is_read_and_written_as_documented() {
        let (text, mark) = split(&format!("Checkout service {FULL}"));
        assert_eq!(text, "Checkout service");
        let mark = mark.unwrap();
        assert_eq!(mark.by.as_deref(), Some("platform"));
        assert_eq!(mark.secret.as_ref().unwrap().transition.as_deref(), Some("24h"));
        assert!(mark.keep);
        assert_eq!(mark.to_string(), FULL);
        assert_eq!(mark.append_to("Checkout service"), format!("Checkout service {FULL}"));
    }

    #[test]
    fn a_description_without_a_whole_bracket_of_this_key_has_no_mark() {
        for text in [
            "",
            "plain",
            "[portkey-syncing]",
            "cut off [portkey-sync by=plat",
            "[other by=x]",
            "typed [portkey-sync by=platform]",
            "made by [portkey-sync team] in 2025",
            "copied [portkey-sync by=platform id=183f497a at=a1b2c3]",
        ] {
            assert_eq!(split(text), (text.to_owned(), None), "{text}");
        }
    }

    #[test]
    fn a_create_in_flight_has_a_mark_without_an_id() {
        let (text, mark) = split("text [portkey-sync new=abc]");
        assert_eq!((text.as_str(), mark.unwrap().new.as_deref()), ("text", Some("abc")));
    }

    #[test]
    fn text_that_somebody_put_behind_the_mark_is_kept_as_text() {
        let (text, mark) = split("Checkout [portkey-sync by=platform id=5c1e7f90], urgent");
        assert_eq!(text, "Checkout, urgent");
        assert_eq!(mark.unwrap().by.as_deref(), Some("platform"));
    }

    #[test]
    fn words_of_a_later_version_survive() {
        let (_, mark) = split("[portkey-sync by=a id=5c1e7f90 colour=blue shiny]");
        assert_eq!(mark.unwrap().to_string(), "[portkey-sync by=a id=5c1e7f90 colour=blue shiny]");
    }

    #[test]
    fn strange_characters_of_a_secret_cannot_end_the_mark() {
        let mask = Mask::of_live("] *****.@+".to_owned());
        let secret = CommittedSecret::new(&mask, "2026-11-22T10:04:00Z".parse().unwrap(), None).unwrap();
        let mark = Mark { id: Some("5c1e7f90".to_owned()), secret: Some(secret), ..Mark::default() };
        let (_, read) = split(&mark.to_string());
        assert_eq!(read, Some(mark));
    }
}
