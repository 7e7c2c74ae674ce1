//! `/admin/reportSettings`: whether usage reports conceal names.

use serde_json::{Value, json};

use super::error::GraphError;
use super::{Call, Reply};

/// The settings, which the service wraps in `value`.
pub fn get(call: &Call<'_>) -> Result<Reply, GraphError> {
    call.query.select(call.resource)?;
    let body = json!({
        "@odata.context": call.context(),
        "value": {
            "@odata.type": "#microsoft.graph.adminReportSettings",
            "displayConcealedNames": call.tenant.read().conceal,
        },
    });
    Ok(Reply::Json(body.to_string()))
}

/// Changes the setting for the whole tenant, the admin centre included.
pub fn patch(call: &Call<'_>) -> Result<Reply, GraphError> {
    if !call
        .roles
        .iter()
        .any(|role| role == "ReportSettings.ReadWrite.All")
    {
        return Err(call
            .resource
            .service
            .denied(&["ReportSettings.ReadWrite.All"]));
    }
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let Some(conceal) = body["displayConcealedNames"].as_bool() else {
        return Err(GraphError::new(
            400,
            "BadRequest",
            "displayConcealedNames must be true or false.",
        ));
    };
    call.tenant.write().conceal = conceal;
    Ok(Reply::Nothing)
}
