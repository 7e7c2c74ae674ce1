//! What the functions asked AWS for in the rehearsal: the evidence that their roles allow what
//! they need and no more.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One request to AWS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// The logical id of the role whose credentials signed it, such as `SyncRole` or `TenantRole`.
    pub role: String,
    /// The tenant that the session is tagged with.
    pub tenant: Option<String>,
    /// The purpose that the session is tagged with.
    pub purpose: Option<String>,
    /// The IAM action, such as `dynamodb:Query`.
    pub action: String,
    /// The ARNs it names.
    pub resources: Vec<String>,
    /// The condition keys that AWS would derive from it, such as `dynamodb:LeadingKeys` or
    /// `aws:RequestTag/tenant`, each with its values.
    pub conditions: BTreeMap<String, Vec<String>>,
}
