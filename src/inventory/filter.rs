//! Which keys are asked for.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};
use jiff::{SignedDuration, Timestamp};

use super::Holding;
use crate::diagnostic::nearest;
use crate::live::Live;
use crate::model::KeyKind;
use crate::scopes;

/// What all listed keys have in common; of a list with several words, one must fit.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one question, and all combine")]
pub struct Filter {
    /// Holds a scope of one of these.
    pub can: Vec<ScopePattern>,
    /// In a file or not.
    pub mention: Option<Mention>,
    /// Never expires.
    pub no_expiry: bool,
    /// Has not expired yet, and will within this time.
    pub expires_within: Option<SignedDuration>,
    /// Has expired.
    pub expired: bool,
    /// No limit on usage is enforced.
    pub no_budget: bool,
    /// No rate limit is enforced.
    pub no_rate_limit: bool,
    /// The secret is older, or could be.
    pub secret_older_than: Option<SignedDuration>,
    /// Belongs to one of these workspaces: alias, slug, UUID, or `organisation` for keys of none.
    pub workspaces: Vec<String>,
    /// Is of one of these kinds.
    pub kinds: Vec<KeyKind>,
    /// Has one of these statuses.
    pub statuses: Vec<String>,
    /// Carries the mark of one of these.
    pub owners: Vec<String>,
}

/// Whether a file mentions a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mention {
    /// In a file.
    Managed,
    /// In no file.
    Unmanaged,
}

/// A scope, or several with `*`: `*_api_keys.create`.
#[derive(Clone, Debug)]
pub struct ScopePattern {
    text: String,
    glob: GlobMatcher,
}

/// Words that cannot ask for any scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopePatternError {
    /// Not a pattern.
    #[error("`{text}` is no pattern of scopes")]
    Malformed {
        /// As written.
        text: String,
    },
    /// A spelling mistake would look like "nobody can".
    #[error("no scope is called `{text}`: neither the catalogue nor any live key has one")]
    Unknown {
        /// As written.
        text: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
}

impl ScopePattern {
    /// Reads a pattern, and refuses one that fits neither a known scope nor one that a live key has.
    pub fn parse(text: &str, live: &Live) -> Result<Self, ScopePatternError> {
        let malformed = |_| ScopePatternError::Malformed { text: text.to_owned() };
        let glob = Glob::new(text).map_err(malformed)?.compile_matcher();
        let mut all: BTreeSet<&str> =
            live.keys.values().flat_map(|key| key.scopes.iter().map(String::as_str)).collect();
        for name in scopes::names() {
            all.insert(name);
        }
        if all.iter().any(|scope| glob.is_match(*scope))
            || scopes::standing(text) != scopes::Standing::Unknown
        {
            return Ok(Self { text: text.to_owned(), glob });
        }
        let nearest = nearest(text, all).map(str::to_owned);
        Err(ScopePatternError::Unknown { text: text.to_owned(), nearest })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fits(&self, scope: &str) -> bool {
        self.glob.is_match(scope)
    }
}

impl Filter {
    /// Whether the key is asked for.
    pub fn admits(&self, holding: &Holding<'_>, now: Timestamp) -> bool {
        let Self {
            can,
            mention,
            no_expiry,
            expires_within,
            expired,
            no_budget,
            no_rate_limit,
            secret_older_than,
            workspaces,
            kinds,
            statuses,
            owners,
        } = self;
        let key = holding.key;
        let has_expired = key.expires_at.is_some_and(|at| at <= now) || key.status == "expired";
        let soon = |within: SignedDuration| {
            !has_expired && key.expires_at.is_some_and(|at| at.duration_since(now) <= within)
        };
        // What could be older is listed: Portkey does not tell when a key was rotated by others.
        let is_old = |age: SignedDuration| {
            holding.issued.earliest().is_none_or(|earliest| now.duration_since(earliest) > age)
        };
        let can_one = || key.scopes.iter().any(|scope| can.iter().any(|pattern| pattern.fits(scope)));
        (can.is_empty() || can_one())
            && mention.is_none_or(|mention| match mention {
                Mention::Managed => holding.entry.is_some(),
                Mention::Unmanaged => holding.entry.is_none(),
            })
            && (!no_expiry || key.expires_at.is_none())
            && expires_within.is_none_or(soon)
            && (!expired || has_expired)
            && (!no_budget || !holding.has_budget())
            && (!no_rate_limit || !holding.is_rate_limited())
            && secret_older_than.is_none_or(is_old)
            && (workspaces.is_empty() || workspaces.iter().any(|word| is_in(holding, word)))
            && (kinds.is_empty() || key.kind.is_some_and(|kind| kinds.contains(&kind)))
            && (statuses.is_empty() || statuses.contains(&key.status))
            && (owners.is_empty() || holding.owner().is_some_and(|by| owners.iter().any(|word| word == by)))
    }
}

/// Whether the word names the key's workspace.
fn is_in(holding: &Holding<'_>, word: &str) -> bool {
    match &holding.key.workspace {
        None => word == holding.address.group(),
        Some(id) => {
            holding.address.workspace.as_deref() == Some(word)
                || holding.slug.as_deref() == Some(word)
                || id.as_str().eq_ignore_ascii_case(word)
        }
    }
}
