//! Saved plans as files: written whole or not at all, and read with every doubt being a refusal.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::desired::Desired;
use crate::plan::{Absence, Contract, Moved, Plan, Prune};
use crate::render;
use crate::saved_plan::{FilesMeaning, MAX_BYTES, SavedOptions, SavedPlan, SavedPlanError};

use super::args::{BaseArgs, CommonArgs, DEFAULT_FILE, GlobalArgs, PlanningArgs};
use super::exit::Exit;
use super::failure::CommandError;
use super::planning::{plan_again, quoted};

/// A plan with what is needed to make it again.
pub(super) fn of(global: &GlobalArgs, args: &PlanningArgs, desired: &Desired, plan: &Plan) -> SavedPlan {
    let names = global.files.iter().map(|path| path.display().to_string()).collect();
    let options = SavedOptions { policy: global.policy.clone(), ..options(args) };
    SavedPlan::new(plan.clone(), options, FilesMeaning::of(desired, names))
}

fn options(args: &PlanningArgs) -> SavedOptions {
    let PlanningArgs {
        targets,
        prune,
        max_deletes,
        max_rotations,
        common:
            CommonArgs {
                max_changes,
                deny_risks,
                // Whoever applies says which programs may run.
                allow_commands: _,
                verify_secrets,
                assume_complete,
                strict_contract,
                self_id,
                // What this machine can read.
                age_identity: _,
                secrets_file,
            },
        // It tells causes, which are for people.
        base: _,
        only_changed: _,
    } = args;
    SavedOptions {
        prune: if *prune { Prune::Delete } else { Prune::List },
        targets: targets.clone(),
        max_deletes: *max_deletes,
        max_changes: *max_changes,
        max_rotations: *max_rotations,
        absence: if *assume_complete { Absence::Assumed } else { Absence::Proven },
        contract: if *strict_contract { Contract::Strict } else { Contract::Tolerant },
        secrets_file: secrets_file.clone(),
        prove: *verify_secrets,
        self_id: self_id.clone(),
        deny_risks: deny_risks.clone(),
        policy: None,
    }
}

/// The smaller of two limits; none is no limit.
fn smaller(one: Option<usize>, other: Option<usize>) -> Option<usize> {
    [one, other].into_iter().flatten().min()
}

/// The options of a saved plan in place of those of the command line. These can only be stricter: whoever applies need
/// not trust the file about the risks and the numbers that he accepts.
pub(super) fn planning(saved: &SavedPlan, args: &PlanningArgs) -> Result<PlanningArgs, CommandError> {
    let PlanningArgs {
        targets,
        prune,
        max_deletes,
        max_rotations,
        common:
            CommonArgs {
                max_changes,
                deny_risks,
                allow_commands,
                verify_secrets,
                assume_complete,
                strict_contract,
                self_id,
                age_identity,
                secrets_file,
            },
        base,
        only_changed,
    } = args;
    let said = [
        ("--target", !targets.is_empty()),
        ("--prune", *prune && saved.options.prune == Prune::List),
        ("--verify-secrets", *verify_secrets),
        ("--assume-complete", *assume_complete),
        ("--strict-contract", *strict_contract),
        ("--secrets-file", secrets_file.is_some() && saved.options.secrets_file.is_none()),
        ("--base", !base.base.is_empty()),
        ("--base-ref", base.base_ref.is_some()),
        ("--only-changed", *only_changed),
    ];
    if let Some((option, _)) = said.into_iter().find(|(_, is_said)| *is_said) {
        return Err(CommandError::message(format!(
            "{option} shapes a plan, and the saved one has its shape"
        ))
        .hint(format!("leave {option} out; a plan is shaped when it is made: portkey-sync plan --out"))
        .code("usage")
        .exit(Exit::Usage));
    }
    said_anew(&saved.options, *prune, secrets_file.as_deref())?;
    let stricter = (*max_deletes, *max_changes, *max_rotations);
    let also_denied = deny_risks;
    let SavedOptions {
        prune,
        targets,
        max_deletes,
        max_changes,
        max_rotations,
        absence,
        contract,
        secrets_file,
        prove,
        // It says with which key the plan was made, and apply may run with another.
        self_id: _,
        mut deny_risks,
        policy: _,
    } = saved.options.clone();
    deny_risks.extend(also_denied.iter().copied());
    Ok(PlanningArgs {
        targets,
        prune: prune == Prune::Delete,
        max_deletes: smaller(max_deletes, stricter.0),
        max_rotations: smaller(max_rotations, stricter.2),
        common: CommonArgs {
            max_changes: smaller(max_changes, stricter.1),
            deny_risks,
            allow_commands: allow_commands.clone(),
            verify_secrets: prove,
            assume_complete: absence == Absence::Assumed,
            strict_contract: contract == Contract::Strict,
            self_id: self_id.clone(),
            age_identity: age_identity.clone(),
            secrets_file,
        },
        base: BaseArgs::default(),
        only_changed: false,
    })
}

/// Refuses a plan that goes beyond what the keys files say, unless whoever applies says so too: a file must not choose
/// what is deleted without a word in the keys files, nor where secrets are written.
fn said_anew(options: &SavedOptions, prune: bool, secrets_file: Option<&Path>) -> Result<(), CommandError> {
    let unsaid = |what: String, option: String| {
        CommandError::message(what)
            .hint(format!("if that is meant: {option}"))
            .code("usage")
            .exit(Exit::Usage)
    };
    if options.prune == Prune::Delete && !prune {
        let what = "the plan deletes keys that are in no file, and only whoever applies it can say so";
        return Err(unsaid(what.to_owned(), "--prune".to_owned()));
    }
    match &options.secrets_file {
        Some(wanted) if !secrets_file.is_some_and(|named| is_same(named, wanted)) => {
            let wanted = wanted.display().to_string();
            let what =
                format!("the plan adds new secrets to `{wanted}`, and only whoever applies it can say so");
            Err(unsaid(what, format!("--secrets-file {}", quoted(&wanted))))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether two words name one file, by the words alone.
fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute(one) == absolute(other)
}

/// The keys files of a saved plan, unless the command line names others.
pub(super) fn files(saved: &SavedPlan, global: &GlobalArgs) -> Vec<PathBuf> {
    if global.files == [PathBuf::from(DEFAULT_FILE)] {
        saved.files.names.iter().map(PathBuf::from).collect()
    } else {
        global.files.clone()
    }
}

/// Writes the file beside its place and puts it there in one step. Only a saved plan is ever replaced.
pub(super) fn write(path: &Path, saved: &SavedPlan) -> Result<(), CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::new(
            anyhow::Error::new(error).context(format!("the plan could not be saved as `{}`", path.display())),
        )
        .code("io")
    };
    if !may_replace(path).map_err(failed)? {
        return Err(CommandError::message(format!("`{}` is there, and is no saved plan", path.display()))
            .hint("save the plan under another name: --out plan.json")
            .code("io"));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let why = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(failed(why).hint(format!("there is no folder `{}`", folder.display())));
    }
    // The name that it has until it is whole tells nobody anything.
    let made = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.kind().into());
    let written = made.and_then(|mut file| {
        file.write_all(saved.to_json().as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)
    });
    written.map(drop).map_err(failed)
}

/// Whether nothing is lost: no file, an empty one, or an earlier plan.
fn may_replace(path: &Path) -> std::io::Result<bool> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if !metadata.is_file() {
        return Ok(false);
    }
    let mut beginning = Vec::new();
    File::open(path)?.take(256).read_to_end(&mut beginning)?;
    Ok(beginning.is_empty() || SavedPlan::begins(&beginning))
}

/// Reads a file that was written by [`write`].
pub(super) fn read(path: &Path) -> Result<SavedPlan, CommandError> {
    let unreadable = |error: std::io::Error| {
        let is_absent = error.kind() == std::io::ErrorKind::NotFound;
        let make = || format!("make one: portkey-sync plan --out {}", path.display());
        CommandError::new(
            anyhow::Error::new(error).context(format!("the saved plan `{}` cannot be read", path.display())),
        )
        .code("io")
        .maybe_hint(is_absent.then(make))
    };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    let hint = if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        "this takes a saved plan; a keys file is named with -f".to_owned()
    } else if may_replace(path).unwrap_or(false) {
        format!("plan again: portkey-sync plan --out {}", path.display())
    } else {
        "a saved plan is made under a name of its own: portkey-sync plan --out NAME.json".to_owned()
    };
    let refused = |code, error: anyhow::Error| {
        CommandError::new(error.context(format!("`{}` is no plan that can be used", path.display())))
            .code(code)
            .refused(Vec::new())
            .hint(hint.clone())
    };
    if bytes.len() as u64 > MAX_BYTES {
        return Err(refused("bad-saved-plan", anyhow::anyhow!("it holds more than 64 MiB")));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| refused("bad-saved-plan", SavedPlanError::NotJson.into()))?;
    SavedPlan::parse(&text).map_err(|error| {
        let code = match &error {
            SavedPlanError::OtherFormat { .. } | SavedPlanError::OtherVersion { .. } => "other-version",
            SavedPlanError::NotJson
            | SavedPlanError::OtherDocument
            | SavedPlanError::Edited
            | SavedPlanError::Unfit { .. } => "bad-saved-plan",
        };
        refused(code, error.into())
    })
}

/// What was approved, and how it is approved again.
pub(super) struct Approval<'a> {
    pub(super) path: &'a Path,
    pub(super) saved: &'a SavedPlan,
    /// `--expect-plan`: all or nothing.
    pub(super) digest: Option<&'a str>,
}

impl Approval<'_> {
    /// Refuses a file that is not the one whose digest was approved.
    pub(super) fn check_digest(&self) -> Result<(), CommandError> {
        let found = self.saved.plan.digest();
        match self.digest {
            Some(expected) if expected != found => Err(CommandError::message(format!(
                "`{}` is not the plan that was approved ({expected}): it is {found}",
                self.path.display()
            ))
            .code("other-plan")
            .refused(Vec::new())
            .hint(format!("look at it with: portkey-sync show {}", self.path.display()))),
            Some(_) | None => Ok(()),
        }
    }

    /// Refuses files that say something else than they said when the plan was made.
    pub(super) fn check_files(
        &self,
        global: &GlobalArgs,
        args: &PlanningArgs,
        desired: &Desired,
    ) -> Result<(), CommandError> {
        let moved = self.saved.files.moved(&FilesMeaning::of(desired, Vec::new()));
        if moved.is_empty() {
            return Ok(());
        }
        Err(CommandError::message(format!(
            "the keys files do not say what they said when the plan {} was made",
            self.saved.plan.digest()
        ))
        .code("other-files")
        .refused(render::files_moved(&moved))
        .hint(self.again(global, args))
        .maybe_hint(self.base_again()))
    }

    /// Refuses another organisation.
    pub(super) fn check_organisation(&self, plan: &Plan) -> Result<(), CommandError> {
        if self.saved.plan.organisation == plan.organisation {
            return Ok(());
        }
        let name = |plan: &Plan| plan.organisation.as_ref().map_or("unknown".to_owned(), ToString::to_string);
        Err(CommandError::message(format!(
            "the plan is for the organisation `{}`, and this is `{}`",
            name(&self.saved.plan),
            name(plan)
        ))
        .code("other-organisation")
        .refused(Vec::new())
        .hint("use an API key of the organisation that the plan was made for"))
    }

    /// Refuses what nobody has approved.
    pub(super) fn check(
        &self,
        global: &GlobalArgs,
        args: &PlanningArgs,
        moved: &Moved,
    ) -> Result<(), CommandError> {
        let is_approved = match self.digest {
            None => !moved.is_unapproved(),
            Some(_) => !moved.is_other(),
        };
        if is_approved {
            return Ok(());
        }
        let error = CommandError::message(format!(
            "this is not the plan that was approved ({}, now {})",
            moved.reviewed, moved.now
        ))
        .code("other-plan")
        .refused(render::moved(moved))
        .hint(self.again(global, args))
        .maybe_hint(self.base_again());
        Err(if moved.is_unapproved() {
            error
        } else {
            error.hint(
                "--expect-plan is all or nothing; without it, what is left of the saved plan is applied",
            )
        })
    }

    /// A saved plan does not say what its base was, only that it had one.
    fn base_again(&self) -> Option<&'static str> {
        self.saved.plan.has_base.then_some("it was made with a base: add the same --base or --base-ref")
    }

    fn again(&self, global: &GlobalArgs, args: &PlanningArgs) -> String {
        format!("look again with: {}", plan_again(global, args, Some(self.path)))
    }
}
