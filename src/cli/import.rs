//! `import`: a keys file from what is live.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

use futures_util::future::join3;
use zeroize::Zeroizing;

use crate::api::{ApiError, Page, ReadApi};
use crate::desired::parse_str;
use crate::diagnostic::Severity;
use crate::diff::diff;
use crate::import::{ImportOptions, StateKey, import, keys_of_tfstate};
use crate::live::{Names, hydrate, refresh};
use crate::render;

use super::args::{GlobalArgs, ImportArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::OutputFormat;
use super::output::Output;
use super::session::Session;
use super::{planning, validate};

pub(super) async fn run(
    global: &GlobalArgs,
    args: &ImportArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let only = args.from_tfstate.as_deref().map(state_keys).transpose()?;
    let desired = if args.unmanaged {
        let Some(desired) = validate::read(global, OutputFormat::Text, output) else {
            return Ok(Exit::Failed);
        };
        desired
    } else {
        crate::desired::Desired::default()
    };
    let session = Session::open(global, output).await?;
    let names = Names::used_by(&desired);
    let mut live = refresh(&session.reader, &names).await.map_err(planning::refresh_failed)?;
    // Only whole objects tell the rotation policy, unless rows carry it.
    let unread: BTreeSet<_> = live
        .keys
        .values()
        .filter(|key| !key.rotation_policy.is_managed())
        .filter(|key| only.as_ref().is_none_or(|only| only.iter().any(|wanted| wanted.names(&key.id))))
        .map(|key| key.id.clone())
        .collect();
    hydrate(&session.reader, &mut live, &unread).await;
    for (id, error) in &live.unreadable {
        let said = format!("the rotation policy of {id} could not be read: {error}");
        output.talk(&format!("warning: {}\n", render::escape(&said)));
    }
    let mentioned = {
        let diff = diff(&desired, &live, live.now);
        let unmentioned: BTreeSet<_> = diff.unmentioned.iter().map(|key| &key.id).collect();
        live.keys.keys().filter(|id| !unmentioned.contains(id)).cloned().collect()
    };
    let mut options = ImportOptions {
        managed_by: args.managed_by.clone(),
        // Whoever has put a key into a state means it.
        include_automatic: args.include_automatic || only.is_some(),
        only,
        mentioned,
        ..ImportOptions::default()
    };
    readable_names(&session, &mut options, output).await;
    session.close().await;

    let imported = import(&live, &options);
    let read_back = parse_str("import", &imported.text);
    if let Some(error) = read_back.diagnostics.iter().find(|found| found.severity == Severity::Error) {
        return Err(CommandError::message(format!(
            "the file that was to be written is not valid: {}",
            error.message
        ))
        .hint("this is a mistake in portkey-sync; nothing was written"));
    }
    match &args.output {
        None => output.data(&imported.text),
        Some(path) => {
            write_new(path, &imported.text).map_err(|error| {
                CommandError::new(
                    anyhow::Error::new(error).context(format!("`{}` cannot be written", path.display())),
                )
                .hint("import never overwrites: choose a path where nothing is")
            })?;
        }
    }
    if args.from_tfstate.is_some() {
        for reason in &imported.left_out {
            output.talk(&format!("warning: left out: {}\n", render::escape(reason)));
        }
    }
    let noun = if imported.keys == 1 { "key" } else { "keys" };
    let left = match imported.left_out.len() {
        0 => String::new(),
        n => format!("; {n} left out, as the comments at the top say"),
    };
    output.talk(&format!("imported {} {noun}{left}\n", imported.keys));
    Ok(Exit::Done)
}

/// Writes a file that is there as a whole or not at all, and never in the place of another.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // What any new file gets, less what the umask takes: there is no secret in it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}

/// The keys of a Terraform state. Its text holds their secrets, so it is wiped from memory.
fn state_keys(path: &Path) -> Result<Vec<StateKey>, CommandError> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        CommandError::new(anyhow::Error::new(error).context(format!("`{}` cannot be read", path.display())))
    })?;
    keys_of_tfstate(&text).map_err(|error| {
        let hint = error.hint();
        CommandError::new(
            anyhow::Error::new(error).context(format!("`{}` cannot be imported", path.display())),
        )
        .hint(hint)
    })
}

/// Slugs and e-mails instead of ids, as far as the caller may list them.
async fn readable_names(session: &Session, options: &mut ImportOptions, output: &Output) {
    let reader = &session.reader;
    let (workspaces, users, configs) = join3(
        every_page(|page| reader.list_workspaces(page)),
        every_page(|page| reader.list_users(page)),
        reader.list_configs(None),
    )
    .await;
    let mut without = Vec::new();
    match workspaces {
        Ok(rows) => {
            options.workspaces = rows.into_iter().filter_map(|row| Some((row.id, row.slug?))).collect();
        }
        Err(_) => without.push("workspaces"),
    }
    match users {
        Ok(rows) => options.users = rows.into_iter().filter_map(|row| Some((row.id, row.email?))).collect(),
        Err(_) => without.push("users"),
    }
    match configs {
        Ok(rows) => options.configs = rows.into_iter().filter_map(|row| Some((row.id, row.slug?))).collect(),
        Err(_) => without.push("configs"),
    }
    if !without.is_empty() {
        output.talk(&format!(
            "warning: this key may not list {}, so they stand by their ids\n",
            without.join(" and ")
        ));
    }
}

pub(super) async fn every_page<T, F, Fut>(read: F) -> Result<Vec<T>, ApiError>
where
    F: Fn(u32) -> Fut,
    Fut: Future<Output = Result<Page<T>, ApiError>>,
{
    let pages = crate::live::all_pages(read).await?;
    Ok(pages.into_iter().flat_map(|page| page.rows).collect())
}
