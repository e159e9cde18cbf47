//! `show`: everything that is known of one live key. Reads only.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::api::Reader;
use crate::desired::Desired;
use crate::inventory::{Holding, find, inventory};
use crate::live::hydrate;
use crate::model::OrganisationId;
use crate::render;

use super::args::GlobalArgs;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::PlanFormat;
use super::list::{Files, files, read};
use super::output::Output;
use super::session::Session;
use super::{complete, show_plan};

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A live key: its id, its address or an unambiguous tail of that; or the file of a saved plan, ending in .json
    #[arg(value_name = "WHAT", add = ArgValueCompleter::new(complete::addresses))]
    pub(super) what: String,
    /// How to answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(super) format: PlanFormat,
}

pub(super) async fn run(global: &GlobalArgs, args: &ShowArgs, output: &Output) -> Result<Exit, CommandError> {
    let path = Path::new(&args.what);
    // By its ending alone: a plan that is not there must not be looked for among the keys.
    let is_plan = path.extension().is_some_and(|extension| extension == "json");
    match args.format {
        _ if is_plan => show_plan::run(global, path, args.format, output),
        PlanFormat::Text | PlanFormat::Json => key(global, args, output).await,
        PlanFormat::Markdown | PlanFormat::Sarif | PlanFormat::Github | PlanFormat::Gitlab => {
            Err(CommandError::message("only a saved plan can be shown in this format")
                .hint("a live key is shown as text or json")
                .code("usage")
                .exit(Exit::Usage))
        }
    }
}

/// Shows a live key.
async fn key(global: &GlobalArgs, args: &ShowArgs, output: &Output) -> Result<Exit, CommandError> {
    let desired = match files(global, args.format.into(), output) {
        Files::Read(desired) => *desired,
        Files::None => Desired::default(),
        Files::Wrong => return Ok(Exit::Failed),
    };
    let session = Session::open(global, output).await?;
    let shown = look(&session.reader, &desired, args, output).await;
    session.close().await;
    output.data(&shown?);
    Ok(Exit::Done)
}

async fn look(
    reader: &Reader,
    desired: &Desired,
    args: &ShowArgs,
    output: &Output,
) -> Result<String, CommandError> {
    let (mut live, directory) = read(reader, desired).await?;
    let id = {
        let all = inventory(desired, &live, &directory);
        only(&all, &args.what)?.key.id.clone()
    };
    if !live.keys.get(&id).is_some_and(|key| key.rotation_policy.is_managed()) {
        hydrate(reader, &mut live, &BTreeSet::from([id.clone()])).await;
    }
    let all = inventory(desired, &live, &directory);
    let holding = only(&all, id.as_str())?;
    let organisation = live.organisation.as_ref().map(OrganisationId::as_str);
    Ok(match args.format {
        PlanFormat::Json => render::json::key(organisation, live.now, holding),
        _ => render::text::key(holding, live.now, &output.stdout),
    })
}

/// The one live key that a word means.
fn only<'h, 'a>(all: &'h [Holding<'a>], word: &str) -> Result<&'h Holding<'a>, CommandError> {
    match find(all, word).as_slice() {
        [one] => Ok(one),
        [] => {
            let names: Vec<String> =
                all.iter().flat_map(|one| [one.address.to_string(), one.address.name.clone()]).collect();
            let nearest = crate::diagnostic::nearest(word, names.iter().map(String::as_str));
            Err(CommandError::message(format!("no live key has the address or id `{word}`"))
                .maybe_hint(nearest.map(|nearest| format!("did you mean `{nearest}`?")))
                .hint("portkey-sync list has them all")
                .code("usage")
                .exit(Exit::Usage))
        }
        several => {
            let mut error = CommandError::message(format!("`{word}` can mean {} live keys", several.len()))
                .code("usage")
                .exit(Exit::Usage);
            for one in several.iter().take(SHOWN) {
                error = error.hint(format!("{}   {}", one.address, one.key.id));
            }
            if several.len() > SHOWN {
                error = error.hint(format!("and {} more", several.len() - SHOWN));
            }
            Err(error)
        }
    }
}

/// So many of several keys are named.
const SHOWN: usize = 10;
