//! The command line: what may be written, and its help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::plan::Risk;

pub(super) const DEFAULT_BASE_URL: &str = "https://api.portkey.ai/v1";
pub(super) const DEFAULT_FILE: &str = "keys.yaml";
pub(super) const DEFAULT_WORK_DIR: &str = ".portkey-sync";

/// Keeps the API keys of a Portkey organisation equal to a reviewed YAML file.
#[derive(Debug, Parser)]
#[command(name = "portkey-sync", version, about, max_term_width = 100, propagate_version = true)]
#[command(
    after_help = "Start with:  portkey-sync plan --emulator        (an embedded emulator; no account needed)

Exit codes:
    0  done, nothing to do, or waiting
    1  failed, and nothing was changed
    2  changes are pending (--detailed-exitcode)
    3  something was changed, and not everything is done
    4  refused or blocked; nothing was written
   64  wrong usage
  130  interrupted before any write"
)]
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
    /// Show a saved plan again; needs no connection and no keys file
    Show(ShowArgs),
    /// Give keys a new secret now, and deliver it
    Rotate(RotateArgs),
    /// Let keys end now; extending `expires_at` takes it back
    Revoke(RevokeArgs),
    /// Write a keys file from the live keys; changes nothing
    Import(ImportArgs),
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
    #[arg(short, long = "file", value_name = "PATH", global = true, default_value = DEFAULT_FILE)]
    pub(super) files: Vec<PathBuf>,
    /// Rules for the keys besides those of the keys files, which can neither change nor waive these
    #[arg(long, value_name = "FILE", global = true)]
    pub(super) policy: Option<PathBuf>,
    /// Use the embedded emulator instead of Portkey; its state lies in the work folder
    #[arg(long = "emulator", global = true, help_heading = "Connection")]
    pub(super) embedded_emulator: bool,
    /// What an emulator holds at first: a seed, or a keys file, as if it had been applied [default with
    /// --emulator: an example organisation]
    #[arg(long, value_name = "FILE", global = true, help_heading = "Connection")]
    pub(super) seed: Option<PathBuf>,
    /// How an emulator misbehaves, YAML or JSON
    #[arg(long, value_name = "FILE", global = true, help_heading = "Connection")]
    pub(super) faults: Option<PathBuf>,
    /// The Admin API
    #[arg(
        long,
        value_name = "URL",
        global = true,
        env = "PORTKEY_BASE_URL",
        default_value = DEFAULT_BASE_URL,
        help_heading = "Connection"
    )]
    pub(super) base_url: String,
    /// Read the API key from a file, if neither `PORTKEY_ADMIN_API_KEY` nor `PORTKEY_API_KEY` is set
    #[arg(long, value_name = "PATH", global = true, help_heading = "Connection")]
    pub(super) api_key_file: Option<PathBuf>,
    /// Certificates to trust besides the system's, PEM
    #[arg(long, value_name = "PATH", global = true, help_heading = "Connection")]
    pub(super) ca_bundle: Option<PathBuf>,
    /// Where new secrets are tried, if keys ask for it [default: the Admin API's URL]
    #[arg(long, value_name = "URL", global = true, env = "PORTKEY_GATEWAY_URL", help_heading = "Connection")]
    pub(super) gateway_url: Option<String>,
    /// How long one request may take
    #[arg(
        long,
        value_name = "DURATION",
        global = true,
        value_parser = duration,
        default_value = "30s",
        help_heading = "Connection"
    )]
    pub(super) timeout: Duration,
    /// How long a request may be repeated when the service is busy or away
    #[arg(
        long,
        value_name = "DURATION",
        global = true,
        value_parser = duration,
        default_value = "2m",
        help_heading = "Connection"
    )]
    pub(super) retry_for: Duration,
    /// Where a run keeps secrets in flight and the embedded emulator its state
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "PORTKEY_SYNC_WORK_DIR",
        default_value = DEFAULT_WORK_DIR,
        help_heading = "Connection"
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    /// For people
    Text,
    /// For programs; covers errors too
    Json,
}

#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: OutputFormat,
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
#[expect(clippy::struct_excessive_bools, reason = "each is one option")]
pub(super) struct PlanningArgs {
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: OutputFormat,
    /// Only this key, by its address or an unambiguous tail of it; may be given several times
    #[arg(long = "target", value_name = "ADDRESS")]
    pub(super) targets: Vec<String>,
    /// Delete keys that carry our mark and are in no file
    #[arg(long)]
    pub(super) prune: bool,
    /// Refuse to delete more keys than this [default: a tenth of the keys, at least 3, at most 10]
    #[arg(long, value_name = "N")]
    pub(super) max_deletes: Option<usize>,
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
    /// Make at most this many rotations that no date in the file asks for, oldest secrets first [default: 20]
    #[arg(long, value_name = "N")]
    pub(super) max_rotations: Option<usize>,
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
    #[command(flatten)]
    pub(super) base: BaseArgs,
    /// Leave drift alone: only what the files change since their base, and what is due
    #[arg(long, requires = "BaseArgs", help_heading = "Review")]
    pub(super) only_changed: bool,
}

#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    pub(super) planning: PlanningArgs,
    /// End with 2 if there are changes
    #[arg(long)]
    pub(super) detailed_exitcode: bool,
    /// Also save the plan, for `apply FILE` and `show FILE`; holds no secret
    #[arg(long, value_name = "FILE")]
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

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A saved plan
    #[arg(value_name = "WHAT")]
    pub(super) what: PathBuf,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: OutputFormat,
}

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    pub(super) planning: PlanningArgs,
    /// Do not ask
    #[arg(short, long)]
    pub(super) yes: bool,
    /// Apply only if the plan is the one with this digest; does not ask
    #[arg(long, value_name = "DIGEST")]
    pub(super) expect_plan: Option<String>,
    /// Sit out what the plan waits for, such as a transition, before anything is done
    #[arg(long)]
    pub(super) wait: bool,
    /// Keys that are changed side by side
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(super) concurrency: u16,
    /// How long to wait for writes to become visible when reading back
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "10s")]
    pub(super) verify_for: Duration,
}

#[derive(Debug, Args)]
pub(super) struct RotateArgs {
    /// The keys, by their addresses or unambiguous tails of them
    #[arg(value_name = "ADDRESS", required = true)]
    pub(super) addresses: Vec<String>,
    /// How long the previous secret lives [default: the file's, or 30m]
    #[arg(long, value_name = "DURATION", value_parser = transition, conflicts_with = "accept")]
    pub(super) transition: Option<jiff::SignedDuration>,
    /// Rotate nothing: the sinks have the secret that is live, and the mark is to say so
    #[arg(long)]
    pub(super) accept: bool,
    #[command(flatten)]
    pub(super) apply: ApplyArgs,
}

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The keys, by their addresses or unambiguous tails of them
    #[arg(value_name = "ADDRESS", required = true)]
    pub(super) addresses: Vec<String>,
    #[command(flatten)]
    pub(super) apply: ApplyArgs,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Write to this file instead of standard output; it must not exist
    #[arg(short, long, value_name = "PATH")]
    pub(super) output: Option<PathBuf>,
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
    /// What `plan --out` writes
    SavedPlan,
    /// `validate --format json`, and what any command says about wrong files with `--format json`
    Diagnostics,
    /// Other errors with `--format json`
    Error,
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

/// One of the words; clap answers another one with the nearest.
fn risk() -> impl TypedValueParser<Value = Risk> {
    let parse = |word: String| Risk::parse(&word).ok_or("not a risk");
    PossibleValuesParser::new(Risk::ALL.map(Risk::word)).try_map(parse)
}

/// `30m` or longer.
fn transition(text: &str) -> Result<jiff::SignedDuration, String> {
    let length: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a duration such as 30m or 24h"))?;
    if length < crate::handoff::TRANSITION {
        return Err("Portkey lets the previous secret live for 30 minutes at least".to_owned());
    }
    Ok(length)
}

/// `500ms`, `30s`, `2m`, `1h30m`.
fn duration(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a duration such as 500ms, 30s or 2m"))?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())
}
