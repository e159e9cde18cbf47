//! Saved plans: a plan as a file, for being shown without a connection and applied as it was reviewed.
//!
//! The file is a published format with types of its own (`docs/saved-plan.schema.json`). It holds the plan, the
//! options that shaped it and what the keys files meant. Invariants: no I/O, no clock; no secret, for a plan has none;
//! what cannot be understood to the last field is no plan, for it is what somebody approved.

mod files;
mod form;
mod shapes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use self::form::{Form, Unfit};
use self::shapes::PlanForm;
use crate::escape::escape_json;
use crate::plan::{Absence, Contract, Plan, Prune, Risk};

pub use files::{FilesMeaning, FilesMoved};

/// The version of the file. It grows with every change that an earlier version of this program would misread.
pub const FORMAT_VERSION: u32 = 1;

/// What a file may hold at most, in bytes.
pub const MAX_BYTES: u64 = 64 << 20;

/// This program.
const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What stands at the beginning of every file.
const KIND: &str = "portkey-sync saved plan";

/// A plan, and all that is needed to make it again.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedPlan {
    /// The version of the program that made it.
    pub tool_version: String,
    /// The plan. For being shown and compared: it is made anew before it is applied.
    pub plan: Plan,
    /// What shaped it.
    pub options: SavedOptions,
    /// What the files meant.
    pub files: FilesMeaning,
}

/// The options that shaped a plan, as apply takes them up again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedOptions {
    /// `--prune`.
    pub prune: Prune,
    /// `--target`, as written.
    pub targets: Vec<String>,
    /// `--max-deletes`.
    pub max_deletes: Option<usize>,
    /// `--max-changes`.
    pub max_changes: Option<usize>,
    /// `--max-rotations`.
    pub max_rotations: Option<usize>,
    /// `--assume-complete`.
    pub absence: Absence,
    /// `--strict-contract`.
    pub contract: Contract,
    /// `--secrets-file`.
    pub secrets_file: Option<PathBuf>,
    /// `--verify-secrets`.
    pub prove: bool,
    /// `--self`, for the record: apply may run with another key.
    pub self_id: Option<String>,
    /// `--deny-risk`.
    pub deny_risks: Vec<Risk>,
    /// `--policy`.
    pub policy: Option<PathBuf>,
}

/// Why a file is no plan that can be applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// No JSON, or cut off.
    #[error("it is no JSON document, or not a whole one")]
    NotJson,
    /// Some other document.
    #[error("it is no saved plan")]
    OtherDocument,
    /// A format of another version.
    #[error("it has the format version {found}, and this version reads {FORMAT_VERSION}")]
    OtherFormat {
        /// What it says.
        found: String,
    },
    /// Made by another version of the program, which may plan otherwise.
    #[error("it was made by portkey-sync {found}, and this is {TOOL_VERSION}")]
    OtherVersion {
        /// What it says.
        found: String,
    },
    /// The checksum is not that of the rest.
    #[error("it was changed since it was written: its checksum does not fit")]
    Edited,
    /// A part that this program did not write.
    #[error("it holds what no plan can hold: {what}")]
    Unfit {
        /// Which part.
        what: String,
    },
}

/// The file.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(title = "portkey-sync saved plan")]
#[serde(deny_unknown_fields)]
struct Document {
    /// `portkey-sync saved plan`.
    kind: String,
    /// 1.
    format_version: u32,
    /// SHA-256 of the file with this text being empty. It tells accidents and edits by hand, not forgery.
    checksum: String,
    /// The version of portkey-sync that made the plan.
    tool_version: String,
    /// Sixteen hexadecimal digits for `apply --expect-plan`.
    digest: String,
    options: OptionsForm,
    files: FilesForm,
    plan: PlanForm,
}

/// The options that shaped the plan.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is one option")]
struct OptionsForm {
    prune: bool,
    targets: Vec<String>,
    max_deletes: Option<usize>,
    max_changes: Option<usize>,
    max_rotations: Option<usize>,
    assume_complete: bool,
    strict_contract: bool,
    secrets_file: Option<String>,
    verify_secrets: bool,
    /// For the record: apply may run with another key.
    #[serde(rename = "self")]
    self_id: Option<String>,
    deny_risks: Vec<String>,
    policy: Option<String>,
}

/// What the keys files meant; reformatting them changes nothing here.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FilesForm {
    /// As given on the command line.
    names: Vec<String>,
    /// Stands for what the files say beside the keys.
    settings: String,
    /// Stands for what the entry of each key says.
    keys: BTreeMap<String, String>,
    scope_sets: BTreeMap<String, BTreeSet<String>>,
}

impl SavedPlan {
    /// A plan of this program.
    pub fn new(plan: Plan, options: SavedOptions, files: FilesMeaning) -> Self {
        Self { tool_version: TOOL_VERSION.to_owned(), plan, options, files }
    }

    /// The file.
    pub fn to_json(&self) -> String {
        let FilesMeaning { names, settings, keys, scope_sets } = self.files.clone();
        let document = Document {
            kind: KIND.to_owned(),
            format_version: FORMAT_VERSION,
            checksum: String::new(),
            tool_version: self.tool_version.clone(),
            digest: self.plan.digest(),
            options: self.options.save(),
            files: FilesForm { names, settings, keys, scope_sets },
            plan: self.plan.save(),
        };
        // Plain structs with text keys: there is nothing in them that JSON cannot say.
        let mut text = escape_json(&serde_json::to_string_pretty(&document).unwrap_or_default());
        text.push('\n');
        let checksum = checksum(&text);
        text.replacen(&checksum_line(""), &checksum_line(&checksum), 1)
    }

    /// Whether a file begins as a saved plan does, of whatever version.
    pub fn begins(bytes: &[u8]) -> bool {
        bytes.starts_with(format!("{{\n  \"kind\": \"{KIND}\"").as_bytes())
    }

    /// Reads a file; every doubt is an error.
    pub fn parse(text: &str) -> Result<Self, SavedPlanError> {
        let value: Value = serde_json::from_str(text).map_err(|_| SavedPlanError::NotJson)?;
        if value.get("kind").and_then(Value::as_str) != Some(KIND) {
            return Err(SavedPlanError::OtherDocument);
        }
        let word = |name: &str| match value.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => "none".to_owned(),
        };
        if word("format_version") != FORMAT_VERSION.to_string() {
            return Err(SavedPlanError::OtherFormat { found: word("format_version") });
        }
        let said = word("checksum");
        if said.is_empty() || checksum(&text.replacen(&checksum_line(&said), &checksum_line(""), 1)) != said {
            return Err(SavedPlanError::Edited);
        }
        if !plans_alike(&word("tool_version")) {
            return Err(SavedPlanError::OtherVersion { found: word("tool_version") });
        }
        let document: Document = serde_json::from_value(value)
            .map_err(|error| SavedPlanError::Unfit { what: error.to_string() })?;
        let Document { kind: _, format_version: _, checksum: _, tool_version, digest, options, files, plan } =
            document;
        let plan = Plan::restore(plan).map_err(SavedPlanError::from)?;
        if plan.digest() != digest {
            return Err(SavedPlanError::Unfit { what: format!("`{digest}` as the digest of this plan") });
        }
        let FilesForm { names, settings, keys, scope_sets } = files;
        let files = FilesMeaning { names, settings, keys, scope_sets };
        Ok(Self { tool_version, plan, options: SavedOptions::restore(options)?, files })
    }
}

impl From<Unfit> for SavedPlanError {
    fn from(Unfit { text, kind }: Unfit) -> Self {
        Self::Unfit { what: format!("`{text}` as {kind}") }
    }
}

impl SavedOptions {
    fn save(&self) -> OptionsForm {
        let Self {
            prune,
            targets,
            max_deletes,
            max_changes,
            max_rotations,
            absence,
            contract,
            secrets_file,
            prove,
            self_id,
            deny_risks,
            policy,
        } = self;
        OptionsForm {
            prune: *prune == Prune::Delete,
            targets: targets.clone(),
            max_deletes: *max_deletes,
            max_changes: *max_changes,
            max_rotations: *max_rotations,
            assume_complete: *absence == Absence::Assumed,
            strict_contract: *contract == Contract::Strict,
            secrets_file: secrets_file.as_ref().map(|path| path.to_string_lossy().into_owned()),
            verify_secrets: *prove,
            self_id: self_id.clone(),
            deny_risks: deny_risks.save(),
            policy: policy.save(),
        }
    }

    fn restore(form: OptionsForm) -> Result<Self, Unfit> {
        let OptionsForm {
            prune,
            targets,
            max_deletes,
            max_changes,
            max_rotations,
            assume_complete,
            strict_contract,
            secrets_file,
            verify_secrets,
            self_id,
            deny_risks,
            policy,
        } = form;
        Ok(Self {
            prune: if prune { Prune::Delete } else { Prune::List },
            targets,
            max_deletes,
            max_changes,
            max_rotations,
            absence: if assume_complete { Absence::Assumed } else { Absence::Proven },
            contract: if strict_contract { Contract::Strict } else { Contract::Tolerant },
            secrets_file: secrets_file.map(PathBuf::from),
            prove: verify_secrets,
            self_id,
            deny_risks: Form::restore(deny_risks)?,
            policy: policy.map(PathBuf::from),
        })
    }
}

/// The JSON Schema of the file.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Document>().to_value()
}

/// Whether that version plans as this one does: the first two numbers are the same.
fn plans_alike(version: &str) -> bool {
    let line = |version: &str| version.rsplit_once('.').map(|(line, _)| line.to_owned());
    line(version).is_some() && line(version) == line(TOOL_VERSION)
}

fn checksum_line(checksum: &str) -> String {
    format!("\"checksum\": \"{checksum}\"")
}

fn checksum(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
