//! `list`: live keys by what they have in common. Reads only.

use clap::{Args, ValueEnum};
use clap_complete::engine::ArgValueCompleter;
use futures_util::future::join;
use jiff::SignedDuration;

use crate::api::Reader;
use crate::desired::Desired;
use crate::inventory::{
    Directory, Filter, Mention, ScopePattern, ScopePatternError, UnknownWord, inventory, sight,
};
use crate::live::{Live, Names, RunningKey, refresh};
use crate::model::KeyKind;
use crate::render::{self, Verbosity};

use super::args::GlobalArgs;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::OutputFormat;
use super::output::Output;
use super::session::Session;
use super::values::days;
use super::{complete, import, planning, validate};

/// All conditions must hold; of one that is given several times, one value must fit.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one option")]
pub(super) struct ListArgs {
    /// Keys that hold this scope, with * for any text as in `logs.*`, or one of a class: reads, writes, administers,
    /// mints-keys
    #[arg(long, value_name = "SCOPE", add = ArgValueCompleter::new(complete::scopes))]
    can: Vec<String>,
    /// Keys that the files mention
    #[arg(long, conflicts_with = "unmanaged")]
    managed: bool,
    /// Keys that no file mentions
    #[arg(long)]
    unmanaged: bool,
    /// Keys that never expire
    #[arg(long, conflicts_with_all = ["expires_within", "expired"])]
    no_expiry: bool,
    /// Keys that will expire within this time, as in 30d
    #[arg(long, value_name = "DURATION", value_parser = days, conflicts_with = "expired")]
    expires_within: Option<SignedDuration>,
    /// Keys that have expired
    #[arg(long)]
    expired: bool,
    /// Keys without a limit on their usage that is enforced; one of 0 is not
    #[arg(long)]
    no_budget: bool,
    /// Keys without a rate limit that is enforced; one of 0 is not
    #[arg(long)]
    no_rate_limit: bool,
    /// Keys whose secret is older than this, or could be: Portkey does not tell when others rotated it
    #[arg(long, value_name = "DURATION", value_parser = days)]
    secret_older_than: Option<SignedDuration>,
    /// Keys of this workspace: alias, slug or UUID; `organisation` for keys of none
    #[arg(long = "workspace", value_name = "WORKSPACE")]
    workspaces: Vec<String>,
    /// Keys of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kinds: Vec<KeyKind>,
    /// Keys with this status: active, exhausted, expired
    #[arg(long = "status", value_name = "STATUS")]
    statuses: Vec<String>,
    /// Keys whose mark says that NAME manages them
    #[arg(long = "owner", value_name = "NAME")]
    owners: Vec<String>,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: ListFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    /// For people; -v adds the scopes
    Table,
    /// For spreadsheets
    Csv,
    /// For programs; covers errors too
    Json,
}

fn kind(text: &str) -> Result<KeyKind, String> {
    let all = KeyKind::ALL.map(KeyKind::as_str).join(", ");
    KeyKind::parse(text).ok_or_else(|| format!("`{text}` is no type of key; there are {all}"))
}

impl ListArgs {
    /// How errors are told.
    pub(super) fn error_format(&self) -> OutputFormat {
        match self.format {
            ListFormat::Table | ListFormat::Csv => OutputFormat::Text,
            ListFormat::Json => OutputFormat::Json,
        }
    }

    fn filter(&self, live: &Live) -> Result<Filter, CommandError> {
        let pattern = |text: &String| {
            ScopePattern::parse(text, live).map_err(|error| {
                let hint = match &error {
                    ScopePatternError::Unknown { nearest: Some(nearest), .. } => {
                        Some(format!("did you mean `{nearest}`?"))
                    }
                    ScopePatternError::Unknown { nearest: None, .. }
                    | ScopePatternError::Malformed { .. } => None,
                };
                CommandError::new(error).maybe_hint(hint).code("usage").exit(Exit::Usage)
            })
        };
        Ok(Filter {
            can: self.can.iter().map(pattern).collect::<Result<_, _>>()?,
            mention: match (self.managed, self.unmanaged) {
                (true, _) => Some(Mention::Managed),
                (false, true) => Some(Mention::Unmanaged),
                (false, false) => None,
            },
            no_expiry: self.no_expiry,
            expires_within: self.expires_within,
            expired: self.expired,
            no_budget: self.no_budget,
            no_rate_limit: self.no_rate_limit,
            secret_older_than: self.secret_older_than,
            workspaces: self.workspaces.clone(),
            kinds: self.kinds.clone(),
            statuses: self.statuses.clone(),
            owners: self.owners.clone(),
        })
    }
}

pub(super) async fn run(global: &GlobalArgs, args: &ListArgs, output: &Output) -> Result<Exit, CommandError> {
    let desired = match files(global, args.error_format(), output) {
        Files::Read(desired) => *desired,
        Files::Wrong => return Ok(Exit::Failed),
        Files::None if args.managed || args.unmanaged => {
            let option = if args.managed { "--managed" } else { "--unmanaged" };
            let name = validate::files_name(global);
            return Err(CommandError::message(format!(
                "{option} needs keys files, and there is no `{name}` here"
            ))
            .hint("name them with -f PATH")
            .code("usage")
            .exit(Exit::Usage));
        }
        Files::None => Desired::default(),
    };
    let session = Session::open(global, output).await?;
    let read = read(&session.reader, &desired).await;
    let mask = session.mask.clone();
    session.close().await;
    let (live, directory) = read?;
    let filter = args.filter(&live)?;
    let all = inventory(&desired, &live, &directory);
    check_words(&filter.unknown(&all, &desired, &directory), output)?;
    let listed: Vec<_> = all.iter().filter(|holding| filter.admits(holding, live.now)).collect();
    let sight = sight(&live, &RunningKey::recognise(&live, &mask));

    match args.format {
        ListFormat::Table => {
            let verbosity = if global.verbose > 0 { Verbosity::Verbose } else { Verbosity::Normal };
            output.data(&render::text::list(&listed, live.now, verbosity, &output.stdout));
            output.talk(&render::text::counted(listed.len(), all.len()));
        }
        ListFormat::Csv => output.data(&render::text::csv(&listed)),
        ListFormat::Json => {
            let organisation = live.organisation.as_ref().map(crate::model::OrganisationId::as_str);
            output.data(&render::json::list(organisation, live.now, all.len(), &sight, &listed));
        }
    }
    // An answer that may lack keys is said to be one even to those who asked for quiet.
    output.complain(&render::text::sight(&sight, &output.stderr));
    Ok(Exit::Done)
}

/// A misspelt word must not look like an answer.
fn check_words(unknown: &[UnknownWord], output: &Output) -> Result<(), CommandError> {
    for word in unknown {
        let hint = word.nearest().map(|nearest| format!("did you mean `{nearest}`?"));
        if word.is_mistake() {
            return Err(CommandError::new(word.clone()).maybe_hint(hint).code("usage").exit(Exit::Usage));
        }
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        output.complain(&format!("warning: {}\n", render::escape(&format!("{word}{hint}"))));
    }
    Ok(())
}

/// The keys files, for a command that can do without.
pub(super) enum Files {
    /// They are valid.
    Read(Box<Desired>),
    /// None were named, and there is no `keys.yaml`.
    None,
    /// They are not valid; all has been said.
    Wrong,
}

pub(super) fn files(global: &GlobalArgs, format: OutputFormat, output: &Output) -> Files {
    let is_default = global.files == [std::path::PathBuf::from("keys.yaml")];
    if is_default && !global.files.iter().any(|path| path.exists()) {
        return Files::None;
    }
    match validate::read(global, format, output) {
        Some(desired) => Files::Read(Box::new(desired)),
        None => Files::Wrong,
    }
}

/// The live keys, and what workspaces and users are called as far as the caller may list them.
pub(super) async fn read(reader: &Reader, desired: &Desired) -> Result<(Live, Directory), CommandError> {
    use crate::api::ReadApi;
    let names = Names::used_by(desired);
    let live = refresh(reader, &names).await.map_err(planning::refresh_failed)?;
    let (workspaces, users) = join(
        import::every_page(|page| reader.list_workspaces(page)),
        import::every_page(|page| reader.list_users(page)),
    )
    .await;
    let directory = Directory {
        // Without the scope to list them, ids stand for themselves.
        workspaces: workspaces
            .unwrap_or_default()
            .into_iter()
            .filter_map(|row| Some((row.id, row.slug?)))
            .collect(),
        users: users.unwrap_or_default().into_iter().filter_map(|row| Some((row.id, row.email?))).collect(),
    };
    Ok((live, directory))
}
