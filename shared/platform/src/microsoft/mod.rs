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
        connect_trouble(error)
    } else {
        "the connection broke off"
    }
}

/// Explains why no connection was made. The name resolver's error has no type of its own, so its source
/// in `hyper_util` is told by its text, "dns error"; what rustls refuses is its own error.
fn connect_trouble(error: &reqwest::Error) -> &'static str {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.to_string().starts_with("dns error") {
            return "no such host name: check the name server and the network of this machine";
        }
        let io = cause.downcast_ref::<std::io::Error>();
        match cause.downcast_ref().or_else(|| tls_error(io?)) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                return "no trusted certificate: a proxy or firewall on the way may replace it, or this machine's clock or certificates are out of date";
            }
            Some(_) => {
                return "no TLS connection: a proxy or firewall may be on the way";
            }
            None => {}
        }
        match io.map(std::io::Error::kind) {
            Some(std::io::ErrorKind::ConnectionRefused) => return "the connection was refused",
            Some(std::io::ErrorKind::HostUnreachable | std::io::ErrorKind::NetworkUnreachable) => {
                return "the host cannot be reached: check the network of this machine";
            }
            _ => {}
        }
        source = cause.source();
    }
    "no connection"
}

/// The TLS error within an I/O error, which may wrap another.
fn tls_error(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    let nested = || tls_error(inner.downcast_ref()?);
    inner.downcast_ref().or_else(nested)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    async fn trouble(url: &str) -> &'static str {
        let http = Http::loopback();
        let client = http.client().expect("a client");
        let error = client.get(url).send().await.expect_err("nobody is there");
        wire_trouble(&error)
    }

    #[tokio::test]
    async fn an_unknown_host_a_refusal_and_no_tls_are_told_apart() {
        let unknown = trouble("http://no-such-host.invalid/").await;
        assert!(unknown.starts_with("no such host name"), "{unknown}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(b"HTTP/1.1 400 No\r\n\r\n").await.ok();
            }
        });
        let plain = trouble(&format!("https://{address}/")).await;
        assert!(plain.starts_with("no TLS connection"), "{plain}");
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = closed.local_addr().expect("an address");
        drop(closed);
        let refused = trouble(&format!("http://{address}/")).await;
        assert_eq!(refused, "the connection was refused");
    }
}
