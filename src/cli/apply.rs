//! `apply`: plan, ask, do, verify, report.

use std::io::{BufRead, IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::apply::{ApplyOptions, Stop, apply};
use crate::desired::Desired;
use crate::live::Live;
use crate::model::{KeyId, Mask};
use crate::plan::Plan;
use crate::render::{self, text::Mode};
use crate::report::{Event, Report};
use crate::secrets::Escrow;

use super::args::{ApplyArgs, GlobalArgs, OutputFormat};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;
use super::session::Session;
use super::{planning, validate};

pub(super) async fn run(
    global: &GlobalArgs,
    args: &ApplyArgs,
    output: &Output,
) -> Result<Exit, CommandError> {
    let format = args.planning.format;
    let Some(desired) = validate::read(global, format, output) else { return Ok(Exit::Failed) };
    let session = Session::open(global, output).await?;
    let result = run_with(global, args, output, &desired, &session).await;
    session.close().await;
    result
}

async fn run_with(
    global: &GlobalArgs,
    args: &ApplyArgs,
    output: &Output,
    desired: &Desired,
    session: &Session,
) -> Result<Exit, CommandError> {
    let format = args.planning.format;
    let escrow = Escrow::at(&global.work_dir);
    let plan = planning::make(global, &args.planning, desired, session, |live| tidy(&escrow, live)).await?;
    if format == OutputFormat::Text {
        output.data(&planning::text(global, &args.planning, desired, &plan, Mode::AboutToApply, output));
    }
    if !plan.refusals.is_empty() || (plan.changes.is_empty() && plan.needs_a_person()) {
        if format == OutputFormat::Json {
            output.data(&render::json::plan(&plan));
        }
        return Ok(Exit::Refused);
    }
    if let Some(expected) = &args.expect_plan
        && *expected != plan.digest()
    {
        return Err(CommandError::message(format!(
            "this is not the plan that was approved: expected {expected}, now {}",
            plan.digest()
        ))
        .code("other-plan")
        .hint("look again with: portkey-sync plan")
        .exit(Exit::Refused));
    }
    if !plan.changes.is_empty() && !args.yes && args.expect_plan.is_none() {
        confirm(&plan, format)?;
    }

    let options = ApplyOptions {
        concurrency: usize::from(args.concurrency),
        verify_within: args.verify_for,
        sink_folder: desired.folder.clone(),
    };
    let stop = Stop::default();
    let listener = tokio::spawn(listen_for_interrupts(stop.clone()));
    let progress = Progress::new(plan.changes.len(), output, format);
    let report = apply(&plan, &session.reader, &session.writer, &escrow, &options, &stop, &|event| {
        progress.show(&event, &plan, output);
    })
    .await;
    listener.abort();
    progress.finish();

    let exit = exit(&plan, &report);
    match format {
        OutputFormat::Json => output.data(&render::json::report(&report, &plan, exit.code())),
        OutputFormat::Text if plan.changes.is_empty() => {}
        OutputFormat::Text => {
            output.data(&render::text::report(&report, &plan, Some(exit.code()), &output.stdout));
        }
    }
    Ok(exit)
}

/// Secrets that are delivered and committed have no business in the escrow.
fn tidy(escrow: &Escrow, live: &Live) {
    let is_committed = |id: &KeyId, mask: &Mask| live.keys.get(id).is_some_and(|key| key.has_committed(mask));
    if let Err(error) = escrow.discard_committed(is_committed) {
        tracing::warn!(%error, "a secret that is delivered and committed stays in the escrow");
    }
}

fn exit(plan: &Plan, report: &Report) -> Exit {
    let changed = report.may_have_changed();
    if report.succeeded() {
        return if plan.blocked.is_empty() { Exit::Done } else { Exit::Partial };
    }
    match (changed, report.interrupted) {
        (true, _) => Exit::Partial,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Failed,
    }
}

/// Asks; anything but `yes` declines, and without a terminal nothing is guessed.
fn confirm(plan: &Plan, format: OutputFormat) -> Result<(), CommandError> {
    if !std::io::stdin().is_terminal() || format == OutputFormat::Json {
        return Err(CommandError::message("there is nobody to ask: standard input is no terminal")
            .code("nobody-to-ask")
            .hint("say --yes to apply whatever the plan is")
            .hint(format!("or approve exactly this plan: --expect-plan {}", plan.digest())));
    }
    let mut stderr = std::io::stderr();
    let question = render::text::question(plan);
    stderr.write_all(question.as_bytes()).and_then(|()| stderr.flush()).map_err(CommandError::new)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(CommandError::new)?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(CommandError::message("declined; nothing was written").code("declined"))
    }
}

/// The first Ctrl-C (or SIGTERM, which CI systems send) lets calls in flight finish; the second ends at once.
async fn listen_for_interrupts(stop: Stop) {
    loop {
        interrupt().await;
        if stop.is_requested() {
            #[expect(clippy::exit, reason = "asked twice; secrets on their way lie in the escrow")]
            std::process::exit(i32::from(Exit::Partial.code()));
        }
        stop.request();
        tracing::warn!(
            "interrupted: calls in flight are finished, nothing new is begun; once more ends at once"
        );
    }
}

#[cfg(unix)]
async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
}

#[cfg(not(unix))]
async fn interrupt() {
    drop(tokio::signal::ctrl_c().await);
}

/// A bar on a terminal, one line per change elsewhere.
struct Progress {
    bar: ProgressBar,
    total: usize,
    done: AtomicUsize,
}

impl Progress {
    fn new(total: usize, output: &Output, format: OutputFormat) -> Self {
        let on_terminal = std::io::stderr().is_terminal() && format == OutputFormat::Text && !output.quiet;
        let target = if on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target);
        if let Ok(style) = ProgressStyle::with_template("  [{bar:38}] {pos} of {len}  {wide_msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        Self { bar, total, done: AtomicUsize::new(0) }
    }

    fn show(&self, event: &Event<'_>, plan: &Plan, output: &Output) {
        let done = match event {
            Event::Finished { .. } => self.done.fetch_add(1, Ordering::SeqCst) + 1,
            Event::Started { .. } | Event::Verifying { .. } => self.done.load(Ordering::SeqCst),
        };
        let line = render::text::event_line(event, plan, done, self.total, &output.stderr);
        if self.bar.is_hidden() {
            if let Some(line) = line {
                output.talk(&format!("{line}\n"));
            }
            return;
        }
        match (event, line) {
            (Event::Finished { .. }, Some(line)) => {
                self.bar.println(line);
                self.bar.set_position(done as u64);
            }
            (Event::Started { address, .. }, _) => self.bar.set_message(render::escape(&address.to_string())),
            (Event::Verifying { .. }, _) => self.bar.set_message("reading back"),
            (Event::Finished { .. }, None) => {}
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
