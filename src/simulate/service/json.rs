//! The JSON of assets and versions, with the faults that concern fields.

use serde_json::{Map, Value, json};

use super::faults::{Faults, FieldSpelling};
use super::shared::Shared;
use super::world::{NamedBy, WorldAsset, WorldVersion};
use crate::callback::VersionStatus;

/// The names of fields that differ between spellings.
struct FieldNames {
    asset_id: &'static str,
    /// The asset's id in a version.
    of_asset: &'static str,
    version_id: &'static str,
    versions: &'static str,
    locale: &'static str,
    external_id: &'static str,
    media_url: &'static str,
    studio_url: &'static str,
    result_url: &'static str,
}

impl FieldNames {
    const fn of(spelling: FieldSpelling) -> Self {
        let callback = Self {
            asset_id: "asset_id",
            of_asset: "asset_id",
            version_id: "version_id",
            versions: "versions",
            locale: "version_locale",
            external_id: "external_id",
            media_url: "media_url",
            studio_url: "studio_url",
            result_url: "result_url",
        };
        match spelling {
            FieldSpelling::Callback => callback,
            FieldSpelling::Short => Self {
                asset_id: "id",
                of_asset: "asset",
                version_id: "id",
                versions: "dubbings",
                locale: "locale",
                ..callback
            },
            FieldSpelling::Camel => Self {
                asset_id: "assetId",
                of_asset: "assetId",
                version_id: "versionId",
                versions: "versions",
                locale: "targetLocale",
                external_id: "externalId",
                media_url: "mediaUrl",
                studio_url: "studioUrl",
                result_url: "resultUrl",
            },
        }
    }
}

/// Returns an asset with its versions, as *Get asset* and the list have it.
pub(super) fn asset(asset: &WorldAsset, faults: &Faults) -> Value {
    let names = FieldNames::of(faults.spelling);
    let versions: Vec<Value> = asset
        .versions
        .iter()
        .map(|version| {
            json!({
                names.version_id: version.version_id,
                names.locale: version.locale,
                "status": version.status.name(),
            })
        })
        .collect();
    let mut object = Map::new();
    object.insert(names.asset_id.to_owned(), json!(asset.asset_id));
    let name = match &asset.name {
        NamedBy::Name(name) => Some(("name", name)),
        NamedBy::Title(title) => Some(("title", title)),
        NamedBy::ExternalId(id) => Some((names.external_id, id)),
        NamedBy::MediaUrl => None,
    };
    object.extend(name.map(|(field, name)| (field.to_owned(), json!(name))));
    object.insert(names.media_url.to_owned(), json!(asset.media_url));
    object.insert("status".to_owned(), json!(asset_status(asset)));
    object.insert(names.versions.to_owned(), versions.into());
    object.into()
}

/// Returns the status of an asset. The service's values are unknown.
fn asset_status(asset: &WorldAsset) -> &'static str {
    let waits = |version: &WorldVersion| version.status == VersionStatus::NotReady;
    if asset.failed {
        "Failed"
    } else if asset.versions.iter().any(waits) {
        "Processing"
    } else {
        "Ready"
    }
}

/// Returns a version, as *Get Version* has it: with a new link if it is completed.
pub(super) fn version(
    asset: &WorldAsset,
    version: &WorldVersion,
    shared: &Shared,
    faults: &Faults,
) -> Value {
    let names = FieldNames::of(faults.spelling);
    let completed = version.status == VersionStatus::Completed && !faults.no_results;
    let result = completed.then(|| {
        let link = || shared.link(version, faults.expired_links);
        faults.result_url.clone().unwrap_or_else(link)
    });
    let studio = || format!("https://studio.panjaya.ai/versions/{}", version.version_id);
    json!({
        names.version_id: version.version_id,
        names.of_asset: asset.asset_id,
        names.locale: version.locale,
        "status": version.status.name(),
        names.studio_url: faults.studio_url.clone().unwrap_or_else(studio),
        names.result_url: result,
    })
}

/// Applies the faults that concern every object and every text.
pub(super) fn spoil(value: &mut Value, faults: &Faults) {
    match value {
        Value::Object(object) => {
            object.retain(|name, _| !faults.missing.contains(&name.as_str()));
            object.values_mut().for_each(|value| spoil(value, faults));
            if faults.extra {
                object.insert("x_internal".to_owned(), json!({"shard": 7, "tags": [null, "a"]}));
                object.insert("id_".to_owned(), Value::Null);
                object.insert("statuses".to_owned(), json!(["Completed", 1, {}]));
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| spoil(value, faults)),
        Value::String(text) => text.extend(faults.hostile.as_deref()),
        _ => {}
    }
}
