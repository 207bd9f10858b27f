//! Where the API is served: plain HTTP on loopback, TLS, or plain HTTP to trusted proxies only.

use crate::config::{Config, Network};
use crate::failure::{Failure, chain};
use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;

/// The open port, before anything is served on it.
pub(super) struct Listener {
    socket: TcpListener,
    tls: Option<RustlsConfig>,
    /// From where plain HTTP is accepted; `None`: everybody who reaches a loopback address.
    proxies: Option<Arc<[Network]>>,
}

/// Refuses an address at which tokens would travel in the clear.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    if config.listen.ip().is_loopback() || config.tls.is_some() || !config.trusted_proxies.is_empty() {
        return Ok(());
    }
    Err(Failure::config(format!("listen: {} is reachable from outside, and there is no TLS", config.listen))
        .remedy("set tls.certificate and tls.key, or trusted_proxies, or listen on 127.0.0.1"))
}

impl Listener {
    /// Opens the port and reads the certificate.
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        check(config)?;
        let tls = match &config.tls {
            Some(tls) => {
                let read = RustlsConfig::from_pem_chain_file(&tls.certificate, &tls.key).await;
                Some(read.map_err(|error| {
                    let (certificate, key) = (tls.certificate.display(), tls.key.display());
                    Failure::config(format!("tls: {certificate} with {key}: {}", chain(&error)))
                        .remedy("tls.certificate and tls.key must be PEM files of one certificate and its key")
                })?)
            }
            None => None,
        };
        let wrong = |error: std::io::Error| {
            Failure::refused(format!("cannot listen on {}: {error}", config.listen))
                .remedy("stop what listens there, or choose another address with listen or CARILLON_LISTEN")
        };
        let socket = TcpListener::bind(config.listen).map_err(wrong)?;
        socket.set_nonblocking(true).map_err(wrong)?;
        let needs_proxy = tls.is_none() && !config.listen.ip().is_loopback();
        let proxies = needs_proxy.then(|| Arc::from(config.trusted_proxies.as_slice()));
        Ok(Self { socket, tls, proxies })
    }

    /// `https://127.0.0.1:8080`, with the port that was really opened.
    pub(super) fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.socket.local_addr().map_or_else(|_| format!("{scheme}://?"), |address| format!("{scheme}://{address}"))
    }

    /// Serves until `handle` is told to stop.
    pub(super) async fn serve(self, router: Router, handle: Handle<SocketAddr>) -> std::io::Result<()> {
        let router = match self.proxies {
            Some(proxies) => router.layer(middleware::from_fn_with_state(proxies, only_proxies)),
            None => router,
        };
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        match self.tls {
            Some(tls) => axum_server::from_tcp_rustls(self.socket, tls)?.handle(handle).serve(service).await,
            None => axum_server::from_tcp(self.socket)?.handle(handle).serve(service).await,
        }
    }
}

/// Plain HTTP from somewhere else would carry tokens over a network that nobody vouched for.
async fn only_proxies(
    State(proxies): State<Arc<[Network]>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let address = peer.ip();
    if may_enter(address, &proxies) {
        return next.run(request).await;
    }
    let body = serde_json::json!({"error": {
        "code": "untrusted_peer",
        "message": format!("{address} is no trusted proxy, and this is plain HTTP"),
        "remedy": "go through the proxy, or add its address to trusted_proxies",
    }});
    (StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// This machine itself, or a proxy.
fn may_enter(address: IpAddr, proxies: &[Network]) -> bool {
    address.to_canonical().is_loopback() || proxies.iter().any(|proxy| proxy.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_taken_from_this_machine_and_from_proxies_only() {
        let proxies = ["10.0.0.0/24".parse().unwrap()];
        for (address, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.9", true),
            ("10.0.1.9", false),
            ("2001:db8::1", false),
        ] {
            assert_eq!(may_enter(address.parse().unwrap(), &proxies), may, "{address}");
        }
    }
}
