//! The tenant's app management policy, where `Policy.Read.All` lets it be read.
//!
//! Microsoft Graph v1.0, "Get tenantAppManagementPolicy"; the policies assigned to an application
//! are its relationship `appManagementPolicies`.

use super::Microsoft;
use jiff::Timestamp;
use muster_domain::{
    cloud::Hosts, datasets::applications::APPLICATIONS, fault::Fault, lossy_json,
    secret_policy::SecretPolicy,
};
use secrecy::SecretString;
use serde_json::Value;

impl Microsoft {
    /// What the policy says of new client secrets for this app registration, of which `created` is
    /// when it was made.
    ///
    /// # Errors
    /// What kept Graph from answering: it is not known then.
    pub async fn secret_policy(
        &self,
        hosts: &Hosts,
        object_id: &str,
        created: Option<Timestamp>,
        bearer: &SecretString,
    ) -> Result<SecretPolicy, Fault> {
        let read = async |path: &str| {
            let answer = self.get(&APPLICATIONS, hosts.graph(path), bearer).await?;
            lossy_json::from_slice::<Value>(&answer.body)
                .map_err(|_| Fault::Passing("an answer that is no JSON".to_owned()))
        };
        let default = read("/v1.0/policies/defaultAppManagementPolicy").await?;
        let assigned = format!("/v1.0/applications/{object_id}/appManagementPolicies");
        let assigned = read(&assigned).await?;
        Ok(SecretPolicy::read(
            &default,
            &assigned,
            created,
            crate::now(),
        ))
    }
}
