//! `explain permissions`: the least scopes for the work on these files, without any connection.

use crate::{plan, render};

use super::args::GlobalArgs;
use super::exit::Exit;
use super::formats::TextOrJson;
use super::output::Output;
use super::validate;

pub(super) fn run(global: &GlobalArgs, format: TextOrJson, output: &Output) -> Exit {
    let Some(desired) = validate::read(global, format.into(), output) else { return Exit::Failed };
    let least = plan::least(&desired);
    output.data(&match format {
        TextOrJson::Text => render::text::permissions(&least, &validate::files_name(global), &output.stdout),
        TextOrJson::Json => render::json::permissions(&least),
    });
    Exit::Done
}
