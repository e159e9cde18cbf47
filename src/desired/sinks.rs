//! Sinks: where the secret of a key goes.
//!
//! A path is beneath the folder of the keys file by construction: a placeholder fills one component
//! and a value that does not fit is refused, never bent to fit, because two keys bent to one path
//! would overwrite each other's secrets.

use std::path::PathBuf;
use std::time::Duration;

use super::check::{Entry, Kind};
use super::codes;
use super::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::model::{KeyAddress, KeyId, Target};
use crate::secrets::{check_recipient, is_own_variable};

/// How long a command may take unless the sink says otherwise.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(1);

/// A declared sink. `{workspace}`, `{name}`, `{user}`, `{id}` are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// A file beneath the keys file's folder.
    File {
        /// The path as written.
        template: String,
        /// `age` recipients that it is encrypted to.
        recipients: Vec<String>,
    },
    /// One line of a file of `NAME=value` lines.
    EnvFile {
        /// The path as written.
        template: String,
        /// The name of the line as written.
        variable: String,
    },
    /// A program that reads the secret on standard input.
    Command {
        /// The program and its arguments as written.
        argv: Vec<String>,
        /// The environment variables that it may see.
        env: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

impl Sink {
    /// Where this key's secret goes. `id` is needed only if the sink uses `{id}`.
    pub fn target(&self, address: &KeyAddress, id: Option<&KeyId>) -> Result<Target, SinkPathError> {
        Ok(match self {
            Self::File { template, recipients } => {
                Target::File { path: sink_path(template, address, id)?, recipients: recipients.clone() }
            }
            Self::EnvFile { template, variable } => Target::EnvFile {
                path: sink_path(template, address, id)?,
                variable: env_name(&filled(variable, address, id, |value| Ok(value.to_owned()))?)?,
            },
            Self::Command { argv, env, timeout } => Target::Command {
                argv: argv
                    .iter()
                    .map(|argument| command_argument(argument, address, id))
                    .collect::<Result<_, _>>()?,
                env: env.clone(),
                timeout: *timeout,
            },
        })
    }

    /// Whether it uses `{id}`, which a key that does not exist yet has not.
    pub(super) fn uses_id(&self) -> bool {
        let uses_id = |template: &String| template.contains("{id}");
        match self {
            Self::File { template, .. } => uses_id(template),
            Self::EnvFile { template, variable } => uses_id(template) || uses_id(variable),
            Self::Command { argv, .. } => argv.iter().any(uses_id),
        }
    }
}

/// The sink as it is declared; none if something about it is wrong, which is then told.
pub(super) fn declared(name: &str, entry: &Entry, out: &mut Complaints) -> Option<Sink> {
    let fields = entry.value.map()?;
    let text = |field: &str| fields.get(field)?.value.text().map(str::to_owned);
    let texts = |field: &str| -> Vec<String> {
        fields
            .get(field)
            .into_iter()
            .flat_map(|entry| entry.value.texts())
            .map(|(text, _)| text.to_owned())
            .collect()
    };
    for (field, needs) in
        [("env", "command"), ("timeout", "command"), ("variable", "env_file"), ("age", "file")]
    {
        if let Some(entry) = fields.get(field)
            && !fields.contains_key(needs)
        {
            let message = format!("`{field}` means nothing without `{needs}`");
            out.push(
                Diagnostic::error(codes::MISSING_FIELD, entry.name, message)
                    .hint("remove it, or add the other"),
            );
        }
    }
    if let Some(entry) = fields.get("command") {
        let argv = texts("command");
        let program = argv.first().map_or("", String::as_str);
        if program.is_empty() || program.contains(['{', '}']) {
            out.push(
                Diagnostic::error(codes::INVALID_VALUE, entry.value.span, "`command` must begin with a program")
                    .hint("write a list, as in `[gh, secret, set, PORTKEY_API_KEY]`; the program has no placeholder"),
            );
            return None;
        }
        for argument in &argv {
            if let Err(error) = parts(argument) {
                let message = format!("`{argument}` {error}");
                out.push(Diagnostic::error(codes::INVALID_SINK_PATH, entry.value.span, message));
                return None;
            }
        }
        for (variable, span) in fields.get("env").into_iter().flat_map(|entry| entry.value.texts()) {
            if is_own_variable(variable) {
                let message =
                    format!("`{variable}` is for portkey-sync alone, and no sink's program gets it");
                out.push(
                    Diagnostic::error(codes::INVALID_VALUE, span, message)
                        .hint("remove it; the program gets the new secret on standard input"),
                );
            }
        }
        let timeout = match fields.get("timeout").map(|entry| &entry.value.kind) {
            Some(Kind::Duration(ms)) => Duration::from_millis(*ms),
            _ => COMMAND_TIMEOUT,
        };
        return Some(Sink::Command { argv, env: texts("env"), timeout });
    }
    if let Some(template) = text("env_file") {
        let Some(variable) = text("variable") else {
            out.push(
                Diagnostic::error(
                    codes::MISSING_FIELD,
                    entry.name,
                    format!("the sink `{name}` needs `variable`"),
                )
                .hint("add the name of its line, as in `variable: \"PORTKEY_{name}\"`"),
            );
            return None;
        };
        if let Err(error) = parts(&variable) {
            let span = fields.get("variable").map_or(entry.name, |entry| entry.value.span);
            out.push(Diagnostic::error(codes::INVALID_SINK_PATH, span, format!("`variable` {error}")));
            return None;
        }
        return Some(Sink::EnvFile { template, variable });
    }
    let recipients = recipients(entry, out);
    match text("file") {
        Some(template) => Some(Sink::File { template, recipients }),
        None => {
            if !entry.value.is_invalid() && !fields.contains_key("file") && !fields.contains_key("env_file") {
                let message = format!("the sink `{name}` needs `file`, `env_file` or `command`");
                out.push(
                    Diagnostic::error(codes::MISSING_FIELD, entry.name, message)
                        .hint("add one, as in `file: \"secrets/{workspace}/{name}\"`"),
                );
            }
            None
        }
    }
}

/// The recipients under `age`, and what is wrong with them.
pub(super) fn recipients(entry: &Entry, out: &mut Complaints) -> Vec<String> {
    let Some(list) = entry.value.map().and_then(|fields| fields.get("age")) else { return Vec::new() };
    if list.value.texts().next().is_none() && !list.value.is_invalid() {
        out.push(
            Diagnostic::error(codes::INVALID_VALUE, list.value.span, "`age` names no recipient")
                .hint("name one, or remove the field to keep plain text"),
        );
    }
    for (text, span) in list.value.texts() {
        if let Err(error) = check_recipient(text) {
            out.push(
                Diagnostic::error(codes::INVALID_VALUE, span, format!("this {error}"))
                    .hint("write `age1…`, `ssh-ed25519 …` or `ssh-rsa …`, the public half of a pair"),
            );
        }
    }
    list.value.texts().map(|(text, _)| text.to_owned()).collect()
}

/// An argument with its placeholders filled in. A key's name must not become an option of the program.
fn command_argument(
    template: &str,
    address: &KeyAddress,
    id: Option<&KeyId>,
) -> Result<String, SinkPathError> {
    let argument = filled(template, address, id, |value| {
        let is_plain = !value.contains(char::is_control);
        if is_plain { Ok(value.to_owned()) } else { Err(SinkPathError::Unfit { value: value.to_owned() }) }
    })?;
    if argument.starts_with('-') && !template.starts_with('-') {
        return Err(SinkPathError::Unfit { value: argument });
    }
    Ok(argument)
}

/// What programs that read such files take for a name: capitals, digits and `_`. Two keys that become one
/// name are found out and refused, so bending is safe here.
fn env_name(text: &str) -> Result<String, SinkPathError> {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let is_name = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if is_name { Ok(name) } else { Err(SinkPathError::Unfit { value: text.to_owned() }) }
}

/// A template with its placeholders filled in, each value as `fit` makes it.
fn filled(
    template: &str,
    address: &KeyAddress,
    id: Option<&KeyId>,
    fit: impl Fn(&str) -> Result<String, SinkPathError>,
) -> Result<String, SinkPathError> {
    let mut filled = String::new();
    for part in parts(template)? {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Placeholder(placeholder) => {
                let value = match placeholder {
                    "workspace" => Some(address.group()),
                    "user" => address.user.as_deref(),
                    "name" => Some(address.name.as_str()),
                    _ => id.map(KeyId::as_str),
                };
                filled.push_str(&fit(value.ok_or(SinkPathError::NoValue { placeholder })?)?);
            }
        }
    }
    Ok(filled)
}

/// Why a path cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkPathError {
    /// The template itself is no relative path beneath the folder.
    #[error(
        "must be a path beneath the folder of the keys file, without `..`, as in `secrets/{{workspace}}/{{name}}`"
    )]
    NotBeneath,
    /// The path has a file or folder in it that is git's or ours.
    #[error("must not lead to `{name}`")]
    Reserved {
        /// The file or folder.
        name: String,
    },
    /// The template has a placeholder that nobody knows.
    #[error(
        "has the unknown placeholder `{{{name}}}`; there are `{{workspace}}`, `{{user}}`, `{{name}}` and `{{id}}`"
    )]
    UnknownPlaceholder {
        /// What stands between the braces.
        name: String,
    },
    /// The template has a brace without its partner.
    #[error("has a brace without its partner")]
    Brace,
    /// The key has no value for a placeholder.
    #[error("`{{{placeholder}}}` has no value for this key")]
    NoValue {
        /// The placeholder.
        placeholder: &'static str,
    },
    /// A value does not fit into one component of a path.
    #[error("`{value}` cannot be a part of a path")]
    Unfit {
        /// The value.
        value: String,
    },
}

enum Part<'t> {
    Text(&'t str),
    Placeholder(&'static str),
}

const PLACEHOLDERS: [&str; 4] = ["workspace", "user", "name", "id"];
const RESERVED: [&str; 4] = [".git", ".gitattributes", ".gitignore", ".gitmodules"];
/// What the work folder, locks and temporary files begin with.
const OURS: &str = ".portkey-sync";

/// The file for this key's secret, relative to the folder of the keys file. `id` is needed only if
/// the template uses `{id}`; an organisation key's `{workspace}` is `organisation`.
fn sink_path(template: &str, address: &KeyAddress, id: Option<&KeyId>) -> Result<PathBuf, SinkPathError> {
    check_template(template)?;
    let mut path = PathBuf::new();
    for component in template.split('/') {
        let filled = filled(component, address, id, |value| {
            if is_fit(value) {
                Ok(value.to_owned())
            } else {
                Err(SinkPathError::Unfit { value: value.to_owned() })
            }
        })?;
        if !is_fit(&filled) {
            return Err(SinkPathError::Unfit { value: filled });
        }
        refuse_reserved(&filled)?;
        path.push(filled);
    }
    Ok(path)
}

/// What can be said about a template without a key.
pub(super) fn check_template(template: &str) -> Result<(), SinkPathError> {
    for component in template.split('/') {
        let parts = parts(component)?;
        if parts.iter().all(|part| matches!(part, Part::Text(_))) && !is_fit(component) {
            return Err(SinkPathError::NotBeneath);
        }
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['\\', ':', '\0']))) {
            return Err(SinkPathError::NotBeneath);
        }
        refuse_reserved(component)?;
    }
    Ok(())
}

fn refuse_reserved(component: &str) -> Result<(), SinkPathError> {
    let is_ours = component.get(..OURS.len()).is_some_and(|start| start.eq_ignore_ascii_case(OURS));
    if is_ours || RESERVED.iter().any(|reserved| component.eq_ignore_ascii_case(reserved)) {
        return Err(SinkPathError::Reserved { name: component.to_owned() });
    }
    Ok(())
}

fn parts(component: &str) -> Result<Vec<Part<'_>>, SinkPathError> {
    let mut parts = Vec::new();
    let mut rest = component;
    while let Some((text, after)) = rest.split_once('{') {
        let (name, tail) = after.split_once('}').ok_or(SinkPathError::Brace)?;
        let known = PLACEHOLDERS.into_iter().find(|placeholder| *placeholder == name);
        let known = known.ok_or_else(|| SinkPathError::UnknownPlaceholder { name: name.to_owned() })?;
        parts.push(Part::Text(text));
        parts.push(Part::Placeholder(known));
        rest = tail;
    }
    parts.push(Part::Text(rest));
    if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains(['{', '}']))) {
        return Err(SinkPathError::Brace);
    }
    Ok(parts)
}

/// One component of a path on any system: a colon is a drive or a stream on Windows, and a name
/// there loses dots and spaces at its end.
fn is_fit(component: &str) -> bool {
    !component.is_empty()
        && component.len() <= 255
        && !component.chars().all(|c| c == '.')
        && !component.ends_with(['.', ' '])
        && !component.contains(|c: char| c.is_control() || "/\\:".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(workspace: Option<&str>, name: &str) -> KeyAddress {
        KeyAddress { workspace: workspace.map(str::to_owned), user: None, name: name.to_owned() }
    }

    #[test]
    fn placeholders_fill_one_component_each() {
        let path = sink_path("secrets/{workspace}/{name}.key", &address(Some("payments"), "ci"), None);
        assert_eq!(path.unwrap(), PathBuf::from("secrets/payments/ci.key"));
        let path = sink_path("{workspace}-{name}", &address(None, "ci"), None);
        assert_eq!(path.unwrap(), PathBuf::from("organisation-ci"));
        let path = sink_path("{id}", &address(None, "ci"), Some(&KeyId::new("5c1e")));
        assert_eq!(path.unwrap(), PathBuf::from("5c1e"));
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused() {
        for name in ["a/b", "..", ".", "a\\b", "a\0b", "a\nb", "c:", "trailing."] {
            let path = sink_path("{name}", &address(None, name), None);
            assert_eq!(path, Err(SinkPathError::Unfit { value: name.to_owned() }), "{name}");
        }
        assert!(sink_path("{user}", &address(None, "ci"), None).is_err());
        assert!(sink_path("{id}", &address(None, "ci"), None).is_err());
        for name in [".git", ".gitignore", ".portkey-sync.lock", ".Portkey-sync-ci.tmp"] {
            let path = sink_path("a/{name}", &address(None, name), None);
            assert_eq!(path, Err(SinkPathError::Reserved { name: name.to_owned() }), "{name}");
        }
    }

    #[test]
    fn a_template_stays_beneath_its_folder() {
        for template in [
            "/etc/x",
            "../x",
            "a/../b",
            "a//b",
            "./a",
            "a/",
            "c:\\x",
            "{nam}",
            "{name",
            "name}",
            ".git/x",
            "a/.GIT/x",
            ".gitignore",
            ".portkey-sync/x",
            "a/.portkey-sync-b.tmp",
            "",
        ] {
            assert!(check_template(template).is_err(), "{template}");
        }
    }
}
