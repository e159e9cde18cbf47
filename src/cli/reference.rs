//! `schema`, `completions`, `man`: what the program says about itself.

use std::path::Path;

use crate::{desired, render};

use super::args::SchemaOf;
use super::exit::Exit;
use super::failure::CommandError;
use super::manual;
use super::output::Output;

pub(super) fn schema(of: SchemaOf, output: &Output) -> Result<Exit, CommandError> {
    let schema = match of {
        SchemaOf::Keys => desired::schema(),
        SchemaOf::Plan => published("plan.schema.json"),
        SchemaOf::Report => published("report.schema.json"),
        SchemaOf::Events => published("events.schema.json"),
        SchemaOf::Explain => published("explain.schema.json"),
        SchemaOf::Permissions => published("permissions.schema.json"),
        SchemaOf::SavedPlan => published("saved-plan.schema.json"),
        SchemaOf::Diagnostics => published("diagnostics.schema.json"),
        SchemaOf::List => published("list.schema.json"),
        SchemaOf::Show => published("show.schema.json"),
        SchemaOf::Error => published("error.schema.json"),
        SchemaOf::Policy => desired::policy_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(CommandError::new)?;
    output.data(&format!("{text}\n"));
    Ok(Exit::Done)
}

fn published(file: &str) -> serde_json::Value {
    let schemas = render::json::schemas();
    schemas.into_iter().find(|(name, _)| *name == file).map(|(_, schema)| schema).unwrap_or_default()
}

pub(super) fn completions(shell: clap_complete::Shell, output: &Output) -> Result<Exit, CommandError> {
    output.data(&super::complete::script(shell).map_err(CommandError::new)?);
    Ok(Exit::Done)
}

pub(super) fn man(folder: Option<&Path>, output: &Output) -> Result<Exit, CommandError> {
    let pages = manual::pages().map_err(CommandError::new)?;
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(CommandError::new)?;
            for (name, page) in pages {
                std::fs::write(folder.join(name), page).map_err(CommandError::new)?;
            }
        }
        None => {
            let main = pages.into_iter().next().map(|(_, page)| page).unwrap_or_default();
            output.data(&String::from_utf8_lossy(&main));
        }
    }
    Ok(Exit::Done)
}
