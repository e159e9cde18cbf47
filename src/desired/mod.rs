//! Desired state: what the keys files say, checked and merged, or every complaint about them.
//!
//! ```text
//! files ── yaml ──▶ tree ── check (fields) ──▶ values ── merge, lower ──▶ keys ── across ──▶ Desired
//! ```
//!
//! **Several files.** All `-f` files together are the root: what stands at their top may stand in
//! any of them and holds for all. The same declaration twice is an error, unless it is a single
//! value that is the same in both. Two things hold for less than everything: `defaults` are for the
//! keys of the file that has them and of the files that it includes (whose own `defaults` win), and
//! the templates of an included file are for its own keys. `version: 1` must stand in one root file
//! at least, `keys` or `include` as well; an included file holds `keys`, `defaults` and `templates`
//! only.
//!
//! Invariants: no network, no clock; the order of files and of keys within them changes nothing but
//! the places that are shown. A warning never stops; any error means that there is no [`Desired`].
//! Input is bounded before it is parsed, and what it can multiply into while it is.

mod across;
mod check;
pub(crate) mod codes;
mod complaints;
mod elsewhere;
mod fields;
mod files;
mod format;
mod formats;
mod key_fields;
mod load;
mod lower;
mod manual;
mod merge;
mod patterns;
mod policy;
mod revision;
mod rules;
mod scalar;
mod schema;
mod sink_fields;
mod sinks;
mod storage;
mod table;
mod world;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::diagnostic::Place;
use crate::model::{
    KeyAddress, KeyId, KeyKind, Mask, OrganisationId, RateLimit, RotationPolicy, Setting, UsageLimits,
};

pub use codes::{EXPLANATIONS, Explanation, explain};
pub use elsewhere::{About, Need, WithoutEntry};
pub use files::FileArgument;
pub use format::{LeftAlone, NotFormatted, format};
pub use load::{Loaded, PolicyArgument, load, load_revision, load_with, parse_str};
pub use manual::{FieldEntry, field_entries};
pub use patterns::{Globs, Pattern};
pub use policy::{Demand, Limits, Origin, Policy, Rule, Waiver};
pub use revision::{Revision, RevisionError};
pub use rules::{RULE_SETS, RuleId, RuleInfo, RuleSet, explain_rule, rules};
pub use schema::{policy_schema, schema};
pub use sinks::{Sink, SinkPathError};

/// Everything the files say. Keys are sorted by address, then pin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// The fence: the only organisation these files are for.
    pub organisation: Option<OrganisationId>,
    /// The name under which managed keys are marked as ours.
    pub managed_by: Option<String>,
    /// The scope sets by name, for showing scopes as they were written.
    pub scope_sets: BTreeMap<String, BTreeSet<String>>,
    /// Where secrets can go.
    pub sinks: BTreeMap<String, Sink>,
    /// The rules that the keys must keep: those of the root file, those of the policy file. They add up.
    pub policies: Vec<Policy>,
    /// The `age` recipients that secrets in the escrow are encrypted to; none for plain text.
    pub escrow_recipients: Vec<String>,
    /// The keys.
    pub keys: Vec<DesiredKey>,
    /// The folder of the root keys file; `None` for standard input. File sinks lie beneath it.
    pub folder: Option<std::path::PathBuf>,
    /// Whether the root file and all its includes were read whole: what prune needs to know.
    pub complete: bool,
}

impl Desired {
    /// The folder that sinks lie in, seen from the working folder.
    pub fn sink_folder(&self) -> &std::path::Path {
        self.folder.as_deref().unwrap_or(std::path::Path::new("."))
    }
}

/// One key of the file, defaults and template merged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredKey {
    /// How people call it.
    pub address: KeyAddress,
    /// Where its entry starts.
    pub place: Place,
    /// `workspace-service` unless said.
    pub kind: KeyKind,
    /// The workspace's slug or UUID, aliases resolved; `None` for organisation keys.
    pub workspace: Option<String>,
    /// The owner's id or e-mail; for user keys only.
    pub user: Option<String>,
    /// The pin.
    pub id: Option<KeyId>,
    /// The key's former name; `Clear` says that this is a new key and no rename.
    pub renamed_from: Setting<String>,
    /// The live key in whose place this one comes, and which is deleted once that is delivered and settled.
    pub replaces: Option<KeyId>,
    /// Whether the key must exist.
    pub presence: Presence,
    /// Never delete it.
    pub protected: bool,
    /// What it should be.
    pub spec: KeySpec,
    /// Scopes as written: sets by name, single scopes by theirs.
    pub written_scopes: Vec<String>,
    /// Reset the usage if it was last reset before this.
    pub usage_reset_after: Option<Timestamp>,
    /// What happens to its secret.
    pub secret: SecretSpec,
    /// Where each managed field got its value: field name as in the file.
    pub field_places: BTreeMap<&'static str, Place>,
    /// Which of them stand in a template or in defaults.
    pub inherited: BTreeSet<&'static str>,
}

/// What happens to a key's secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretSpec {
    /// The names of the sinks for it.
    pub deliver_to: Vec<String>,
    /// How long the previous secret lives after a rotation.
    pub transition: Option<SignedDuration>,
    /// Rotate what was issued before this time, once the time has come.
    pub rotate_after: Option<Timestamp>,
    /// Rotate what is older.
    pub max_age: Option<SignedDuration>,
    /// No rotation before.
    pub until: Option<Timestamp>,
    /// The mask of what the sinks hold.
    pub delivered: Option<Mask>,
    /// Rotate a key that nobody here has delivered.
    pub first_rotate: bool,
    /// Try a new secret on the gateway before it counts as delivered.
    pub verify: bool,
}

/// Whether a key must exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Create it if it is missing.
    Present,
    /// `absent: true`: delete it if it is there.
    Absent,
}

/// The managed fields. A field that is not managed is never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySpec {
    /// The text without any mark.
    pub description: Setting<String>,
    /// Expanded, without repetitions, in the order of the file; never empty. `None` if not managed.
    pub scopes: Option<Vec<String>>,
    /// At most one per type and unit; `[]` is `Clear`.
    pub rate_limits: Setting<Vec<RateLimit>>,
    /// Compared and sent whole.
    pub usage_limits: Setting<UsageLimits>,
    /// `Some(value)` sets one key, `None` removes it; `Clear` removes all.
    pub metadata: Setting<BTreeMap<String, Option<String>>>,
    /// The bound config: slug or UUID.
    pub config_id: Setting<String>,
    /// `Clear` means the default, true.
    pub allow_config_override: Setting<bool>,
    /// `[]` is `Clear`.
    pub alert_emails: Setting<BTreeSet<String>>,
    /// `Clear` means never.
    pub expires_at: Setting<Timestamp>,
    /// Compared and sent whole.
    pub rotation_policy: Setting<RotationPolicy>,
}
