//! Checks across keys: addresses, pins, former names and targets of secrets are each used once.

use std::collections::BTreeMap;

use super::codes;
use super::complaints::Complaints;
use super::lower::Lowered;
use super::world::World;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{KeyAddress, KeyId, Target};

/// Checks all keys of all files against each other.
pub(super) fn check(keys: &[Lowered], world: &World, out: &mut Complaints) {
    addresses(keys, out);
    pins(keys, out);
    renames(keys, out);
    targets(keys, world, out);
}

fn addresses(keys: &[Lowered], out: &mut Complaints) {
    let mut by_address: BTreeMap<&KeyAddress, Vec<&Lowered>> = BTreeMap::new();
    for key in keys {
        by_address.entry(&key.key.address).or_default().push(key);
    }
    for (address, same) in by_address {
        // Names are not unique on Portkey: pins tell keys of one name apart.
        if same.len() == 1 || same.iter().all(|key| key.key.id.is_some()) {
            continue;
        }
        let mut same = same.into_iter();
        let Some(first) = same.next() else { continue };
        for key in same {
            out.push(
                Diagnostic::error(
                    codes::DUPLICATE_ADDRESS,
                    key.name,
                    format!("`{address}` is described twice"),
                )
                .also(first.name, "first here")
                .hint(
                    "remove or rename one; if there are two live keys of this name, pin each with its `id`",
                ),
            );
        }
    }
}

fn pins(keys: &[Lowered], out: &mut Complaints) {
    // UUIDs mean the same in capitals.
    let plain = |id: &KeyId| id.as_str().to_ascii_lowercase();
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for key in keys {
        let (Some(id), Some(span)) = (&key.key.id, key.id) else { continue };
        if let Some(first) = seen.get(&plain(id)) {
            out.push(
                Diagnostic::error(codes::DUPLICATE_ID, span, format!("two entries are pinned to `{id}`"))
                    .also(*first, "first here")
                    .hint("remove one of the entries or correct its `id`"),
            );
        } else {
            seen.insert(plain(id), span);
        }
    }
    // A key that is replaced goes away, so nothing else may mean it.
    for key in keys {
        let (Some(id), Some(span)) = (&key.key.replaces, key.replaces) else { continue };
        if let Some(first) = seen.get(&plain(id)) {
            out.push(
                Diagnostic::error(
                    codes::DUPLICATE_ID,
                    span,
                    format!("another entry means the key `{id}` as well"),
                )
                .also(*first, "it is here")
                .hint("a key that is replaced can have no other entry, and is replaced once"),
            );
        } else {
            seen.insert(plain(id), span);
        }
    }
}

/// One former name can become one key only, and not that of a key that stays.
fn renames(keys: &[Lowered], out: &mut Complaints) {
    let mut former: BTreeMap<KeyAddress, Span> = BTreeMap::new();
    let stays: BTreeMap<&KeyAddress, Span> = keys
        .iter()
        .filter(|key| key.key.renamed_from.value().is_none() && key.key.id.is_none())
        .map(|key| (&key.key.address, key.name))
        .collect();
    for key in keys {
        let (Some(name), Some(span)) = (key.key.renamed_from.value(), key.renamed_from) else { continue };
        let address = KeyAddress { name: name.clone(), ..key.key.address.clone() };
        let other = stays.get(&address).copied().filter(|_| key.key.id.is_none());
        if let Some(first) = former.get(&address).copied().or(other) {
            out.push(
                Diagnostic::error(
                    codes::DUPLICATE_ADDRESS,
                    span,
                    format!("`{address}` would become this key, and is another entry's as well"),
                )
                .also(first, "the other is here")
                .hint("keep `renamed_from` where the rename is, and remove the former entry"),
            );
        } else {
            former.insert(address, span);
        }
    }
}

/// What a secret is delivered into, and for whom.
struct Taken<'k> {
    address: &'k KeyAddress,
    name: Span,
    target: Target,
}

fn targets(keys: &[Lowered], world: &World, out: &mut Complaints) {
    let mut taken: BTreeMap<String, Taken<'_>> = BTreeMap::new();
    // The first of each path: a file that is one key's secret has no room for lines of others.
    let mut files: BTreeMap<String, Taken<'_>> = BTreeMap::new();
    for key in keys {
        for (sink, span) in &key.deliver_to {
            let Some(declared) = world.sinks.get(sink.as_str()) else { continue };
            let Some(wanted) = &declared.sink else { continue };
            if wanted.uses_id() && key.key.id.is_none() {
                continue; // ids differ, and this key's is not known yet
            }
            let address = &key.key.address;
            let target = match wanted.target(address, key.key.id.as_ref()) {
                Ok(target) => target,
                Err(error) => {
                    out.push(
                        Diagnostic::error(
                            codes::INVALID_SINK_PATH,
                            key.name,
                            format!("the sink `{sink}` has no target for `{address}`: {error}"),
                        )
                        .also(*span, "it is to deliver here")
                        .also(declared.name, format!("the sink `{sink}` is here"))
                        .hint("use other placeholders, or deliver this key elsewhere"),
                    );
                    continue;
                }
            };
            // On many disks `CI` and `ci` are one file.
            let file = target.file().map(|(path, _)| path.to_string_lossy().to_lowercase());
            let other = taken.get(&target.identity().to_lowercase());
            let other = other.or_else(|| {
                let other = files.get(file.as_ref()?)?;
                let is_whole = |target: &Target| target.file().is_some_and(|(_, is_whole)| is_whole);
                (is_whole(&other.target) || is_whole(&target)).then_some(other)
            });
            if let Some(other) = other {
                out.push(
                    Diagnostic::error(codes::SAME_TARGET, key.name, same(address, &target, other))
                        .also(other.name, "the other is here")
                        .also(declared.name, format!("the sink `{sink}` is here"))
                        .hint("use placeholders that tell them apart, as in `secrets/{workspace}/{name}`"),
                );
                continue;
            }
            let here = || Taken { address, name: key.name, target: target.clone() };
            if let Some(file) = file {
                files.entry(file).or_insert_with(here);
            }
            taken.insert(target.identity().to_lowercase(), here());
        }
    }
}

fn same(address: &KeyAddress, target: &Target, other: &Taken<'_>) -> String {
    let is_one = target.identity().eq_ignore_ascii_case(&other.target.identity());
    match (other.address == address, is_one) {
        (true, true) => format!("`{address}` delivers into `{target}` twice"),
        (false, true) => format!("`{address}` and `{}` both deliver into `{target}`", other.address),
        (true, false) => {
            format!(
                "`{address}` delivers into `{target}` and into `{}`, which is the same file",
                other.target
            )
        }
        (false, false) => format!(
            "`{address}` delivers into `{target}`, and `{}` into `{}`, which is the same file",
            other.address, other.target
        ),
    }
}
