//! Which keys are asked for.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};
use jiff::{SignedDuration, Timestamp};

use super::{Directory, Holding};
use crate::desired::Desired;
use crate::diagnostic::nearest;
use crate::live::Live;
use crate::model::{KeyKind, WorkspaceId};
use crate::scopes::{self, Privilege};

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

/// A scope, several with `*` as in `*_api_keys.create`, or all of a class: `mints-keys`.
#[derive(Clone, Debug)]
pub struct ScopePattern {
    text: String,
    fits: Fits,
}

#[derive(Clone, Debug)]
enum Fits {
    Names(GlobMatcher),
    Class(Privilege),
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
    #[error("no scope is called `{text}`: neither the catalogue nor any live key has one, and no class")]
    Unknown {
        /// As written.
        text: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
}

/// A word that nothing has: a spelling mistake would look like "there is none".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownWord {
    /// No workspace.
    #[error("no workspace is called `{word}`: neither the files nor the service name one")]
    Workspace {
        /// As written.
        word: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// No status.
    #[error("no status is called `{word}`: Portkey has none, and no live key")]
    Status {
        /// As written.
        word: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// No mark's owner; a key of it may still come.
    #[error("no mark of a live key names the owner `{word}`")]
    Owner {
        /// As written.
        word: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
}

impl UnknownWord {
    /// What may have been meant.
    pub fn nearest(&self) -> Option<&str> {
        let (Self::Workspace { nearest, .. } | Self::Status { nearest, .. } | Self::Owner { nearest, .. }) =
            self;
        nearest.as_deref()
    }

    /// Whether the question makes no sense, and not only its answer is empty.
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::Workspace { .. } | Self::Status { .. } => true,
            Self::Owner { .. } => false,
        }
    }
}

/// What `--workspace` calls the keys of no workspace.
const ORGANISATION: &str = "organisation";
/// The statuses that Portkey gives a key (portkey-api.md 2.4).
const STATUSES: [&str; 3] = ["active", "exhausted", "expired"];

impl ScopePattern {
    /// Reads a pattern, and refuses one that fits neither a known scope nor one that a live key has.
    pub fn parse(text: &str, live: &Live) -> Result<Self, ScopePatternError> {
        // No scope is called like a class: a scope has a dot.
        if let Some(class) = Privilege::ALL.into_iter().find(|class| class.word() == text) {
            return Ok(Self { text: text.to_owned(), fits: Fits::Class(class) });
        }
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
            return Ok(Self { text: text.to_owned(), fits: Fits::Names(glob) });
        }
        for class in Privilege::ALL {
            all.insert(class.word());
        }
        let nearest = nearest(text, all).map(str::to_owned);
        Err(ScopePatternError::Unknown { text: text.to_owned(), nearest })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn fits(&self, scope: &str) -> bool {
        match &self.fits {
            Fits::Names(glob) => glob.is_match(scope),
            Fits::Class(class) => scopes::privilege(scope) == *class,
        }
    }
}

impl Filter {
    /// The words of the question that nothing answers to.
    pub fn unknown(
        &self,
        holdings: &[Holding<'_>],
        desired: &Desired,
        directory: &Directory,
    ) -> Vec<UnknownWord> {
        let mut workspaces: BTreeSet<&str> = BTreeSet::from([ORGANISATION]);
        for key in &desired.keys {
            workspaces.extend(key.address.workspace.as_deref());
            workspaces.extend(key.workspace.as_deref());
        }
        for (id, slug) in &directory.workspaces {
            workspaces.extend([id.as_str(), slug.as_str()]);
        }
        for holding in holdings {
            workspaces.extend(holding.address.workspace.as_deref());
            workspaces.extend(holding.slug.as_deref());
            workspaces.extend(holding.key.workspace.as_ref().map(WorkspaceId::as_str));
        }
        let mut statuses = BTreeSet::from(STATUSES);
        statuses.extend(holdings.iter().map(|holding| holding.key.status.as_str()));
        let owners: BTreeSet<&str> = holdings.iter().filter_map(Holding::owner).collect();

        let near =
            |word: &str, known: &BTreeSet<&str>| nearest(word, known.iter().copied()).map(str::to_owned);
        // UUIDs are the same in either case; names are not.
        let is_same = |known: &str, word: &str| {
            known == word || (word.parse::<uuid::Uuid>().is_ok() && known.eq_ignore_ascii_case(word))
        };
        let has_workspace = |word: &&String| workspaces.iter().any(|known| is_same(known, word));
        let mut unknown = Vec::new();
        for word in self.workspaces.iter().filter(|word| !has_workspace(word)) {
            unknown.push(UnknownWord::Workspace { word: word.clone(), nearest: near(word, &workspaces) });
        }
        for word in self.statuses.iter().filter(|word| !statuses.contains(word.as_str())) {
            unknown.push(UnknownWord::Status { word: word.clone(), nearest: near(word, &statuses) });
        }
        for word in self.owners.iter().filter(|word| !owners.contains(word.as_str())) {
            unknown.push(UnknownWord::Owner { word: word.clone(), nearest: near(word, &owners) });
        }
        unknown
    }

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
