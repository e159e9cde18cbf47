//! `schema`, `completions`, `man`: what the program says about itself.

use std::path::Path;

use clap::CommandFactory;

use crate::{desired, render};

use super::args::{Cli, SchemaOf};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;

pub(super) fn schema(of: SchemaOf, output: &Output) -> Result<Exit, CommandError> {
    let schema = match of {
        SchemaOf::Keys => desired::schema(),
        SchemaOf::Plan => published("plan.schema.json"),
        SchemaOf::Report => published("report.schema.json"),
        SchemaOf::SavedPlan => published("saved-plan.schema.json"),
        SchemaOf::Diagnostics => published("diagnostics.schema.json"),
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

pub(super) fn completions(shell: clap_complete::Shell, output: &Output) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "portkey-sync", &mut script);
    output.data(&String::from_utf8_lossy(&script));
    Exit::Done
}

pub(super) fn man(folder: Option<&Path>, output: &Output) -> Result<Exit, CommandError> {
    let command = Cli::command();
    match folder {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(CommandError::new)?;
            clap_mangen::generate_to(command, folder).map_err(CommandError::new)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page).map_err(CommandError::new)?;
            output.data(&String::from_utf8_lossy(&page));
        }
    }
    Ok(Exit::Done)
}
