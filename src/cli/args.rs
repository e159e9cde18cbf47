//! The command line: what may be written, and its help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCompleter;

use super::complete;

use super::formats::{ApplyFormat, PlanFormat, TextOrJson, ValidateFormat};
use super::values::{Moment, days, digest, duration, moment, plan_file, risk, transition};
use crate::plan::Risk;

pub(super) const DEFAULT_BASE_URL: &str = "https://api.portkey.ai/v1";
pub(super) const DEFAULT_FILE: &str = "keys.yaml";
/// Headings of the help whose options not every command has a use for.
pub(super) const FILES: &str = "Files";
pub(super) const CONNECTION: &str = "Connection";
pub(super) const DEFAULT_WORK_DIR: &str = ".portkey-sync";

/// Keeps the API keys of a Portkey organisation equal to a reviewed YAML file.
#[derive(Debug, Parser)]
#[command(name = "portkey-sync", version, about, max_term_width = 100, propagate_version = true)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: GlobalArgs,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check keys files without any connection
    Validate(ValidateArgs),
    /// Show what apply would do; writes nothing
    Plan(PlanArgs),
    /// Make the live keys what the files say
    Apply(ApplyPlanArgs),
    /// Give keys a new secret now, and deliver it
    Rotate(RotateArgs),
    /// Let keys end now; extending `expires_at` takes it back
    Revoke(RevokeArgs),
    /// Write a keys file from the live keys; changes nothing
    Import(ImportArgs),
    /// List live keys: who can do what, what never expires, what no file mentions
    List(super::list::ListArgs),
    /// Show everything that is known of one live key; or a saved plan, without any connection
    Show(super::show::ShowArgs),
    /// Say what a scope, a field or a code means
    Explain(ExplainArgs),
    /// Write keys files in their canonical form
    ///
    /// Comments, values, indentation and the order of lists stay as they are. Spaces, blank lines and quotes become
    /// uniform, and the fields of an entry of `keys` in block style get the order of the reference, each with the comments
    /// above it. A file that would not say exactly the same afterwards is left alone, and said so.
    Fmt(FmtArgs),
    /// Serve a local Portkey Admin API, for tests and rehearsals
    Emulator(EmulatorArgs),
    /// Print a JSON Schema of what is read or published
    Schema(SchemaArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write the manual pages
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(super) struct GlobalArgs {
    /// A keys file, a folder of them, or - for standard input; may be given several times
    #[arg(short, long = "file", value_name = "PATH", global = true, default_value = DEFAULT_FILE, help_heading = FILES)]
    pub(super) files: Vec<PathBuf>,
    /// Rules for the keys besides those of the keys files, which can neither change nor waive these
    #[arg(long, value_name = "FILE", global = true, help_heading = FILES)]
    pub(super) policy: Option<PathBuf>,
    /// Use the embedded emulator instead of Portkey; its state lies in the work folder
    #[arg(long = "emulator", global = true, help_heading = CONNECTION)]
    pub(super) embedded_emulator: bool,
    /// What an emulator holds at first: a seed, or a keys file, as if it had been applied [default with
    /// --emulator: an example organisation]
    #[arg(long, value_name = "FILE", global = true, help_heading = CONNECTION)]
    pub(super) seed: Option<PathBuf>,
    /// How an emulator misbehaves, YAML or JSON
    #[arg(long, value_name = "FILE", global = true, help_heading = CONNECTION)]
    pub(super) faults: Option<PathBuf>,
    /// The Admin API
    #[arg(
        long,
        value_name = "URL",
        global = true,
        env = "PORTKEY_BASE_URL",
        default_value = DEFAULT_BASE_URL,
        help_heading = CONNECTION
    )]
    pub(super) base_url: String,
    /// Read the API key from a file, if neither `PORTKEY_ADMIN_API_KEY` nor `PORTKEY_API_KEY` is set
    #[arg(long, value_name = "PATH", global = true, help_heading = CONNECTION)]
    pub(super) api_key_file: Option<PathBuf>,
    /// Certificates to trust besides the system's, PEM
    #[arg(long, value_name = "PATH", global = true, help_heading = CONNECTION)]
    pub(super) ca_bundle: Option<PathBuf>,
    /// Where new secrets are tried, if keys ask for it [default: the Admin API's URL]
    #[arg(long, value_name = "URL", global = true, env = "PORTKEY_GATEWAY_URL", help_heading = CONNECTION)]
    pub(super) gateway_url: Option<String>,
    /// How long one request may take
    #[arg(
        long,
        value_name = "DURATION",
        global = true,
        value_parser = duration,
        default_value = "30s",
        help_heading = CONNECTION
    )]
    pub(super) timeout: Duration,
    /// How long a request may be repeated when the service is busy or away
    #[arg(
        long,
        value_name = "DURATION",
        global = true,
        value_parser = duration,
        default_value = "2m",
        help_heading = CONNECTION
    )]
    pub(super) retry_for: Duration,
    /// Where a run keeps secrets in flight and the embedded emulator its state
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "PORTKEY_SYNC_WORK_DIR",
        default_value = DEFAULT_WORK_DIR,
        help_heading = CONNECTION
    )]
    pub(super) work_dir: PathBuf,
    /// When to colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", help_heading = "Output")]
    pub(super) color: ColorWhen,
    /// Say more: unmentioned keys and exact calls; -vv logs requests, -vvv all there is
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Output")]
    pub(super) verbose: u8,
    /// Say only what was asked for, and errors
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub(super) quiet: bool,
    /// How log lines are written to standard error
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text", help_heading = "Output")]
    pub(super) log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ValidateFormat,
    #[command(flatten)]
    pub(super) base: BaseArgs,
    /// Count keys that the files no longer mention as deleted, as `apply --prune` would delete them
    #[arg(long, requires = "BaseArgs", help_heading = "Review")]
    pub(super) prune: bool,
    /// End with 4 if a change since the base has one of these risks; several with commas or by repeating the option
    #[arg(
        long = "deny-risk",
        value_name = "RISK",
        value_delimiter = ',',
        value_parser = risk(),
        requires = "BaseArgs",
        help_heading = "Review"
    )]
    pub(super) deny_risks: Vec<Risk>,
}

/// The files as they were.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub(super) struct BaseArgs {
    /// The keys file as it was, or a folder of them: tells this change from older drift; may be given several times
    #[arg(long = "base", value_name = "PATH", help_heading = "Review")]
    pub(super) base: Vec<PathBuf>,
    /// A git revision that has the keys files as they were, as in origin/main
    #[arg(long, value_name = "REV", help_heading = "Review")]
    pub(super) base_ref: Option<String>,
}

/// What decides a plan; the same for `plan` and `apply`.
#[derive(Clone, Debug, Args)]
pub(super) struct PlanningArgs {
    /// Only this key, by its address or an unambiguous tail of it; may be given several times
    #[arg(long = "target", value_name = "ADDRESS", add = ArgValueCompleter::new(complete::addresses))]
    pub(super) targets: Vec<String>,
    /// Delete keys that carry our mark and are in no file
    #[arg(long)]
    pub(super) prune: bool,
    /// Refuse to delete more keys than this [default: a tenth of the keys, at least 3, at most 10]
    #[arg(long, value_name = "N")]
    pub(super) max_deletes: Option<usize>,
    /// Make at most this many rotations that no date in the file asks for, oldest secrets first [default: 20]
    #[arg(long, value_name = "N")]
    pub(super) max_rotations: Option<usize>,
    #[command(flatten)]
    pub(super) common: CommonArgs,
    #[command(flatten)]
    pub(super) base: BaseArgs,
    /// Leave drift alone: only what the files change since their base, and what is due
    #[arg(long, requires = "BaseArgs", help_heading = "Review")]
    pub(super) only_changed: bool,
}

/// What decides any plan, also that of a command which is told its keys by name.
#[derive(Clone, Debug, Args)]
pub(super) struct CommonArgs {
    /// Refuse to change more keys than this
    #[arg(long, value_name = "N")]
    pub(super) max_changes: Option<usize>,
    /// Refuse to apply anything while a change has one of these risks: words after `!` in the plan, several with
    /// commas or by repeating the option
    #[arg(
        long = "deny-risk",
        value_name = "RISK",
        value_delimiter = ',',
        value_parser = risk(),
        help_heading = "Review"
    )]
    pub(super) deny_risks: Vec<Risk>,
    /// Let sinks run this program; may be given several times
    #[arg(long = "allow-command", value_name = "PROGRAM")]
    pub(super) allow_commands: Vec<String>,
    /// Try every new secret on the gateway before it counts as delivered
    #[arg(long)]
    pub(super) verify_secrets: bool,
    /// Take keys that cannot be seen for absent, even if the list does not prove it
    #[arg(long)]
    pub(super) assume_complete: bool,
    /// Refuse answers with fields or values that this version does not know
    #[arg(long)]
    pub(super) strict_contract: bool,
    /// The id of the key that this runs with, where its mask does not tell
    #[arg(long = "self", value_name = "ID")]
    pub(super) self_id: Option<String>,
    /// Go on with the secrets of an encrypted escrow that this identity reads: a file of `age-keygen`, or an ssh
    /// private key
    #[arg(long, value_name = "PATH", env = "PORTKEY_SYNC_AGE_IDENTITY")]
    pub(super) age_identity: Option<PathBuf>,
    /// Also append each new secret to this file, one JSON object a line
    #[arg(long, value_name = "PATH")]
    pub(super) secrets_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: PlanFormat,
    #[command(flatten)]
    pub(super) planning: PlanningArgs,
    /// End with 2 if there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Plan as of another moment: RFC 3339, a date, or a length of time from now, as in +30d
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(super) at: Option<Moment>,
    /// How far ahead to tell what is coming up
    #[arg(long, value_name = "DURATION", value_parser = days, default_value = "14d")]
    pub(super) coming_up: jiff::SignedDuration,
    /// Also save the plan, for `apply FILE` and `show FILE`; holds no secret
    #[arg(long, value_name = "FILE.json", value_parser = plan_file, conflicts_with = "at")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ApplyPlanArgs {
    /// A saved plan: apply what was reviewed and nothing else, with the options it was made with; does not ask
    #[arg(value_name = "PLAN")]
    pub(super) plan: Option<PathBuf>,
    #[command(flatten)]
    pub(super) apply: ApplyArgs,
}

/// What `apply` is told; `P` is what of a plan can be chosen.
#[derive(Debug, Args)]
pub(super) struct ApplyArgs<P: Args = PlanningArgs> {
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: ApplyFormat,
    #[command(flatten)]
    pub(super) planning: P,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Apply only if the plan is the one with this digest; does not ask
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(super) expect_plan: Option<String>,
    /// Do what can be done, sit out what the plan waits for, such as a transition, and do the rest; with a saved plan,
    /// --expect-plan or --format json, and for keys that are named, nothing is done before
    #[arg(long)]
    pub(super) wait: bool,
    /// Keys that are changed side by side
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) concurrency: u16,
    /// How long to wait for writes to become visible when reading back
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub(super) verify_for: Duration,
}

impl ApplyArgs<CommonArgs> {
    /// For these keys and no others.
    pub(super) fn to(self, targets: Vec<String>) -> ApplyArgs {
        let Self { format, planning: common, yes, expect_plan, wait, concurrency, verify_for } = self;
        let planning = PlanningArgs {
            targets,
            prune: false,
            max_deletes: None,
            max_rotations: None,
            common,
            base: BaseArgs::default(),
            only_changed: false,
        };
        ApplyArgs { format, planning, yes, expect_plan, wait, concurrency, verify_for }
    }
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The keys, by their addresses or unambiguous tails of them
    #[arg(value_name = "ADDRESS", required = true, add = ArgValueCompleter::new(complete::addresses))]
    pub(super) addresses: Vec<String>,
    /// How long the previous secret lives [default: the file's, or 30m]
    #[arg(long, value_name = "DURATION", value_parser = transition, conflicts_with = "accept")]
    pub(super) transition: Option<jiff::SignedDuration>,
    /// Rotate nothing: the sinks have the secret that is live, and the mark is to say so
    #[arg(long)]
    pub(super) accept: bool,
    #[command(flatten)]
    pub(super) apply: ApplyArgs<CommonArgs>,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The keys, by their addresses or unambiguous tails of them; live keys without an entry by whole address or id
    #[arg(value_name = "ADDRESS", required = true, add = ArgValueCompleter::new(complete::addresses))]
    pub(super) addresses: Vec<String>,
    #[command(flatten)]
    pub(super) apply: ApplyArgs<CommonArgs>,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Write to this file instead of standard output; it must not exist
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
    /// Only the keys of this Terraform state, in its order; secrets in it are not read
    #[arg(long, value_name = "FILE", conflicts_with_all = ["unmanaged", "include_automatic"])]
    pub(super) from_tfstate: Option<PathBuf>,
    /// Only keys that the files given with --file do not mention
    #[arg(long)]
    pub(super) unmanaged: bool,
    /// The `managed_by` to write; keys that carry another owner's mark are left out
    #[arg(long, value_name = "NAME")]
    pub(super) managed_by: Option<String>,
    /// Also keys that Portkey made by itself for users who joined
    #[arg(long)]
    pub(super) include_automatic: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Words to look up; or a kind of word to list: scopes, fields, diagnostics, exit-codes, blocked, refusals, notes,
    /// risks, causes, rules, rule-sets; or `permissions`: the least scopes that a key needs for the files given with --file
    #[arg(value_name = "TOPIC", add = ArgValueCompleter::new(complete::topics))]
    pub(super) topics: Vec<String>,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: TextOrJson,
}

#[derive(Debug, Args)]
pub(super) struct FmtArgs {
    /// Files, folders of them, or - for standard input to standard output [default: those of --file]
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Write nothing; show what would change, and end with 1 if anything would
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
pub(super) struct EmulatorArgs {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    pub(super) listen: SocketAddr,
    /// Allow addresses that other machines can reach
    #[arg(long)]
    pub(super) allow_non_loopback: bool,
    /// Keep the state here; if the file exists, it is used and the seed is not
    #[arg(long, value_name = "FILE")]
    pub(super) state: Option<PathBuf>,
    /// Start from the seed, whatever the state file holds
    #[arg(long, requires = "state")]
    pub(super) reset: bool,
    /// The secret of its administrative key [default: the seed's, or a random one]
    #[arg(long, value_name = "KEY", env = "PORTKEY_EMULATOR_ADMIN_KEY", hide_env_values = true)]
    pub(super) admin_key: Option<String>,
    /// How long each request takes at least
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0ms")]
    pub(super) latency: Duration,
}

#[derive(Debug, Args)]
pub(super) struct SchemaArgs {
    /// Of what
    #[arg(default_value = "keys")]
    pub(super) of: SchemaOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SchemaOf {
    /// A keys file
    Keys,
    /// `plan --format json`
    Plan,
    /// `apply --format json`
    Report,
    /// One line of `apply --format jsonl`
    Events,
    /// `explain --format json`
    Explain,
    /// `explain permissions --format json`
    Permissions,
    /// What `plan --out` writes
    SavedPlan,
    /// `validate --format json`, and what any command says about wrong files with `--format json`
    Diagnostics,
    /// Other errors with `--format json`
    Error,
    /// `list --format json`
    List,
    /// `show ADDRESS --format json`
    Show,
    /// A policy file, for --policy
    Policy,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write one page per command into this folder, instead of the main page to standard output
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}
