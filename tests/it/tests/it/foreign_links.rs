//! Links out of the tenant's cloud: the token goes with a link, so none is followed.

use anyhow::{Context, Result};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use microsoft_simulator::{FaultKind, Origin, TenantOptions};
use muster::{Stack, StackOptions};
use muster_it::{World, dataset, tenant, truth};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::TcpListener;
use url::Url;

/// What the machine in the middle does to answers of paths that contain this.
#[derive(Debug, Clone)]
enum Trick {
    /// The links of this name lead to another origin.
    Link(&'static str, String),
    /// Answers with a redirect there.
    Redirect(String),
}

/// A machine between Muster and the simulated Graph.
#[derive(Debug, Clone)]
struct Middle {
    http: reqwest::Client,
    graph: String,
    own: String,
    trick: Arc<Mutex<Option<(&'static str, Trick)>>>,
    played: Arc<AtomicUsize>,
}

impl Middle {
    async fn start(world: &World) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let policy = reqwest::redirect::Policy::none();
        let middle = Self {
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(policy)
                .build()?,
            graph: world.simulator.graph_url().to_string(),
            own: format!("http://{}/", listener.local_addr()?),
            trick: Arc::default(),
            played: Arc::default(),
        };
        let router = Router::new().fallback(pass).with_state(middle.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(middle)
    }

    fn play(&self, path: &'static str, trick: Option<Trick>) {
        let mut held = self.trick.lock().unwrap_or_else(PoisonError::into_inner);
        *held = trick.map(|trick| (path, trick));
        self.played.store(0, Ordering::SeqCst);
    }

    fn trick_for(&self, path: &str) -> Option<Trick> {
        let held = self.trick.lock().unwrap_or_else(PoisonError::into_inner);
        let (part, trick) = held.as_ref()?;
        path.contains(part).then(|| trick.clone())
    }
}

async fn pass(State(middle): State<Middle>, request: Request) -> Response {
    forward(&middle, request).await.unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::BAD_GATEWAY;
        response
    })
}

async fn forward(middle: &Middle, request: Request) -> Result<Response> {
    let path = request
        .uri()
        .path_and_query()
        .context("a path")?
        .to_string();
    let trick = middle.trick_for(&path);
    if let Some(Trick::Redirect(to)) = &trick {
        middle.played.fetch_add(1, Ordering::SeqCst);
        let response = Response::builder().status(302).header(header::LOCATION, to);
        return Ok(response.body(Body::empty())?);
    }
    let mut headers: HeaderMap = request.headers().clone();
    headers.remove(header::HOST);
    // What is compressed cannot be changed on its way.
    headers.remove(header::ACCEPT_ENCODING);
    let url = format!("{}{}", middle.graph.trim_end_matches('/'), path);
    let sent = middle.http.request(request.method().clone(), url);
    let answer = sent.headers(headers).send().await?;
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    let body: Bytes = answer.bytes().await?;
    let mut text = String::from_utf8_lossy(&body).replace(&middle.graph, &middle.own);
    if let Some(Trick::Link(name, to)) = &trick {
        let before = text.clone();
        let own = format!("\"{name}\":\"{}", middle.own);
        text = text.replace(&own, &format!("\"{name}\":\"{to}"));
        let changed = usize::from(text != before);
        middle.played.fetch_add(changed, Ordering::SeqCst);
    }
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A host of somebody else's, that counts who comes.
async fn stranger(address: &str) -> Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?.to_string();
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    Ok((address, came))
}

/// A world that is synced through the machine in the middle.
async fn tricked(tenant: &TenantOptions) -> Result<(World, Middle)> {
    let mut world = World::new(vec![tenant.clone()]).await?;
    world.stop().await;
    let middle = Middle::start(&world).await?;
    let options = StackOptions {
        listen: ([127, 0, 0, 1], 0).into(),
        public_url: None,
        login_url: Some(world.simulator.login_url()),
        graph_url: Some(middle.own.parse::<Url>()?),
        background: true,
        private_webhooks: true,
    };
    world.stack = Some(Stack::start(&world.data()?, options).await?);
    world.connect(tenant).await?;
    world.finished(tenant.id, None).await?;
    Ok((world, middle))
}

fn assert_no_token_left_graph(world: &World) {
    let requests = world.simulator.requests();
    let reports: Vec<_> = requests
        .iter()
        .filter(|request| request.origin == Origin::Reports)
        .collect();
    assert!(!reports.is_empty(), "reports were downloaded");
    for request in reports {
        assert!(!request.had_authorization, "{request:?}");
        assert!(
            !request.headers.contains_key("cookie"),
            "{:?}",
            request.headers
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_next_link_to_another_host_is_not_followed() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 700);
    let (world, middle) = tricked(&fabrikam).await?;
    let held = world.records(fabrikam.id, "sign_in_activity").await?;
    assert_eq!(held.len(), 700);
    let (here, came_here) = stranger("127.0.0.1:0").await?;
    let (there, came_there) = stranger("127.0.0.2:0").await?;
    for foreign in [
        format!("http://{here}/"),
        format!("http://{there}/"),
        format!("https://{here}/"),
        format!("{}@{here}/", middle.own.trim_end_matches('/')),
        format!("//{here}/"),
    ] {
        let trick = Trick::Link("@odata.nextLink", foreign.clone());
        middle.play("signInActivity", Some(trick));
        let integration = world.sync(fabrikam.id).await?;
        assert!(middle.played.load(Ordering::SeqCst) > 0, "{foreign}");
        let state = dataset(&integration, "sign_in_activity");
        assert_eq!(state["state"], "incomplete", "{foreign}: {state:#}");
        assert!(state["trouble"].is_string(), "{foreign}: {state:#}");
        assert_eq!(integration["status"], "needs_attention");
        assert_eq!(
            world.records(fabrikam.id, "sign_in_activity").await?,
            held,
            "{foreign}: what was held is kept"
        );
        assert_eq!(dataset(&integration, "users")["state"], "fresh");
    }
    assert_eq!(came_here.load(Ordering::SeqCst), 0);
    assert_eq!(came_there.load(Ordering::SeqCst), 0);
    middle.play("signInActivity", None);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "sign_in_activity")["state"], "fresh");
    assert_no_token_left_graph(&world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_enumeration_led_away_keeps_what_was_read() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 1100);
    let world = World::new(vec![fabrikam.clone()]).await?;
    let (host, came) = stranger("127.0.0.1:0").await?;
    world.simulator.add_fault(microsoft_simulator::Fault::next(
        "users/delta",
        1,
        FaultKind::ForeignNextLink(host),
    ));
    world.connect(&fabrikam).await?;
    let integration = world.finished(fabrikam.id, None).await?;
    let state = dataset(&integration, "users");
    assert_eq!(state["state"], "incomplete", "{state:#}");
    assert_eq!(state["records"], serde_json::Value::Null, "not a count");
    assert_eq!(came.load(Ordering::SeqCst), 0);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "users")["state"], "fresh");
    assert_eq!(
        world.records(fabrikam.id, "users").await?,
        truth(&world.tenant(&fabrikam), "users", "/users")?
    );
    assert_no_token_left_graph(&world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_link_to_another_host_begins_the_list_anew() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 60);
    let (world, middle) = tricked(&fabrikam).await?;
    let (host, came) = stranger("127.0.0.1:0").await?;
    let trick = Trick::Link("@odata.deltaLink", format!("http://{host}/"));
    middle.play("users/delta", Some(trick));
    // A round that brings nothing keeps the link that it was asked by.
    world.tenant(&fabrikam).change_users(1);
    world.sync(fabrikam.id).await?;
    assert!(middle.played.load(Ordering::SeqCst) > 0);
    world.tenant(&fabrikam).change_users(2);
    let integration = world.sync(fabrikam.id).await?;
    let state = dataset(&integration, "users");
    assert_eq!(state["progress"]["read"], 60, "all were read: {state:#}");
    assert_eq!(
        world.records(fabrikam.id, "users").await?,
        truth(&world.tenant(&fabrikam), "users", "/users")?
    );
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(came.load(Ordering::SeqCst), 0, "the link was not followed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_fetched_from_the_clouds_hosts_only_and_never_with_the_token() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 40);
    let (world, middle) = tricked(&fabrikam).await?;
    assert_no_token_left_graph(&world);
    let held = world.records(fabrikam.id, "active_users").await?;
    let rows = world.tenant(&fabrikam);
    let rows = rows.objects("/reports/getOffice365ActiveUserDetail(period='D7')");
    assert!(!rows.is_empty() && held.len() == rows.len(), "{held:#?}");
    let (there, came) = stranger("127.0.0.2:0").await?;
    let port = there.rsplit(':').next().context("a port")?;
    for foreign in [
        format!("http://{there}/report.csv"),
        format!("https://{there}/report.csv"),
        format!("http://localhost:{port}/report.csv"),
        "https://office.com.evil.example/report.csv".to_owned(),
        "file:///etc/passwd".to_owned(),
        "/report.csv".to_owned(),
        String::new(),
    ] {
        middle.play(
            "getOffice365ActiveUserDetail",
            Some(Trick::Redirect(foreign.clone())),
        );
        let integration = world.sync(fabrikam.id).await?;
        assert!(middle.played.load(Ordering::SeqCst) > 0, "{foreign}");
        let state = dataset(&integration, "active_users");
        assert_eq!(state["state"], "incomplete", "{foreign}: {state:#}");
        assert_eq!(
            world.records(fabrikam.id, "active_users").await?,
            held,
            "{foreign}"
        );
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
    middle.play("getOffice365ActiveUserDetail", None);
    let integration = world.sync(fabrikam.id).await?;
    assert_eq!(dataset(&integration, "active_users")["state"], "fresh");
    assert_no_token_left_graph(&world);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_redirects_is_not_followed_anywhere() -> Result<()> {
    let fabrikam = tenant("Fabrikam", 12);
    let (world, middle) = tricked(&fabrikam).await?;
    let held = world.records(fabrikam.id, "subscribed_skus").await?;
    let (host, came) = stranger("127.0.0.1:0").await?;
    let away = Trick::Redirect(format!("http://{host}/v1.0/subscribedSkus"));
    middle.play("subscribedSkus", Some(away));
    let integration = world.sync(fabrikam.id).await?;
    let state = dataset(&integration, "subscribed_skus");
    assert_eq!(state["state"], "incomplete", "{state:#}");
    assert_eq!(world.records(fabrikam.id, "subscribed_skus").await?, held);
    assert_eq!(came.load(Ordering::SeqCst), 0);
    Ok(())
}
