//! An OpenID Connect issuer for tests, spoken to on the wire. It keeps its side of the protocol:
//! it checks the client, the redirect URI, the code's single use and PKCE. What it can be told to
//! do wrong is a [`Fault`]. It signs with aws-lc-rs alone, not with what Muster verifies with.

use anyhow::Context;
use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaKeyPair, RsaPublicKeyComponents,
    },
};
use axum::{
    Json, Router,
    extract::{Form, Query, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

/// Somebody whom the issuer knows.
#[derive(Debug, Clone)]
pub struct User {
    /// What they are chosen by.
    pub name: String,
    /// What tokens say of them beside what all tokens say.
    pub claims: Map<String, Value>,
}

impl User {
    /// A user of these groups, as Amazon Cognito tells them; of no claim when of no group.
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let mut claims = Map::new();
        claims.insert("sub".to_owned(), json!(format!("sub-{name}")));
        claims.insert("email".to_owned(), json!(format!("{name}@msp.example")));
        if !groups.is_empty() {
            claims.insert("cognito:groups".to_owned(), json!(groups));
        }
        Self {
            name: name.to_owned(),
            claims,
        }
    }
}

/// How an issuer is.
#[derive(Debug, Clone)]
pub struct IssuerOptions {
    /// The address to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// The one client it knows.
    pub client_id: String,
    /// The client's secret, if it is a confidential one.
    pub client_secret: Option<String>,
    /// How the client may send its secret; left out of discovery when empty.
    pub auth_methods: Vec<String>,
    /// Whom it knows.
    pub users: Vec<User>,
    /// Whether discovery names an `end_session_endpoint`: Amazon Cognito's does not.
    pub end_session: bool,
}

impl Default for IssuerOptions {
    /// A public client `muster`, and three users: `ada` a manager, `grace` a viewer, `ken` neither.
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            client_id: "muster".to_owned(),
            client_secret: None,
            auth_methods: Vec::new(),
            users: vec![
                User::new("ada", &["everybody", "manager"]),
                User::new("grace", &["viewer"]),
                User::new("ken", &[]),
            ],
            end_session: true,
        }
    }
}

/// What an issuer does wrong until it is told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// ID tokens answer another request.
    WrongNonce,
    /// ID tokens are for another client.
    WrongAudience,
    /// ID tokens are for two clients and say not for which.
    NoParty,
    /// Tokens name another issuer.
    WrongIssuer,
    /// Tokens expired ten minutes ago.
    Expired,
    /// Tokens are in force in ten minutes.
    NotYet,
    /// Tokens are not signed.
    AlgNone,
    /// Tokens are signed with HMAC, the public modulus as its secret.
    Hmac,
    /// Tokens name a key that is not published.
    UnknownKid,
    /// Tokens are signed with another key than they name.
    Forged,
    /// The code is answered with a token of another kind.
    AccessTokenForIdToken,
    /// Discovery names another issuer.
    OtherDiscovery,
    /// Discovery does not end within 256 KB.
    LongDiscovery,
    /// Everything answers 503.
    Down,
    /// Everything takes so long.
    Slow(Duration),
    /// Everything redirects to itself.
    Redirects,
    /// Whoever is asked to sign in cancels.
    Cancels,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// RSA, PKCS#1.
    Rs256,
    /// RSA, PSS.
    Ps256,
    /// ECDSA on P-256.
    Es256,
}

struct SigningKeys {
    generation: u32,
    rsa: RsaKeyPair,
    ec: EcdsaKeyPair,
}

#[derive(Debug)]
struct Grant {
    user: User,
    nonce: String,
    challenge: String,
    redirect_uri: String,
}

struct Inner {
    options: IssuerOptions,
    url: String,
    keys: SigningKeys,
    forger: RsaKeyPair,
    signing: Signing,
    fault: Option<Fault>,
    at_once: Option<String>,
    codes: HashMap<String, Grant>,
    asked: Vec<String>,
}

/// A running issuer. Dropping it stops it.
pub struct Issuer {
    inner: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Mutex<Inner>>;

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuer")
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl SigningKeys {
    fn new(generation: u32) -> anyhow::Result<Self> {
        Ok(Self {
            generation,
            rsa: RsaKeyPair::generate(KeySize::Rsa2048)?,
            ec: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?,
        })
    }

    fn kid(&self, kind: &str) -> String {
        format!("{kind}-{}", self.generation)
    }

    fn published(&self) -> Value {
        let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
        let point = self.ec.public_key().as_ref();
        json!({"keys": [
            {"kty": "RSA", "use": "sig", "kid": self.kid("rsa"), "n": encoded(&rsa.n), "e": encoded(&rsa.e)},
            {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.kid("ec"),
                "x": encoded(&point[1..33]), "y": encoded(&point[33..])},
            {"kty": "of a kind nobody knows", "kid": "future"},
        ]})
    }
}

fn encoded(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Issuer {
    /// The default issuer on a port of its own.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(IssuerOptions::default()).await
    }

    /// Such an issuer.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn with(options: IssuerOptions) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(options.listen).await?;
        // With a path, as Amazon Cognito and Microsoft Entra ID have one.
        let url = format!("http://{}/pool", listener.local_addr()?);
        let inner = Arc::new(Mutex::new(Inner {
            options,
            url,
            keys: SigningKeys::new(1)?,
            forger: RsaKeyPair::generate(KeySize::Rsa2048)?,
            signing: Signing::Rs256,
            fault: None,
            at_once: None,
            codes: HashMap::new(),
            asked: Vec::new(),
        }));
        let router = Router::new()
            .route("/pool/.well-known/openid-configuration", get(discovery))
            .route("/pool/jwks", get(jwks))
            .route("/pool/authorize", get(authorize))
            .route("/pool/token", post(token))
            .route("/pool/logout", get(logout))
            .layer(from_fn_with_state(Arc::clone(&inner), misbehave))
            .with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.ok();
        });
        Ok(Self { inner, server })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        locked(&self.inner)
    }

    /// Its identifier.
    pub fn url(&self) -> String {
        self.inner().url.clone()
    }

    /// Where its Cognito-like logout is.
    pub fn logout_url(&self) -> String {
        format!("{}/logout", self.inner().url)
    }

    /// Signs this user in at once from now on; `None` shows a page to choose one on.
    pub fn sign_in_as(&self, name: Option<&str>) {
        self.inner().at_once = name.map(str::to_owned);
    }

    /// Does this wrong from now on.
    pub fn fault(&self, fault: Option<Fault>) {
        self.inner().fault = fault;
    }

    /// Signs so from now on.
    pub fn sign_by(&self, signing: Signing) {
        self.inner().signing = signing;
    }

    /// Signs with new keys from now on, and publishes those alone.
    ///
    /// # Errors
    /// When no keys can be made.
    pub fn rotate_keys(&self) -> anyhow::Result<()> {
        let mut inner = self.inner();
        inner.keys = SigningKeys::new(inner.keys.generation + 1)?;
        Ok(())
    }

    /// How many requests this path was asked for with, `/jwks` for instance.
    pub fn asked(&self, path: &str) -> usize {
        let path = format!("/pool{path}");
        self.inner().asked.iter().filter(|p| **p == path).count()
    }

    /// How many requests came at all.
    pub fn asked_at_all(&self) -> usize {
        self.inner().asked.len()
    }

    /// An access token of a user's, as Amazon Cognito mints them: with `client_id`, without `aud`.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn access_token(&self, user: &str) -> anyhow::Result<String> {
        let claims = self.access_claims(user)?;
        Ok(self.sign(claims))
    }

    /// What an access token of a user's says.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn access_claims(&self, user: &str) -> anyhow::Result<Value> {
        let inner = self.inner();
        let user = inner.user(user).context("a user")?;
        let mut claims = user.claims.clone();
        claims.remove("email");
        claims.extend(inner.always());
        claims.insert("token_use".to_owned(), json!("access"));
        claims.insert("client_id".to_owned(), json!(inner.options.client_id));
        claims.insert("username".to_owned(), json!(user.name));
        Ok(Value::Object(claims))
    }

    /// Any claims, signed.
    pub fn sign(&self, claims: Value) -> String {
        self.inner().sign(claims)
    }
}

fn locked(inner: &Shared) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn user(&self, name: &str) -> Option<User> {
        let mut users = self.options.users.iter();
        users.find(|user| user.name == name).cloned()
    }

    /// What all tokens say.
    fn always(&self) -> Map<String, Value> {
        let now = Timestamp::now().as_second();
        let at = match self.fault {
            Some(Fault::Expired) => now - 4_200,
            Some(Fault::NotYet) => now + 600,
            _ => now,
        };
        let issuer = match self.fault {
            Some(Fault::WrongIssuer) => "https://issuer.example/pool",
            _ => &self.url,
        };
        let claims = json!({"iss": issuer, "iat": at, "nbf": at, "exp": at + 3_600});
        claims.as_object().cloned().unwrap_or_default()
    }

    fn id_token(&self, grant: &Grant) -> String {
        let mut claims = grant.user.claims.clone();
        claims.extend(self.always());
        let client = &self.options.client_id;
        let audience = match self.fault {
            Some(Fault::WrongAudience) => json!("another"),
            Some(Fault::NoParty) => json!([client, "another"]),
            _ => json!(client),
        };
        let nonce = match self.fault {
            Some(Fault::WrongNonce) => "another",
            _ => &grant.nonce,
        };
        let kind = match self.fault {
            Some(Fault::AccessTokenForIdToken) => "access",
            _ => "id",
        };
        claims.insert("aud".to_owned(), audience);
        claims.insert("nonce".to_owned(), json!(nonce));
        claims.insert("token_use".to_owned(), json!(kind));
        self.sign(Value::Object(claims))
    }

    fn sign(&self, claims: Value) -> String {
        let (algorithm, kid) = match (self.fault, self.signing) {
            (Some(Fault::AlgNone), _) => ("none", self.keys.kid("rsa")),
            (Some(Fault::Hmac), _) => ("HS256", self.keys.kid("rsa")),
            (Some(Fault::UnknownKid), _) => ("RS256", "another".to_owned()),
            (_, Signing::Rs256) => ("RS256", self.keys.kid("rsa")),
            (_, Signing::Ps256) => ("PS256", self.keys.kid("rsa")),
            (_, Signing::Es256) => ("ES256", self.keys.kid("ec")),
        };
        let header = json!({"alg": algorithm, "kid": kid, "typ": "JWT"});
        let message = format!(
            "{}.{}",
            encoded(header.to_string().as_bytes()),
            encoded(claims.to_string().as_bytes())
        );
        let signature = self.signature(algorithm, message.as_bytes());
        format!("{message}.{}", encoded(&signature))
    }

    fn signature(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let rsa = match self.fault {
            Some(Fault::Forged) => &self.forger,
            _ => &self.keys.rsa,
        };
        let mut signature = vec![0; rsa.public_modulus_len()];
        let signed = match algorithm {
            "RS256" => rsa.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature),
            "PS256" => rsa.sign(&RSA_PSS_SHA256, &random, message, &mut signature),
            "ES256" => {
                let signed = self.keys.ec.sign(&random, message);
                return signed.expect("it signs").as_ref().to_vec();
            }
            "HS256" => {
                use aws_lc_rs::hmac;
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(rsa.public_key());
                let key = hmac::Key::new(hmac::HMAC_SHA256, &public.n);
                return hmac::sign(&key, message).as_ref().to_vec();
            }
            _ => return Vec::new(),
        };
        signed.expect("it signs");
        signature
    }
}

async fn misbehave(State(inner): State<Shared>, request: Request, next: Next) -> Response {
    let fault = {
        let mut inner = locked(&inner);
        inner.asked.push(request.uri().path().to_owned());
        inner.fault
    };
    match fault {
        Some(Fault::Down) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Fault::Redirects) => Redirect::to(&request.uri().to_string()).into_response(),
        Some(Fault::Slow(time)) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        _ => next.run(request).await,
    }
}

async fn discovery(State(inner): State<Shared>) -> Response {
    let inner = locked(&inner);
    let url = &inner.url;
    let issuer = match inner.fault {
        Some(Fault::OtherDiscovery) => format!("{url}/"),
        _ => url.clone(),
    };
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    if inner.options.end_session {
        document["end_session_endpoint"] = json!(format!("{url}/logout"));
    }
    if !inner.options.auth_methods.is_empty() {
        document["token_endpoint_auth_methods_supported"] = json!(inner.options.auth_methods);
    }
    if inner.fault == Some(Fault::LongDiscovery) {
        document["padding"] = json!("x".repeat(300_000));
    }
    Json(document).into_response()
}

async fn jwks(State(inner): State<Shared>) -> Json<Value> {
    Json(locked(&inner).keys.published())
}

/// Signs the chosen user in, or shows whom one can choose.
async fn authorize(
    State(inner): State<Shared>,
    Query(asked): Query<HashMap<String, String>>,
) -> Response {
    let mut inner = locked(&inner);
    let get = |name: &str| asked.get(name).map_or("", String::as_str);
    let wrong = |what: &str| (StatusCode::BAD_REQUEST, what.to_owned()).into_response();
    let Ok(mut back) = get("redirect_uri").parse::<Url>() else {
        return wrong("redirect_uri");
    };
    let openid = get("scope").split(' ').any(|scope| scope == "openid");
    let long = |name: &str| get(name).len() >= 43;
    if get("client_id") != inner.options.client_id
        || get("response_type") != "code"
        || get("code_challenge_method") != "S256"
        || !(openid && long("code_challenge") && long("state") && long("nonce"))
    {
        return wrong("not a request for a code with PKCE, state and nonce");
    }
    if inner.fault == Some(Fault::Cancels) || get("choice") == "cancel" {
        back.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("state", get("state"));
        return Redirect::to(back.as_str()).into_response();
    }
    let chosen = inner.at_once.clone();
    let chosen = chosen.unwrap_or_else(|| get("choice").to_owned());
    let Some(user) = inner.user(&chosen) else {
        return choice(&inner, &asked).into_response();
    };
    let code = encoded(&muster_platform::random::<24>());
    let grant = Grant {
        user,
        nonce: get("nonce").to_owned(),
        challenge: get("code_challenge").to_owned(),
        redirect_uri: get("redirect_uri").to_owned(),
    };
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", get("state"));
    inner.codes.insert(code, grant);
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

fn choice(inner: &Inner, asked: &HashMap<String, String>) -> Html<String> {
    let escaped = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('"', "&quot;")
    };
    let hidden: String = asked
        .iter()
        .filter(|(name, _)| *name != "choice")
        .map(|(name, value)| {
            let (name, value) = (escaped(name), escaped(value));
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">")
        })
        .collect();
    let buttons: String = inner
        .options
        .users
        .iter()
        .map(|user| user.name.as_str())
        .chain(["cancel"])
        .map(|name| {
            let name = escaped(name);
            format!("<p><button name=\"choice\" value=\"{name}\">{name}</button></p>")
        })
        .collect();
    Html(format!(
        "<!doctype html><title>Test issuer</title><h1>Sign in as</h1><form>{hidden}{buttons}</form>"
    ))
}

async fn token(
    State(inner): State<Shared>,
    headers: HeaderMap,
    Form(sent): Form<HashMap<String, String>>,
) -> Response {
    let mut inner = locked(&inner);
    let get = |name: &str| sent.get(name).map_or("", String::as_str);
    let refused = |status, error: &str| (status, Json(json!({"error": error}))).into_response();
    if !knows_client(&inner.options, &headers, &sent) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    // Good once, whatever comes of it.
    let grant = inner.codes.remove(get("code"));
    let challenge = encoded(digest(&SHA256, get("code_verifier").as_bytes()).as_ref());
    let good = grant.filter(|grant| {
        get("grant_type") == "authorization_code"
            && grant.redirect_uri == get("redirect_uri")
            && grant.challenge == challenge
    });
    let Some(grant) = good else {
        return refused(StatusCode::BAD_REQUEST, "invalid_grant");
    };
    let body = json!({
        "token_type": "Bearer",
        "expires_in": 3600,
        "access_token": "not looked at",
        "id_token": inner.id_token(&grant),
    });
    Json(body).into_response()
}

/// Whether the client is the one, and sent its secret as discovery says it may.
fn knows_client(
    options: &IssuerOptions,
    headers: &HeaderMap,
    sent: &HashMap<String, String>,
) -> bool {
    let get = |name: &str| sent.get(name).map(String::as_str);
    let Some(secret) = options.client_secret.as_deref() else {
        return get("client_id") == Some(options.client_id.as_str());
    };
    let takes = |name: &str| options.auth_methods.iter().any(|method| method == name);
    if options.auth_methods.is_empty() || takes("client_secret_basic") {
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let pair = format!("{}:{}", encoded(&options.client_id), encoded(secret));
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        let offered = headers.get(header::AUTHORIZATION);
        return offered.is_some_and(|offered| offered.as_bytes() == value.as_bytes());
    }
    get("client_id") == Some(options.client_id.as_str()) && get("client_secret") == Some(secret)
}

/// Signs out, and sends back: by the specification's name of the address, or by Amazon Cognito's.
async fn logout(Query(asked): Query<HashMap<String, String>>) -> Response {
    let back = ["post_logout_redirect_uri", "logout_uri"]
        .into_iter()
        .find_map(|name| asked.get(name));
    match back {
        Some(back) => Redirect::to(back).into_response(),
        None => StatusCode::BAD_REQUEST.into_response(),
    }
}
