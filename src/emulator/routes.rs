//! Which request leads where.
//!
//! One table: requests are led by it and the OpenAPI document is made from it, so that neither knows a route that the
//! other does not.

use axum::http::{HeaderValue, Method};
use jiff::Timestamp;

use super::{
    audit,
    call::{Answer, Call, Refusal},
    configs, gateway, keys,
    permissions::Caller,
    server::Inner,
    users, workspaces,
    world::World,
};

/// One method on one path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// Beneath `/v1`; `{…}` stands for one segment.
    pub(super) path: &'static str,
    /// The name that generated clients give to it.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// The parameters of its query; `openapi.yaml` describes them.
    pub(super) query: &'static [&'static str],
    pub(super) body: Body,
    /// What a success answers; `openapi.yaml` has the schema.
    pub(super) answer: &'static str,
    /// The other statuses, 401 aside, which all have.
    pub(super) refusals: &'static [u16],
    handler: Handler,
}

/// Whether a request has a body; `openapi.yaml` has the schema of that name.
#[derive(Clone, Copy)]
pub(super) enum Body {
    None,
    Optional(&'static str),
    Required(&'static str),
}

#[derive(Clone, Copy)]
enum Handler {
    /// Of the Admin API: the caller is known.
    Admin(fn(Context<'_>) -> Result<Answer, Refusal>),
    /// Of the data plane, which looks at the caller itself and refuses in an envelope of its own.
    DataPlane(fn(&mut World, &Call, Timestamp) -> Result<Answer, Refusal>),
}

/// What a handler of the Admin API is given.
struct Context<'a> {
    world: &'a mut World,
    caller: &'a Caller,
    call: &'a Call,
    /// The first segment of the path that is in braces, empty if there is none.
    id: &'a str,
    /// The second one.
    sub_type: &'a str,
    now: Timestamp,
}

/// Every operation. Of two paths that match, the first counts.
pub(super) static OPERATIONS: &[Operation] = &[
    admin(Method::GET, "/api-keys", "listApiKeys", |c| keys::list(c.world, c.caller, c.call))
        .summary("List keys, the newest first")
        .query(&["page_size", "current_page", "workspace_id", "ids"])
        .answer("ApiKeyList")
        .refusals(&[400, 403, 404]),
    admin(Method::GET, "/api-keys/{id}", "getApiKey", |c| keys::get(c.world, c.caller, c.id))
        .summary("Read a key")
        .answer("ApiKey")
        .refusals(&[403, 404]),
    admin(Method::PUT, "/api-keys/{id}", "updateApiKey", |c| {
        keys::update(c.world, c.caller, c.call, c.id, c.now)
    })
    .summary("Change a key; what is left out stays")
    .body(Body::Optional("UpdateApiKey"))
    .refusals(&[400, 403, 404]),
    admin(Method::DELETE, "/api-keys/{id}", "deleteApiKey", |c| keys::delete(c.world, c.caller, c.id, c.now))
        .summary("Delete a key")
        .refusals(&[403, 404]),
    admin(Method::POST, "/api-keys/{id}/rotate", "rotateApiKey", |c| {
        keys::rotate(c.world, c.caller, c.call, c.id, c.now)
    })
    .summary("Issue a new secret; the old one lives on for a while")
    .body(Body::Optional("RotateApiKey"))
    .answer("RotationReceipt")
    .refusals(&[400, 403, 404, 409]),
    admin(Method::POST, "/api-keys/{type}/{sub-type}", "createApiKey", |c| {
        keys::create(c.world, c.caller, c.call, (c.id, c.sub_type), c.now)
    })
    .summary("Create a key; the answer is the only one with its secret")
    .body(Body::Required("CreateApiKey"))
    .answer("ApiKeyReceipt")
    .refusals(&[400, 403, 404, 502]),
    admin(Method::GET, "/admin/workspaces", "listWorkspaces", |c| {
        workspaces::list(c.world, c.caller, c.call)
    })
    .summary("List workspaces, the newest first")
    .query(&["page_size", "current_page", "name", "exact_name", "name_format", "status"])
    .answer("WorkspaceList")
    .refusals(&[400, 403]),
    admin(Method::POST, "/admin/workspaces", "createWorkspace", |c| {
        workspaces::create(c.world, c.caller, c.call, c.now)
    })
    .summary("Create a workspace")
    .body(Body::Required("CreateWorkspace"))
    .answer("Workspace")
    .refusals(&[400, 403]),
    admin(Method::GET, "/admin/workspaces/{workspaceId}", "getWorkspace", |c| {
        workspaces::get(c.world, c.caller, c.id)
    })
    .summary("Read a workspace by slug or UUID")
    .answer("WorkspaceWithSettings")
    .refusals(&[403, 404]),
    admin(Method::PUT, "/admin/workspaces/{workspaceId}", "updateWorkspace", |c| {
        workspaces::update(c.world, c.caller, c.call, c.id, c.now)
    })
    .summary("Change a workspace; what is left out stays")
    .body(Body::Optional("UpdateWorkspace"))
    .refusals(&[400, 403, 404]),
    admin(Method::DELETE, "/admin/workspaces/{workspaceId}", "deleteWorkspace", |c| {
        workspaces::delete(c.world, c.caller, c.call, c.id)
    })
    .summary("Archive a workspace")
    .body(Body::Optional("DeleteWorkspace"))
    .refusals(&[400, 403, 404, 409]),
    admin(Method::GET, "/admin/workspaces/{workspaceId}/users", "listWorkspaceMembers", |c| {
        workspaces::members(c.world, c.caller, c.call, c.id)
    })
    .summary("List the members of a workspace")
    .query(&["page_size", "current_page"])
    .answer("WorkspaceMemberList")
    .refusals(&[400, 403, 404]),
    admin(Method::GET, "/admin/users", "listUsers", |c| users::list(c.world, c.caller, c.call))
        .summary("List users, the newest first")
        .query(&["pageSize", "currentPage", "role", "email"])
        .answer("UserList")
        .refusals(&[400, 403]),
    admin(Method::POST, "/admin/users", "createUser", |c| users::create(c.world, c.caller, c.call, c.now))
        .summary("Create a user; no part of Portkey, which knows users by invitation")
        .body(Body::Required("CreateUser"))
        .answer("User")
        .refusals(&[400, 403, 409]),
    admin(Method::GET, "/admin/users/{userId}", "getUser", |c| users::get(c.world, c.caller, c.id))
        .summary("Read a user")
        .answer("User")
        .refusals(&[403, 404]),
    admin(Method::PUT, "/admin/users/{userId}", "updateUser", |c| {
        users::update(c.world, c.caller, c.call, c.id)
    })
    .summary("Change the role of a user")
    .body(Body::Required("UpdateUser"))
    .refusals(&[400, 403, 404]),
    admin(Method::DELETE, "/admin/users/{userId}", "deleteUser", |c| users::delete(c.world, c.caller, c.id))
        .summary("Remove a user and their keys")
        .refusals(&[403, 404]),
    admin(Method::GET, "/configs", "listConfigs", |c| configs::list(c.world, c.caller, c.call))
        .summary("List configs, all at once")
        .query(&["workspace_id"])
        .answer("ConfigList")
        .refusals(&[403, 404]),
    admin(Method::POST, "/configs", "createConfig", |c| configs::create(c.world, c.caller, c.call, c.now))
        .summary("Create a config")
        .body(Body::Required("CreateConfig"))
        .answer("ConfigReceipt")
        .refusals(&[400, 403, 404]),
    admin(Method::GET, "/configs/{slug}", "getConfig", |c| configs::get(c.world, c.caller, c.id))
        .summary("Read a config by its slug")
        .answer("ConfigWithContent")
        .refusals(&[403, 404]),
    admin(Method::PUT, "/configs/{slug}", "updateConfig", |c| {
        configs::update(c.world, c.caller, c.call, c.id)
    })
    .summary("Change a config; what is left out stays")
    .body(Body::Optional("UpdateConfig"))
    .answer("ConfigVersionReceipt")
    .refusals(&[400, 403, 404]),
    admin(Method::DELETE, "/configs/{slug}", "deleteConfig", |c| configs::delete(c.world, c.caller, c.id))
        .summary("Delete a config that nothing uses")
        .refusals(&[403, 404, 409]),
    admin(Method::GET, "/audit-logs", "listAuditLogs", |c| audit::list(c.world, c.caller, c.call))
        .summary("List what was done to keys, the newest first")
        .query(&[
            "start_time",
            "end_time",
            "method",
            "user_id",
            "action",
            "organisation_id",
            "page_size",
            "current_page",
        ])
        .answer("AuditLogList")
        .refusals(&[400, 403]),
    data_plane(Method::GET, "/models", "listModels", gateway::models)
        .summary("List models, as proof that a secret works")
        .answer("ModelList")
        .refusals(&[403, 412]),
    data_plane(Method::POST, "/chat/completions", "createChatCompletion", gateway::complete)
        .summary("Say nothing, and spend what the request allows")
        .body(Body::Required("CreateChatCompletion"))
        .answer("ChatCompletion")
        .refusals(&[400, 403, 412, 429]),
];

type AdminHandler = fn(Context<'_>) -> Result<Answer, Refusal>;
type DataPlaneHandler = fn(&mut World, &Call, Timestamp) -> Result<Answer, Refusal>;

const fn admin(method: Method, path: &'static str, id: &'static str, handler: AdminHandler) -> Operation {
    Operation::new(method, path, id, Handler::Admin(handler))
}

const fn data_plane(
    method: Method,
    path: &'static str,
    id: &'static str,
    handler: DataPlaneHandler,
) -> Operation {
    Operation::new(method, path, id, Handler::DataPlane(handler))
}

impl Operation {
    const fn new(method: Method, path: &'static str, id: &'static str, handler: Handler) -> Self {
        let body = Body::None;
        Self { method, path, id, summary: "", query: &[], body, answer: "Empty", refusals: &[], handler }
    }

    const fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    const fn query(mut self, parameters: &'static [&'static str]) -> Self {
        self.query = parameters;
        self
    }

    const fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    const fn answer(mut self, schema: &'static str) -> Self {
        self.answer = schema;
        self
    }

    const fn refusals(mut self, statuses: &'static [u16]) -> Self {
        self.refusals = statuses;
        self
    }

    /// Whether it is part of the data plane, which has an envelope of its own.
    pub(super) fn is_data_plane(&self) -> bool {
        matches!(self.handler, Handler::DataPlane(_))
    }

    /// The segments of a path that stand where this one has braces, at most two; none if it does not fit.
    fn captures<'p>(&self, path: &'p str) -> Option<(&'p str, &'p str)> {
        let (mut first, mut second) = ("", "");
        let mut given = path.split('/');
        for expected in self.path.split('/') {
            let segment = given.next()?;
            if !expected.starts_with('{') {
                if segment != expected {
                    return None;
                }
            } else if first.is_empty() {
                first = segment;
            } else {
                second = segment;
            }
        }
        given.next().is_none().then_some((first, second))
    }
}

/// Answers a request under `/v1`.
pub(super) fn dispatch(inner: &mut Inner, call: &Call, now: Timestamp) -> Result<Answer, Refusal> {
    let path = call.path.strip_prefix("/v1").unwrap_or_default().trim_end_matches('/');
    let fitting = || OPERATIONS.iter().filter_map(|operation| Some((operation, operation.captures(path)?)));
    let Some((operation, (id, sub_type))) = fitting().find(|(operation, _)| operation.method == call.method)
    else {
        return Err(unknown(path, fitting().map(|(operation, _)| &operation.method)));
    };
    let Inner { world, stale, .. } = inner;
    let handler = match operation.handler {
        Handler::DataPlane(handler) => return handler(world, call, now),
        Handler::Admin(handler) => handler,
    };
    let caller = &authenticate(world, call, now)?;
    let answer = |world: &mut World| handler(Context { world, caller, call, id, sub_type, now });
    if call.method == Method::GET && path.starts_with("/api-keys") {
        stale.shown(world, now, answer)
    } else {
        answer(world)
    }
}

/// A path that is not there, or not with this method.
fn unknown<'a>(path: &str, methods: impl Iterator<Item = &'a Method>) -> Refusal {
    let mut methods: Vec<&str> = methods.map(Method::as_str).collect();
    methods.dedup();
    if path.starts_with("/workspaces") {
        // Observed: 400, not 404 (portkey-api.md 8).
        return Refusal::invalid("workspaces lie under /admin");
    }
    match HeaderValue::from_str(&methods.join(", ")) {
        Ok(allowed) if !methods.is_empty() => Refusal::method_not_allowed(allowed),
        _ => Refusal::not_found("no such route"),
    }
}

/// The key that calls, by its current or previous secret.
fn authenticate(world: &World, call: &Call, now: Timestamp) -> Result<Caller, Refusal> {
    let secret = call.secret.as_deref().ok_or_else(|| Refusal::unauthorised("no x-portkey-api-key"))?;
    match world.keys.by_secret(secret).filter(|key| key.accepts(secret, now)) {
        Some(key) if key.has_expired(now) => Err(Refusal::unauthorised("the calling key has expired")),
        Some(key) => Ok(Caller::of(key, world)),
        None => Err(Refusal::unauthorised("no key has this secret")),
    }
}
