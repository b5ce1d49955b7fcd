//! The endpoints of the API.

use axum::response::Response;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::faults::{Faults, ServiceEndpoint};
use super::json;
use super::pages::{self, LIST};
use super::replies::Reply;
use super::shared::Shared;
use super::world::{Owner, World, WorldAsset};

/// The path of the assets, which ends with a slash for the list.
const ASSETS: &str = "/v1/assets";
const VERSIONS: &str = "/v1/versions/";
/// What the header of every request begins with.
const SCHEME: &str = "Bearer panjaya-";

/// A request to the API.
struct Call {
    endpoint: ServiceEndpoint,
    /// The id in the path, decoded; empty for the list.
    id: String,
}

impl Call {
    /// Reads a path; `None` if it is of no endpoint.
    fn read(path: &str) -> Option<Self> {
        let one = |endpoint, id: &str| {
            let id = id.strip_suffix('/').unwrap_or(id);
            if id.is_empty() || id.contains('/') {
                return None;
            }
            let id = percent_decode_str(id).decode_utf8().ok()?.into_owned();
            Some(Self { endpoint, id })
        };
        if path == LIST || path == ASSETS {
            return Some(Self { endpoint: ServiceEndpoint::List, id: String::new() });
        }
        if let Some(id) = path.strip_prefix(LIST) {
            return one(ServiceEndpoint::Asset, id);
        }
        one(ServiceEndpoint::Version, path.strip_prefix(VERSIONS)?)
    }
}

/// Answers a request.
pub(super) async fn answer(shared: &Shared, parts: &Parts) -> Response {
    let Some(call) = Call::read(parts.uri.path()) else {
        return Reply::error(StatusCode::NOT_FOUND, "Not found.").send();
    };
    if parts.method != Method::GET {
        let detail = format!("Method \"{}\" not allowed.", parts.method);
        return Reply::error(StatusCode::METHOD_NOT_ALLOWED, &detail).send();
    }
    if let Some(refused) = refused(shared, parts) {
        return refused.send();
    }
    let query = parts.uri.query().unwrap_or_default();
    let (reply, fault) = {
        let mut faults = shared.faults();
        let fault = faults.take(call.endpoint);
        let mut world = shared.world();
        let reply = found(&call, query, &world, shared, &faults);
        if faults.shifting && call.endpoint == ServiceEndpoint::List && fault.is_none() {
            world.shift();
        }
        (reply, fault)
    };
    match fault {
        None => reply.send(),
        Some(fault) => {
            let target = parts.uri.path_and_query().map_or(LIST, |target| target.as_str());
            reply.send_faulty(fault, target, &shared.stop).await
        }
    }
}

/// Returns why a request without the right key is refused.
fn refused(shared: &Shared, parts: &Parts) -> Option<Reply> {
    let Some(given) = parts.headers.get(AUTHORIZATION) else {
        let detail = "Authentication credentials were not provided.";
        return Some(Reply::error(StatusCode::UNAUTHORIZED, detail));
    };
    let given = given.to_str().ok().and_then(|given| given.strip_prefix(SCHEME));
    if given != Some(shared.key.as_str()) {
        return Some(Reply::error(StatusCode::UNAUTHORIZED, "Invalid API key."));
    }
    let is_expired = shared.faults().expired_key;
    is_expired.then(|| Reply::error(StatusCode::UNAUTHORIZED, "The API key has expired."))
}

/// Returns the right reply, with the faults that concern its fields.
fn found(call: &Call, query: &str, world: &World, shared: &Shared, faults: &Faults) -> Reply {
    let found = match call.endpoint {
        ServiceEndpoint::List => {
            let page = pages::page(query, world, faults, shared);
            page.ok_or_else(|| Reply::error(StatusCode::NOT_FOUND, "Invalid page."))
        }
        ServiceEndpoint::Asset => {
            allowed(world.asset(&call.id)).map(|asset| json::asset(asset, faults))
        }
        ServiceEndpoint::Version => version(&call.id, world, shared, faults),
    };
    match found {
        Ok(mut value) => {
            json::spoil(&mut value, faults);
            Reply::ok(value)
        }
        Err(reply) => reply,
    }
}

fn version(
    id: &str,
    world: &World,
    shared: &Shared,
    faults: &Faults,
) -> Result<serde_json::Value, Reply> {
    let found = world.version(id);
    allowed(found.map(|(asset, _)| asset))?;
    let (asset, version) = found.ok_or_else(not_found)?;
    Ok(json::version(asset, version, shared, faults))
}

/// Returns the asset if it is of this account.
fn allowed(asset: Option<&WorldAsset>) -> Result<&WorldAsset, Reply> {
    let asset = asset.ok_or_else(not_found)?;
    match asset.owner {
        Owner::Us => Ok(asset),
        Owner::Hidden => Err(not_found()),
        Owner::Forbidden => {
            let detail = "You do not have permission to perform this action.";
            Err(Reply::error(StatusCode::FORBIDDEN, detail))
        }
    }
}

fn not_found() -> Reply {
    Reply::error(StatusCode::NOT_FOUND, "Not found.")
}
