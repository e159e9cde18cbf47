//! Reading: pages of keys, the ids of names, and what list rows do not tell.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join4;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::normalise::{RotationPolicyInRows, live_key};
use super::{Completeness, Live, Names, ResolvedNames};
use crate::api::{ApiError, KeyRow, PAGE_SIZE, Page, ReadApi};
use crate::model::{ConfigId, KeyId, UserId, WorkspaceId};

/// Reads in flight at a time: 1,600 keys take two round trips.
const CONCURRENT_READS: usize = 16;

/// How often the list is read before its pages are called unstable: offset paging races with
/// concurrent creates and deletes (portkey-api.md 2.1).
const LIST_ATTEMPTS: u32 = 3;

/// Up to so many users are looked up one by one; more are found by reading all pages.
const USERS_ONE_BY_ONE: usize = 10;

/// A read that failed for good: without it there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The keys themselves.
    #[error("the live keys could not be read")]
    Keys(#[source] ApiError),
    /// Workspaces, needed for slugs.
    #[error("the workspaces could not be read, which slugs in the keys file need")]
    Workspaces(#[source] ApiError),
    /// Users, needed for e-mails.
    #[error("the users could not be read, which e-mail addresses in the keys file need")]
    Users(#[source] ApiError),
    /// Configs, needed for slugs.
    #[error("the configs could not be read, which config slugs in the keys file need")]
    Configs(#[source] ApiError),
}

impl RefreshError {
    /// The call that failed.
    pub fn call(&self) -> &ApiError {
        match self {
            Self::Keys(error) | Self::Workspaces(error) | Self::Users(error) | Self::Configs(error) => error,
        }
    }

    /// How to do without the call.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Keys(_) => None,
            Self::Workspaces(_) => Some(
                "a key without `workspaces.list` can do without: write the workspace's UUID instead of its slug",
            ),
            Self::Users(_) => Some(
                "a key without `organisation_users.list` can do without: write the user's id instead of the e-mail",
            ),
            Self::Configs(_) => Some(
                "a key without `configs.list` can do without: write the config's UUID instead of its slug",
            ),
        }
    }
}

/// Reads every key, and resolves the names that are needed, in as few round trips as possible.
pub async fn refresh<R: ReadApi>(api: &R, names: &Names) -> Result<Live, RefreshError> {
    let (keys, workspaces, users, configs) = join4(
        list_keys(api),
        resolve_workspaces(api, &names.workspaces),
        resolve_users(api, &names.users),
        resolve_configs(api, &names.configs),
    )
    .await;
    let (rows, completeness) = keys.map_err(RefreshError::Keys)?;
    let known_workspaces = workspaces.map_err(RefreshError::Workspaces)?;
    let names = ResolvedNames {
        workspaces: known_workspaces
            .iter()
            .filter(|(slug, _)| names.workspaces.contains(*slug))
            .map(|(slug, id)| (slug.clone(), id.clone()))
            .collect(),
        known_workspaces,
        users: users.map_err(RefreshError::Users)?,
        configs: configs.map_err(RefreshError::Configs)?,
    };

    let rotation = if rows.values().any(|row| row.carries("rotation_policy")) {
        RotationPolicyInRows::Carried
    } else {
        RotationPolicyInRows::NotKnown
    };
    let mut oddities = BTreeSet::new();
    let organisation = rows.values().find_map(|row| row.organisation_id.clone());
    let keys: BTreeMap<_, _> =
        rows.into_iter().map(|(id, row)| (id, live_key(row, rotation, &mut oddities))).collect();
    let clock = api.clock();
    Ok(Live {
        organisation,
        keys,
        completeness,
        // A service that sends no Date leaves us this machine's clock. Whole seconds, as the service counts.
        now: whole_seconds(clock.map_or_else(Timestamp::now, |clock| clock.now())),
        clock_skew_seconds: clock.map_or(0, |clock| clock.skew().as_secs()),
        names,
        unreadable: BTreeMap::new(),
        oddities,
    })
}

/// Reads whole objects where rows do not tell enough. A key that cannot be read is noted, and is
/// nobody's problem but its own.
pub async fn hydrate<R: ReadApi>(api: &R, live: &mut Live, ids: &BTreeSet<KeyId>) {
    let objects: Vec<_> = stream::iter(ids)
        .map(|id| async move { (id, api.get_key(id).await) })
        .buffer_unordered(CONCURRENT_READS)
        .collect()
        .await;
    for (id, object) in objects {
        match object {
            Ok(row) => {
                // On a GET, absent means unset (portkey-api.md 2.3).
                let key = live_key(row, RotationPolicyInRows::Carried, &mut live.oddities);
                live.keys.insert(id.clone(), key);
            }
            Err(error) => {
                live.unreadable.insert(id.clone(), error.to_string());
            }
        }
    }
}

/// Looks for keys that are known to exist and that the list does not show: a list may lag behind what was created
/// just before it.
///
/// A 404 or 403 agrees with the list (portkey-api.md 6): that key is gone.
pub async fn look_for<R: ReadApi>(
    api: &R,
    live: &mut Live,
    known: &BTreeSet<KeyId>,
) -> Result<(), RefreshError> {
    for id in known {
        if live.keys.contains_key(id) {
            continue;
        }
        match api.get_key(id).await {
            Ok(row) => {
                let key = live_key(row, RotationPolicyInRows::Carried, &mut live.oddities);
                live.keys.insert(id.clone(), key);
            }
            Err(error) if matches!(error.status(), Some(403 | 404)) => {}
            Err(error) => return Err(RefreshError::Keys(error)),
        }
    }
    Ok(())
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

type Rows = BTreeMap<KeyId, KeyRow>;

async fn list_keys<R: ReadApi>(api: &R) -> Result<(Rows, Completeness), ApiError> {
    let mut attempt = 1;
    loop {
        let (rows, completeness) = list_keys_once(api).await?;
        match &completeness {
            Completeness::Unstable { total, seen } if attempt < LIST_ATTEMPTS => {
                tracing::warn!(
                    total,
                    seen,
                    attempt,
                    "the pages of the key list do not agree; reading them again"
                );
                attempt += 1;
            }
            Completeness::Unstable { .. } | Completeness::Complete => return Ok((rows, completeness)),
        }
    }
}

async fn list_keys_once<R: ReadApi>(api: &R) -> Result<(Rows, Completeness), ApiError> {
    let pages = all_pages(|page| api.list_keys(page)).await?;
    let totals: BTreeSet<Option<u64>> = pages.iter().map(|page| page.total).collect();
    let mut rows = Rows::new();
    let mut sightings = 0;
    for row in pages.into_iter().flat_map(|page| page.rows) {
        sightings += 1;
        rows.insert(row.id.clone(), row);
    }
    let seen = rows.len() as u64;
    let completeness = match totals.iter().next_back().copied().flatten() {
        Some(total) if totals.len() > 1 || total != seen => Completeness::Unstable { total, seen },
        // Without a total, a list that came to its end without repeating itself has to do.
        None if sightings != seen => Completeness::Unstable { total: sightings, seen },
        Some(_) | None => Completeness::Complete,
    };
    Ok((rows, completeness))
}

/// The first page, then the rest side by side; without a total, one after the other up to a short one.
pub async fn all_pages<T, F, Fut>(read: F) -> Result<Vec<Page<T>>, ApiError>
where
    F: Fn(u32) -> Fut,
    Fut: Future<Output = Result<Page<T>, ApiError>>,
{
    let first = read(0).await?;
    let full = PAGE_SIZE as usize;
    let Some(total) = first.total else {
        let mut pages = vec![first];
        while pages.last().is_some_and(|page| page.rows.len() >= full) {
            let next = u32::try_from(pages.len()).unwrap_or(u32::MAX);
            pages.push(read(next).await?);
        }
        return Ok(pages);
    };
    // A service that gives shorter pages than asked for is taken at its own measure.
    let per_page = (first.rows.len() as u64).clamp(1, u64::from(PAGE_SIZE));
    let count = if first.rows.is_empty() { 1 } else { total.div_ceil(per_page) };
    let rest: Vec<Page<T>> = stream::iter(1..u32::try_from(count).unwrap_or(u32::MAX))
        .map(&read)
        .buffered(CONCURRENT_READS)
        .try_collect()
        .await?;
    let mut pages = vec![first];
    pages.extend(rest);
    Ok(pages)
}

async fn resolve_workspaces<R: ReadApi>(
    api: &R,
    slugs: &BTreeSet<String>,
) -> Result<BTreeMap<String, WorkspaceId>, ApiError> {
    if slugs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pages = all_pages(|page| api.list_workspaces(page)).await?;
    let rows = pages.into_iter().flat_map(|page| page.rows);
    Ok(rows.filter_map(|row| Some((row.slug?, row.id))).collect())
}

async fn resolve_users<R: ReadApi>(
    api: &R,
    emails: &BTreeSet<String>,
) -> Result<BTreeMap<String, UserId>, ApiError> {
    if emails.len() > USERS_ONE_BY_ONE {
        let pages = all_pages(|page| api.list_users(page)).await?;
        let rows = pages.into_iter().flat_map(|page| page.rows);
        let users: BTreeMap<String, UserId> =
            rows.filter_map(|row| Some((row.email?.to_lowercase(), row.id))).collect();
        let found = |email: &String| Some((email.clone(), users.get(&email.to_lowercase())?.clone()));
        return Ok(emails.iter().filter_map(found).collect());
    }
    let found: Vec<_> = stream::iter(emails)
        .map(|email| async move { Ok(api.find_user(email).await?.map(|row| (email.clone(), row.id))) })
        .buffer_unordered(CONCURRENT_READS)
        .try_collect()
        .await?;
    Ok(found.into_iter().flatten().collect())
}

async fn resolve_configs<R: ReadApi>(
    api: &R,
    slugs: &BTreeSet<(Option<String>, String)>,
) -> Result<BTreeMap<(Option<String>, String), ConfigId>, ApiError> {
    let workspaces: BTreeSet<&Option<String>> = slugs.iter().map(|(workspace, _)| workspace).collect();
    let lists: Vec<_> = stream::iter(workspaces)
        .map(|workspace| async move { Ok((workspace, api.list_configs(workspace.as_deref()).await?)) })
        .buffer_unordered(CONCURRENT_READS)
        .try_collect::<Vec<_>>()
        .await?;
    let mut found = BTreeMap::new();
    for (workspace, rows) in lists {
        for row in rows {
            if let Some(slug) = row.slug {
                let name = (workspace.clone(), slug);
                if slugs.contains(&name) {
                    found.insert(name, row.id);
                }
            }
        }
    }
    Ok(found)
}
