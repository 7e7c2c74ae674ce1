//! Runs a router as a Lambda function behind API Gateway or a function URL.
//!
//! `lambda_http` panics on an event from which no URI can be made, and a panic ends the environment.
//! Anybody may send such a request, so every event is made well-formed first.

pub use lambda_http::Error;
use lambda_http::{
    Adapter, IntoResponse, LambdaEvent, Request, Response, StreamAdapter,
    aws_lambda_events::apigw::ApiGatewayV2httpRequest,
    http::header::HOST,
    lambda_runtime::{
        self,
        tower::{Service, ServiceBuilder},
    },
    request::LambdaRequest,
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use std::{convert::Infallible, fmt::Debug};
use url::Url;

/// Characters that never stand literally in a query. A `%` stays: queries are delivered as they were sent.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
/// Characters that never stand literally in a path.
const PATH: &AsciiSet = &QUERY.add(b'?').add(b'`').add(b'{').add(b'}').add(b'\\');

/// Answers every request with this router; a response is sent when it is whole.
///
/// # Errors
/// When Lambda's runtime API cannot be used.
pub async fn run<S, R>(router: S) -> Result<(), Error>
where
    S: Service<Request, Response = R, Error = Infallible>,
    S::Future: Send + 'static,
    R: IntoResponse + 'static,
{
    let service = ServiceBuilder::new()
        .map_request(well_formed)
        .service(Adapter::from(router));
    lambda_runtime::run(service).await
}

/// Answers every request with this router; a response is streamed.
///
/// # Errors
/// When Lambda's runtime API cannot be used.
pub async fn run_streaming<S, B>(router: S) -> Result<(), Error>
where
    S: Service<Request, Response = Response<B>, Error = Infallible>,
    S::Future: Send + 'static,
    B: http_body::Body + Unpin + Send + 'static,
    B::Data: Into<bytes::Bytes> + Send,
    B::Error: Into<Error> + Send + Debug,
{
    let service = ServiceBuilder::new()
        .map_request(well_formed)
        .service(StreamAdapter::from(router));
    lambda_runtime::run(service).await
}

/// Changes an event so that a URI can be made of it.
fn well_formed(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        well_formed_request(request);
    }
    event
}

fn well_formed_request(request: &mut ApiGatewayV2httpRequest) {
    let path = request.raw_path.take().unwrap_or_default();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let path = utf8_percent_encode(&path, PATH);
    request.raw_path = Some(format!("{slash}{path}"));
    if let Some(query) = &mut request.raw_query_string {
        *query = utf8_percent_encode(query, QUERY).to_string();
    }
    let named = request.headers.get(HOST).map(|host| host.to_str());
    if named.is_some_and(|host| !host.is_ok_and(is_host)) {
        request.headers.remove(HOST);
    }
    let domain = &mut request.request_context.domain_name;
    *domain = domain.take().filter(|domain| is_host(domain));
    let scheme = request.headers.get(FORWARDED_PROTOCOL);
    if scheme.is_some_and(|scheme| scheme != "https" && scheme != "http") {
        request.headers.remove(FORWARDED_PROTOCOL);
    }
}

const FORWARDED_PROTOCOL: &str = "x-forwarded-proto";

/// Returns true if a URL of this host and port can be made.
fn is_host(host: &str) -> bool {
    Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.path() == "/" && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::http::{HeaderMap, HeaderValue};

    fn request(path: &str, query: &str, headers: HeaderMap) -> Request {
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = Some(path.to_owned());
        request.raw_query_string = Some(query.to_owned());
        request.headers = headers;
        let event = LambdaEvent::new(LambdaRequest::ApiGatewayV2(request), Default::default());
        well_formed(event).payload.into()
    }

    #[test]
    fn a_uri_is_made_of_any_event() {
        let hostile = [
            "",
            "/",
            "#",
            "?",
            "%",
            "%zz",
            "\"",
            "<>",
            "\\",
            "\u{0}",
            "\u{7f}",
            "é",
            "a b",
            "//x:99999",
            "@x",
            "😀",
        ];
        for path in hostile {
            for query in hostile {
                let made = request(path, query, HeaderMap::new());
                assert!(made.uri().path().starts_with('/'), "{path:?} {query:?}");
            }
        }
        for value in ["a b", "x:99999", "[", "", "x/y", "\u{e9}"] {
            for name in ["host", FORWARDED_PROTOCOL] {
                let mut headers = HeaderMap::new();
                let bytes = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
                headers.insert(name, bytes);
                assert_eq!(request("/a", "b=c", headers).uri().path(), "/a", "{value}");
            }
        }
    }

    #[test]
    fn a_decoded_path_keeps_its_query_apart() {
        let made = request(
            "/users/guest#EXT#@contoso?x",
            "q=a+b%20c&d=%2B",
            HeaderMap::new(),
        );
        assert_eq!(made.uri().path(), "/users/guest%23EXT%23@contoso%3Fx");
        assert_eq!(made.uri().query(), Some("q=a+b%20c&d=%2B"));
    }
}
