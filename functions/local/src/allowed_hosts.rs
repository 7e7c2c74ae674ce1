//! Refuses requests for a host that this installation does not serve.
//!
//! A page of another site can point its own name at this machine's address (DNS rebinding), and the
//! browser then takes Muster's answers for that site's. Such a request still carries that site's
//! name in `Host`, so the name decides.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header, uri::Authority},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_portal::Problem;
use std::{net::IpAddr, sync::Arc};
use url::{Host, Url};

/// The hosts that requests may name: loopback, the host of the public URL, and the address that
/// the server listens on. The port is not compared: a forwarded port differs, and no attack needs it.
#[derive(Debug)]
pub(crate) struct AllowedHosts {
    public: Option<Host>,
    listen: IpAddr,
}

impl AllowedHosts {
    /// The hosts of a server that listens at this address and is known by this URL.
    pub(crate) fn new(listen: IpAddr, public_url: &Url) -> Self {
        let public = public_url.host().map(|host| host.to_owned());
        Self { public, listen }
    }

    /// Returns true if a request may name this host.
    fn allows(&self, host: &Host) -> bool {
        let address = match host {
            Host::Domain(name) if name == "localhost" => return true,
            Host::Domain(_) => return self.public.as_ref() == Some(host),
            Host::Ipv4(address) => IpAddr::V4(*address),
            Host::Ipv6(address) => IpAddr::V6(*address),
        };
        // Rebinding needs a name. Whoever writes an address means this machine.
        address.to_canonical().is_loopback()
            || self.listen.is_unspecified()
            || self.listen == address
            || self.public.as_ref() == Some(host)
    }
}

/// Reads the host that a request names: of the URI where that is absolute, else of its one `Host`
/// header (RFC 9112, 3.2).
fn named_host(uri: &Uri, headers: &HeaderMap) -> Option<Host> {
    let mut lines = headers.get_all(header::HOST).iter();
    let (line, second) = (lines.next(), lines.next());
    if second.is_some() {
        return None;
    }
    let authority = match uri.authority() {
        Some(authority) => authority.clone(),
        None => line?.to_str().ok()?.parse::<Authority>().ok()?,
    };
    // `url` brings a name into the form in which it keeps the public URL's.
    Host::parse(authority.host().trim_end_matches('.')).ok()
}

/// The layer before everything that is served.
pub(crate) async fn layer(
    State(allowed): State<Arc<AllowedHosts>>,
    request: Request,
    next: Next,
) -> Response {
    match named_host(request.uri(), request.headers()) {
        Some(host) if allowed.allows(&host) => next.run(request).await,
        Some(host) => {
            tracing::warn!(%host, "a request named a host that is not served here");
            refusal(
                &request,
                &format!(
                    "This installation of Muster is not served at {host}. If it should be, start it with --public-url and the address that browsers use."
                ),
            )
        }
        None => refusal(
            &request,
            "The request does not name one host, so it was not answered.",
        ),
    }
}

/// Answers 421 (RFC 9110, 15.5.20): a problem to callers of the API, plain text to a person.
fn refusal(request: &Request, detail: &str) -> Response {
    let status = StatusCode::MISDIRECTED_REQUEST;
    if request.uri().path().starts_with("/api/") {
        return Problem::new(status, detail).into_response();
    }
    let headers = [(header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, format!("{detail}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(listen: &str, public_url: &str, host: &str) -> bool {
        let listen = listen.parse().expect("an address");
        let hosts = AllowedHosts::new(listen, &public_url.parse().expect("a URL"));
        let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a header"))]);
        named_host(&Uri::from_static("/"), &headers).is_some_and(|host| hosts.allows(&host))
    }

    #[test]
    fn a_request_for_another_host_is_refused() {
        let local = |host| allowed("127.0.0.1", "http://localhost:8365", host);
        for served in [
            "localhost:8365",
            "LOCALHOST",
            "localhost.:8365",
            "127.0.0.1:8365",
            "127.0.0.2",
            "[::1]:9000",
        ] {
            assert!(local(served), "{served}");
        }
        for foreign in [
            "attacker.example:8365",
            "localhost.attacker.example",
            "notlocalhost",
            "192.0.2.7:8365",
            "[2001:db8::7]",
            "localhost@attacker.example",
            "",
            ":8365",
        ] {
            assert!(!local(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_addresses_that_serve_was_given_are_answered() {
        let public = |host| allowed("192.0.2.7", "https://muster.example.com", host);
        assert!(public("muster.example.com"));
        assert!(public("Muster.Example.com:443"));
        assert!(public("192.0.2.7:8365"));
        assert!(public("localhost:8365"));
        assert!(!public("192.0.2.8:8365"));
        assert!(!public("other.example.com"));
        // Listening at every address of the machine, any address is its own; a name is not.
        let everywhere = |host| allowed("0.0.0.0", "http://localhost:8365", host);
        assert!(everywhere("192.0.2.7:8365"));
        assert!(!everywhere("attacker.example:8365"));
    }

    #[test]
    fn a_request_names_exactly_one_host() {
        let mut headers = HeaderMap::new();
        assert_eq!(named_host(&Uri::from_static("/"), &headers), None);
        headers.append(header::HOST, "localhost".parse().expect("a header"));
        let absolute = Uri::from_static("http://attacker.example/");
        let named = Host::Domain("attacker.example".to_owned());
        assert_eq!(named_host(&absolute, &headers), Some(named));
        headers.append(header::HOST, "localhost".parse().expect("a header"));
        assert_eq!(named_host(&Uri::from_static("/"), &headers), None);
    }
}
