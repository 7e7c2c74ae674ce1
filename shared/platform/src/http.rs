//! One HTTP stack for Microsoft, an issuer and AWS alike: reqwest on rustls. It is made, and the
//! system's certificates are read, when something is first asked: a function that starts pays
//! nothing for it.

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use reqwest::header::{ACCEPT_ENCODING, HeaderValue};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use crate::public_address::PublicNames;
pub use muster_domain::http_status::in_words as status_in_words;

/// No answer takes longer as a whole. The download of a large report takes a minute or two.
const ANSWER_WITHIN: Duration = Duration::from_secs(240);

/// An HTTP client that is made when it is first used. Clones share it, its connections and its
/// certificates. It never follows a redirect by itself.
#[derive(Debug, Clone)]
pub struct Http {
    client: Arc<OnceLock<reqwest::Client>>,
    scope: Scope,
}

/// The addresses that a client may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All.
    All,
    /// This machine's own.
    Loopback,
    /// Those of the internet.
    Public,
}

impl Default for Http {
    /// A client for what is outside, through the proxy that the environment names, if any.
    fn default() -> Self {
        Self::new(Scope::All)
    }
}

impl Http {
    /// A client for this machine's own addresses, whatever proxy the environment names: without TLS,
    /// so that it reads no certificates.
    pub fn loopback() -> Self {
        Self::new(Scope::Loopback)
    }

    /// A client for https on the internet: a name is reached at its public addresses alone. An address in
    /// place of a name is for the caller to check ([`crate::public_address`]).
    pub fn public() -> Self {
        Self::new(Scope::Public)
    }

    fn new(scope: Scope) -> Self {
        Self {
            client: Arc::default(),
            scope,
        }
    }

    /// The client.
    ///
    /// # Errors
    /// When the TLS stack cannot be set up.
    pub fn client(&self) -> Result<&reqwest::Client, reqwest::Error> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .read_timeout(Duration::from_secs(60))
            .timeout(ANSWER_WITHIN)
            .user_agent(concat!("Muster/", env!("CARGO_PKG_VERSION")));
        client = match self.scope {
            Scope::All => client,
            Scope::Loopback => client.no_proxy().tls_certs_only([]),
            Scope::Public => client.https_only(true).dns_resolver(PublicNames),
        };
        let client = client.build()?;
        Ok(self.client.get_or_init(|| client))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let unfit = |e| ConnectorError::user(e);
        let request = request.try_into_http1x().map_err(|e| unfit(e.into()))?;
        let request = request.map(reqwest::Body::wrap);
        let mut request = reqwest::Request::try_from(request).map_err(|e| unfit(e.into()))?;
        // AWS's checksums are of the body as it is sent.
        let encodings = request.headers_mut().entry(ACCEPT_ENCODING);
        encodings.or_insert(HeaderValue::from_static("identity"));
        let response = self.client().map_err(failure)?.execute(request).await;
        let response = http::Response::from(response.map_err(failure)?);
        HttpResponse::try_from(response.map(SdkBody::from_body_1_x)).map_err(|e| unfit(e.into()))
    }
}

/// A failure as the SDK's retries tell them apart. The address is not repeated.
fn failure(error: reqwest::Error) -> ConnectorError {
    let error = error.without_url();
    if error.is_timeout() {
        ConnectorError::timeout(error.into())
    } else if error.is_builder() {
        ConnectorError::user(error.into())
    } else {
        ConnectorError::io(error.into())
    }
}

/// What carries the AWS SDK's requests.
impl HttpConnector for Http {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.clone();
        HttpConnectorFuture::new(async move { http.send(request).await })
    }
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
