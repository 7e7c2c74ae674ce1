//! The HTTP server: every connection has deadlines, their number has a ceiling, and a stop lets what is
//! in hand finish.

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use muster_portal::Problem;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::{sleep, timeout},
};

/// Bounds of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time; more wait to be accepted.
    pub connections: usize,
    /// The longest wait for a request's headers, also on a connection that is kept open.
    pub headers: Duration,
    /// The longest wait for a request's body.
    pub body: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            headers: Duration::from_secs(30),
            body: Duration::from_secs(30),
        }
    }
}

/// The longest body that a request may have.
const LONGEST_BODY: usize = 64 * 1024;
/// The pause after a connection could not be accepted, for want of a descriptor for example.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until told to stop, and then until every answer in hand is sent.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let router = router.layer(middleware::from_fn(move |request, next| {
        with_whole_body(request, next, limits.body)
    }));
    let free = Arc::new(Semaphore::new(limits.connections));
    let connections = GracefulShutdown::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&free).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = accepted => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(limits.headers);
        let connection = connections.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A browser that goes away, or a client that is too slow, is no trouble of the server's.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(permit);
        });
    }
    connections.shutdown().await;
}

/// Reads the request's body before it is handled, within this time.
async fn with_whole_body(request: Request, next: Next, wait: Duration) -> Response {
    let (parts, body) = request.into_parts();
    match timeout(wait, to_bytes(body, LONGEST_BODY)).await {
        Ok(Ok(bytes)) => {
            next.run(Request::from_parts(parts, Body::from(bytes)))
                .await
        }
        Ok(Err(_)) => Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE).into_response(),
        Err(_) => Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "The request's body did not arrive in time. Send it again.",
        )
        .into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use std::{net::SocketAddr, time::Instant};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    const LIMITS: Limits = Limits {
        connections: 2,
        headers: Duration::from_millis(300),
        body: Duration::from_millis(300),
    };

    async fn start() -> (SocketAddr, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/", get(async || "here"))
            .route(
                "/slow",
                get(async || {
                    sleep(Duration::from_millis(500)).await;
                    "late"
                }),
            )
            .route("/", post(async |body: String| body));
        let (stop, stopping) = watch::channel(false);
        let served = tokio::spawn(serve(listener, router, LIMITS, stopping));
        (address, stop, served)
    }

    async fn connect(address: SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.expect("a connection")
    }

    /// Sends this, and reads until the server closes the connection.
    async fn told(mut stream: TcpStream, request: &str) -> String {
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut text = String::new();
        let read = stream.read_to_string(&mut text);
        let read = timeout(Duration::from_secs(10), read).await;
        read.expect("the server closes it").ok();
        text
    }

    #[tokio::test]
    async fn a_client_that_stalls_is_let_go() {
        let (address, _stop, _) = start().await;
        assert_eq!(told(connect(address).await, "").await, "", "an idle one");
        told(connect(address).await, "GET / HTTP/1.1\r\nHost: a").await;
        let kept = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert!(told(connect(address).await, kept).await.contains("here"));
        let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab";
        let answer = told(connect(address).await, body).await;
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
        let long = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
            LONGEST_BODY + 1,
            "x".repeat(LONGEST_BODY + 1)
        );
        let answer = told(connect(address).await, &long).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    }

    #[tokio::test]
    async fn connections_beyond_the_ceiling_wait_their_turn() {
        let (address, _stop, _) = start().await;
        let _idle = [connect(address).await, connect(address).await];
        let third = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        let began = Instant::now();
        assert!(told(connect(address).await, third).await.contains("here"));
        assert!(
            began.elapsed() > LIMITS.headers / 2,
            "{:?}",
            began.elapsed()
        );
    }

    #[tokio::test]
    async fn a_stop_sends_the_answers_in_hand() {
        let (address, stop, served) = start().await;
        let slow = tokio::spawn(told(
            connect(address).await,
            "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n",
        ));
        sleep(Duration::from_millis(100)).await;
        stop.send_replace(true);
        let ended = timeout(Duration::from_secs(10), served).await;
        ended.expect("it stops").expect("it ends");
        let sent = timeout(Duration::from_millis(100), slow).await;
        let sent = sent.expect("the answer was sent before").expect("it ends");
        assert!(sent.contains("late"), "{sent}");
    }
}
