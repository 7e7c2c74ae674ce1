//! Microsoft, over HTTP: sign-in and Graph. Answers come back as values; what they mean is the
//! domain's to say.

mod graph;
mod jitter;
mod paces;
mod proof;
mod registration;
mod reports;
mod secret_policy;
mod sign_in;

pub use graph::Answer;
pub use jitter::jitter;
pub use paces::Paces;
pub use proof::{KIND, WebIdentity, federated, hint, kind_of, mark};
pub use registration::{NewPassword, PasswordRefusal, Registration};
pub use sign_in::{Discovery, SignInFailure, Token};

use crate::{http::Http, tenant_sessions::TenantSessions};
use muster_domain::cloud::{Cloud, Hosts};
use url::Url;

/// The client for Microsoft's services. Never follows a redirect by itself.
#[derive(Debug, Clone)]
pub struct Microsoft {
    http: Http,
    login: Option<Url>,
    graph: Option<Url>,
    paces: Paces,
    tenants: Option<TenantSessions>,
}

impl Microsoft {
    /// A client for Microsoft's own hosts, or for what replaces them in this installation.
    pub fn new(http: Http, login: Option<Url>, graph: Option<Url>) -> Self {
        // The published quotas are those of Microsoft's own hosts.
        let paces = Paces::new(graph.is_none());
        Self {
            http,
            login,
            graph,
            paces,
            tenants: None,
        }
    }

    /// The same, held to the published quotas whatever replaces Microsoft's hosts.
    #[must_use]
    pub fn within_quotas(mut self) -> Self {
        self.paces = Paces::new(true);
        self
    }

    /// What carries its requests, for others to share.
    pub fn http(&self) -> &Http {
        &self.http
    }

    /// How fast it may be asked.
    pub fn paces(&self) -> &Paces {
        &self.paces
    }

    /// The same, able to prove itself by AWS's outbound web identity, in each tenant's session.
    #[must_use]
    pub fn with_web_identity(self, tenants: TenantSessions) -> Self {
        Self {
            tenants: Some(tenants),
            ..self
        }
    }

    /// The hosts a cloud is reached at.
    pub fn hosts(&self, cloud: Cloud) -> Hosts {
        Hosts::replaced(cloud, self.login.as_ref(), self.graph.as_ref())
    }
}

/// An HTTP failure in words, without the URL: it may hold a page token or a signed query.
fn wire_trouble(error: &reqwest::Error) -> &'static str {
    if error.is_builder() {
        "no secure connection can be set up on this machine"
    } else if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke off"
    }
}
