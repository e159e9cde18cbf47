//! `plan`, and how `apply` comes by its plan.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::desired::{Desired, DesiredKey};
use crate::diff::needs_hydration;
use crate::handoff;
use crate::live::{Live, Names, RefreshError, RunningKey, hydrate, look_for, refresh};
use crate::model::{Escrowed, KeyAddress, KeyId, Mask, Target};
use crate::plan::{Absence, Asked, Contract, Inputs, Intent, Older, Plan, PlanOptions, Prune, plan};
use crate::render::text::{Extent, Mode, PlanContext};
use crate::render::{self, Verbosity, markdown};
use crate::saved_plan::SavedOptions;
use crate::secrets::{Escrow, Identities, Sinks, check_work_folder};

use super::args::{DEFAULT_BASE_URL, DEFAULT_FILE, DEFAULT_WORK_DIR, GlobalArgs, PlanArgs, PlanningArgs};
use super::base;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::{self, PlanFormat};
use super::output::Output;
use super::session::Session;
use super::values::Moment;
use super::{saved, validate};

pub(super) async fn run(global: &GlobalArgs, args: &PlanArgs, output: &Output) -> Result<Exit, CommandError> {
    if args.out.is_some() && args.planning.only_changed {
        return Err(CommandError::message(
            "a plan that leaves drift out cannot be saved: apply would find the drift",
        )
        .hint("leave out --only-changed or --out; apply takes --only-changed and --expect-plan")
        .code("usage")
        .exit(Exit::Usage));
    }
    let Some(desired) = validate::read(global, args.format.into(), output) else { return Ok(Exit::Failed) };
    let base = base::desired(global, &args.planning, output)?;
    let session = Session::open(global, output).await?;
    let in_pipeline = std::env::var_os("CI").is_some() && !session.is_emulator();
    let purpose = Purpose {
        asked: None,
        intent: if in_pipeline { Intent::LookInPipeline } else { Intent::Look },
        at: args.at,
        coming_up: args.coming_up,
        as_of: None,
    };
    let plan = make(global, &args.planning, purpose, &desired, base.as_ref(), &session).await;
    session.close().await;
    let plan = plan?;
    let next = match &args.out {
        Some(path) => {
            let saved = saved::of(global, &args.planning, &desired, &plan);
            saved::write(path, &saved)?;
            apply_saved(global, path, &args.planning.common.allow_commands, &saved.options, &plan)
        }
        None => next_command(global, &args.planning, &plan),
    };
    let scope_sets = &desired.scope_sets;
    let files = validate::files_name(global);
    let shown = Shown {
        scope_sets,
        files: &files,
        paths: &formats::beneath_root(&global.files),
        root: &validate::root_name(global),
        next_command: (!plan.is_hypothetical()).then_some(next),
        mode: Mode::Preview,
        folder: desired.sink_folder(),
        extent: extent(&args.planning, None),
    };
    output.data(&told(global, args.format, shown, &plan, output));
    Ok(if plan.needs_a_person() {
        Exit::Refused
    } else if args.detailed_exitcode && !plan.changes.is_empty() {
        Exit::Pending
    } else {
        Exit::Done
    })
}

/// What of a plan's text is not in the plan.
pub(super) struct Shown<'a> {
    pub(super) scope_sets: &'a BTreeMap<String, BTreeSet<String>>,
    pub(super) files: &'a str,
    /// The same beneath the repository's root.
    pub(super) paths: &'a str,
    /// The first of them.
    pub(super) root: &'a str,
    pub(super) next_command: Option<String>,
    pub(super) mode: Mode,
    pub(super) folder: &'a Path,
    pub(super) extent: Extent,
}

/// How much a plan with these options is about.
pub(super) fn extent(args: &PlanningArgs, asked: Option<Asked>) -> Extent {
    let entries = args.targets.iter().collect::<BTreeSet<_>>().len();
    let named = |by| Extent::Named { entries, by };
    match asked {
        Some(Asked::Rotate { .. } | Asked::Accept) => named("rotate"),
        Some(Asked::Revoke) => named("revoke"),
        None if entries > 0 => named("--target"),
        None if args.prune => Extent::EntriesAndRest,
        None => Extent::Entries,
    }
}

/// The plan in a format.
pub(super) fn told(
    global: &GlobalArgs,
    format: PlanFormat,
    shown: Shown<'_>,
    plan: &Plan,
    output: &Output,
) -> String {
    let Shown { scope_sets, files, paths, root, next_command, mode, folder, extent } = shown;
    let verbosity = if global.verbose > 0 { Verbosity::Verbose } else { Verbosity::Normal };
    let context = PlanContext { scope_sets, files, verbosity, next_command, mode, folder, extent };
    match format {
        PlanFormat::Text => render::text::plan(plan, &context, &output.stdout),
        PlanFormat::Json => render::json::plan(plan),
        PlanFormat::Markdown => markdown::plan(plan, &context, paths, markdown::GITHUB_LIMIT),
        PlanFormat::Sarif => render::sarif::plan(plan, &context, root, &formats::paths()),
        PlanFormat::Github => render::github::plan(plan, &context, &formats::paths()),
        PlanFormat::Gitlab => render::gitlab::plan(plan, &context, root, &formats::paths()),
    }
}

/// The command that applies exactly this plan.
fn next_command(global: &GlobalArgs, args: &PlanningArgs, plan: &Plan) -> String {
    let mut words = vec!["portkey-sync apply".to_owned()];
    words.extend(connection(global));
    words.extend(files(global));
    words.extend(policy(global));
    words.extend(options(args));
    words.extend(allowed(&args.common.allow_commands, plan));
    words.push(format!("--expect-plan {}", plan.digest()));
    if global.files.iter().any(|file| file.as_os_str() == "-") {
        words.push("< the same input".to_owned());
    }
    words.join(" ")
}

/// The command that applies a saved plan, which has its own options but for those that are to be said anew.
pub(super) fn apply_saved(
    global: &GlobalArgs,
    path: &Path,
    allow_commands: &[String],
    options: &SavedOptions,
    plan: &Plan,
) -> String {
    let mut words = vec!["portkey-sync apply".to_owned(), quoted(&path.display().to_string())];
    words.extend(connection(global));
    if options.prune == Prune::Delete {
        words.push("--prune".to_owned());
    }
    if let Some(file) = &options.secrets_file {
        words.push(format!("--secrets-file {}", quoted(&file.display().to_string())));
    }
    words.extend(allowed(allow_commands, plan));
    words.join(" ")
}

/// The command that plans like this again.
pub(super) fn plan_again(global: &GlobalArgs, args: &PlanningArgs, out: Option<&Path>) -> String {
    let mut words = vec!["portkey-sync plan".to_owned()];
    words.extend(connection(global));
    words.extend(files(global));
    words.extend(policy(global));
    words.extend(options(args));
    words.extend(out.map(|path| format!("--out {}", quoted(&path.display().to_string()))));
    words.join(" ")
}

/// Where the service is, and with which key.
fn connection(global: &GlobalArgs) -> Vec<String> {
    let mut words = Vec::new();
    if global.embedded_emulator {
        words.push("--emulator".to_owned());
    }
    // What the environment says, it will say to the next command too.
    let differs = |value: &str, variable: &str, default: &str| {
        value != std::env::var(variable).as_deref().unwrap_or(default)
    };
    if !global.embedded_emulator && differs(&global.base_url, "PORTKEY_BASE_URL", DEFAULT_BASE_URL) {
        words.push(format!("--base-url {}", quoted(&global.base_url)));
    }
    if let Some(path) = &global.api_key_file {
        words.push(format!("--api-key-file {}", quoted(&path.display().to_string())));
    }
    if let Some(path) = &global.ca_bundle {
        words.push(format!("--ca-bundle {}", quoted(&path.display().to_string())));
    }
    let work_dir = global.work_dir.display().to_string();
    if differs(&work_dir, "PORTKEY_SYNC_WORK_DIR", DEFAULT_WORK_DIR) {
        words.push(format!("--work-dir {}", quoted(&work_dir)));
    }
    words
}

fn files(global: &GlobalArgs) -> Vec<String> {
    if global.files == [PathBuf::from(DEFAULT_FILE)] {
        return Vec::new();
    }
    global.files.iter().map(|file| format!("-f {}", quoted(&file.display().to_string()))).collect()
}

fn policy(global: &GlobalArgs) -> Option<String> {
    global.policy.as_ref().map(|path| format!("--policy {}", quoted(&path.display().to_string())))
}

/// What shapes a plan.
fn options(args: &PlanningArgs) -> Vec<String> {
    let mut words: Vec<String> =
        args.targets.iter().map(|target| format!("--target {}", quoted(target))).collect();
    if args.prune {
        words.push("--prune".to_owned());
    }
    if let Some(n) = args.max_deletes {
        words.push(format!("--max-deletes {n}"));
    }
    if let Some(n) = args.common.max_changes {
        words.push(format!("--max-changes {n}"));
    }
    if let Some(n) = args.max_rotations {
        words.push(format!("--max-rotations {n}"));
    }
    for path in &args.base.base {
        words.push(format!("--base {}", quoted(&path.display().to_string())));
    }
    if let Some(rev) = &args.base.base_ref {
        words.push(format!("--base-ref {}", quoted(rev)));
    }
    if args.only_changed {
        words.push("--only-changed".to_owned());
    }
    if !args.common.deny_risks.is_empty() {
        let risks: Vec<&str> = args.common.deny_risks.iter().map(|risk| risk.word()).collect();
        words.push(format!("--deny-risk {}", risks.join(",")));
    }
    if args.common.verify_secrets {
        words.push("--verify-secrets".to_owned());
    }
    if args.common.strict_contract {
        words.push("--strict-contract".to_owned());
    }
    if args.common.assume_complete {
        words.push("--assume-complete".to_owned());
    }
    if let Some(id) = &args.common.self_id {
        words.push(format!("--self {}", quoted(id)));
    }
    if let Some(path) = &args.common.age_identity
        && std::env::var_os("PORTKEY_SYNC_AGE_IDENTITY").is_none_or(|told| told != *path)
    {
        words.push(format!("--age-identity {}", quoted(&path.display().to_string())));
    }
    if let Some(path) = &args.common.secrets_file {
        words.push(format!("--secrets-file {}", quoted(&path.display().to_string())));
    }
    words
}

fn allowed(allow_commands: &[String], plan: &Plan) -> Vec<String> {
    let allowed: BTreeSet<String> = allow_commands.iter().cloned().collect();
    programs(plan).union(&allowed).map(|program| format!("--allow-command {}", quoted(program))).collect()
}

/// The programs that the deliveries of this plan run.
fn programs(plan: &Plan) -> BTreeSet<String> {
    let commits = plan.changes.iter().filter_map(|change| change.request.commit());
    let targets = commits.flat_map(|commit| &commit.deliveries).map(|delivery| &delivery.target);
    targets
        .filter_map(|target| match target {
            Target::Command { argv, .. } => argv.first().cloned(),
            Target::File { .. } | Target::EnvFile { .. } => None,
        })
        .collect()
}

/// A word that a shell reads as one.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:,+=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// What a plan is made for, besides the options that every plan has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Purpose {
    pub(super) asked: Option<Asked>,
    pub(super) intent: Intent,
    pub(super) at: Option<Moment>,
    pub(super) coming_up: SignedDuration,
    /// The time of a saved plan.
    pub(super) as_of: Option<Timestamp>,
}

impl Purpose {
    /// A plan that is applied now.
    pub(super) fn apply(asked: Option<Asked>) -> Self {
        Self { asked, intent: Intent::Apply, at: None, coming_up: COMING_UP, as_of: None }
    }
}

/// How far ahead a plan tells what is coming up: the default of `--coming-up`.
const COMING_UP: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Reads what is live and plans.
pub(super) async fn make(
    global: &GlobalArgs,
    args: &PlanningArgs,
    purpose: Purpose,
    desired: &Desired,
    base: Option<&Desired>,
    session: &Session,
) -> Result<Plan, CommandError> {
    let targets = targets(&args.targets, desired)?;
    let Purpose { asked, intent, at, coming_up, as_of } = purpose;
    let slots = escrow(global, args, desired)?.slots();
    let live = read_live(desired, base, &slots, session).await?;
    let slots = possible(slots, live.now);
    let running = match &args.common.self_id {
        Some(id) => RunningKey::told(&live, &session.mask, &KeyId::new(id)).map_err(|error| {
            CommandError::new(error)
                .code("usage")
                .hint("--self takes the id of the key that portkey-sync runs with")
                .exit(Exit::Usage)
        })?,
        None => RunningKey::recognise(&live, &session.mask),
    };
    let options = PlanOptions {
        prune: if args.prune { Prune::Delete } else { Prune::List },
        targets,
        max_deletes: args.max_deletes,
        max_changes: args.common.max_changes,
        absence: if args.common.assume_complete { Absence::Assumed } else { Absence::Proven },
        contract: if args.common.strict_contract { Contract::Strict } else { Contract::Tolerant },
        secrets_file: args.common.secrets_file.clone(),
        max_rotations: args.max_rotations,
        stored: stored(desired),
        slots,
        prove: args.common.verify_secrets,
        asked,
        coming_up,
        intent,
        as_of,
        deny_risks: args.common.deny_risks.iter().copied().collect(),
        base: base.cloned(),
        older: if args.only_changed { Older::LeftOut } else { Older::Included },
    };
    let now = match at {
        None => live.now,
        Some(Moment::At(at)) => at,
        Some(Moment::After(length)) => live
            .now
            .checked_add(length)
            .map_err(|error| CommandError::new(error).code("usage").exit(Exit::Usage))?,
    };
    Ok(plan(&Inputs { desired, live: &live, running: &running, now, options: &options }))
}

/// The escrow in the work folder, as the files want it kept.
pub(super) fn escrow(
    global: &GlobalArgs,
    args: &PlanningArgs,
    desired: &Desired,
) -> Result<Escrow, CommandError> {
    work_folder(global)?;
    let identities = match &args.common.age_identity {
        Some(path) => Identities::from_file(path).map_err(|error| {
            let hint = error.hint();
            CommandError::new(error).code("identity").hint(hint)
        })?,
        None => Identities::default(),
    };
    Ok(Escrow::at(&global.work_dir).sealed_to(&desired.escrow_recipients).read_with(identities))
}

/// Refuses a work folder that came with the repository.
pub(super) fn work_folder(global: &GlobalArgs) -> Result<(), CommandError> {
    check_work_folder(&global.work_dir).map_err(|error| {
        let hint = error.hint();
        CommandError::new(error).code("work-folder").hint(hint).exit(Exit::Refused)
    })
}

/// The slots without those from the future, which no run can have made.
fn possible(slots: Vec<Escrowed>, now: Timestamp) -> Vec<Escrowed> {
    let (possible, others): (Vec<_>, Vec<_>) =
        slots.into_iter().partition(|slot| handoff::is_possible(slot, now));
    for slot in others {
        tracing::warn!(
            nonce = %slot.nonce,
            sent_at = %slot.sent_at,
            "this slot of the escrow is not used: its request is later than the service's clock"
        );
    }
    possible
}

/// What the sinks of each key hold, where every one of them can be read. No program is run for this.
fn stored(desired: &Desired) -> BTreeMap<KeyAddress, Mask> {
    let sinks = Sinks { folder: desired.folder.clone(), ..Sinks::default() };
    let masks = |key: &DesiredKey| -> Option<Mask> {
        let deliveries = crate::plan::sinks(desired, key, key.id.as_ref()).ok()?;
        let mut masks = deliveries.iter().map(|delivery| sinks.stored(delivery));
        let first = masks.next()??;
        masks.all(|mask| mask.as_ref() == Some(&first)).then_some(first)
    };
    desired.keys.iter().filter_map(|key| Some((key.address.clone(), masks(key)?))).collect()
}

/// The live keys, with what list rows do not tell about the managed ones, and the keys of the secrets that we hold.
async fn read_live(
    desired: &Desired,
    base: Option<&Desired>,
    slots: &[Escrowed],
    session: &Session,
) -> Result<Live, CommandError> {
    let mut names = Names::used_by(desired);
    if let Some(base) = base {
        let Names { workspaces, users, configs } = Names::used_by(base);
        names.workspaces.extend(workspaces);
        names.users.extend(users);
        names.configs.extend(configs);
    }
    let mut live = refresh(&session.reader, &names).await.map_err(refresh_failed)?;
    if session.is_emulator() {
        // An emulator's clock is where somebody set it, which is nothing to worry about.
        live.clock_skew_seconds = 0;
    }
    // Without them, a key whose create was interrupted could be created twice.
    let known = slots.iter().filter_map(|slot| slot.id.clone()).collect();
    look_for(&session.reader, &mut live, &known).await.map_err(refresh_failed)?;
    let missing = needs_hydration(desired, &live);
    hydrate(&session.reader, &mut live, &missing).await;
    Ok(live)
}

/// A read without which there is no plan, with what it can mean and what to do.
pub(super) fn refresh_failed(error: RefreshError) -> CommandError {
    let (own, call, meaning) = (error.hint(), error.call().hint(), error.call().meaning());
    CommandError::new(error)
        .code("call-failed")
        .maybe_hint(meaning.map(|meaning| format!("this can mean: {meaning}")))
        .maybe_hint(own)
        .maybe_hint(call)
}

/// The addresses that `--target` names.
fn targets(words: &[String], desired: &Desired) -> Result<Option<BTreeSet<KeyAddress>>, CommandError> {
    let mut found = BTreeSet::new();
    for word in words {
        let matching: BTreeSet<_> =
            desired.keys.iter().filter(|key| key.is_called(word)).map(|key| &key.address).collect();
        let exact: Vec<_> = matching.iter().filter(|address| address.to_string() == *word).collect();
        match (matching.len(), exact.as_slice()) {
            (1, _) => found.extend(matching.into_iter().cloned()),
            (_, [exact]) => {
                found.insert((**exact).clone());
            }
            (0, _) => {
                let addresses = desired.keys.iter().map(|key| key.address.to_string());
                let names = desired.keys.iter().map(|key| key.address.name.clone());
                let all: Vec<String> = addresses.chain(names).collect();
                let nearest = crate::diagnostic::nearest(word, all.iter().map(String::as_str))
                    .map(|nearest| format!("did you mean `{nearest}`?"));
                return Err(CommandError::message(format!("no key in the files has the address `{word}`"))
                    .maybe_hint(nearest)
                    .hint("portkey-sync list --managed has the live keys of the files")
                    .code("usage")
                    .exit(Exit::Usage));
            }
            _ => {
                let names: Vec<String> = matching.iter().map(|address| format!("`{address}`")).collect();
                return Err(CommandError::message(format!("`{word}` can mean {}", names.join(" or ")))
                    .hint("write more of the address")
                    .code("usage")
                    .exit(Exit::Usage));
            }
        }
    }
    Ok((!words.is_empty()).then_some(found))
}
