//! The one seam to the network.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};

/// The most bytes of an answer that are read.
pub const MAX_RESPONSE: usize = 8 * 1024 * 1024;

/// How long a request may take, from the first byte out to the last byte in.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends requests.
///
/// # Contract
/// Safe to share. One request, one answer: redirects are given back, not followed, because following
/// one would hand the `Authorization` header to whomever the answer names (spec: G8b). Ends within
/// [`TIMEOUT`], with [`ErrorKind::TimedOut`]; [`ErrorKind::Unavailable`] when there is no connection,
/// and [`ErrorKind::Refused`] when the other side's certificate is not trusted;
/// [`ErrorKind::LimitExceeded`] for an answer of more than [`MAX_RESPONSE`]. No error shows a header.
#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
pub trait Http: Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole answer.
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>>;
}

/// [`Http`] by reqwest: rustls natively, `fetch` on wasm.
///
/// `fetch` follows redirects by itself, without `Authorization` when they leave the origin; an answer
/// that came from another origin is refused there.
#[derive(Clone, Debug)]
pub struct ReqwestHttp(reqwest::Client);

/// What stands between us and the host.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HttpOptions {
    /// `http://[USER:PASSWORD@]HOST:PORT`, which every request goes through. Without it, what the
    /// environment names (`HTTPS_PROXY`, `NO_PROXY`).
    pub proxy: Option<ccc_core::Secret>,
    /// Certificates, PEM, of the authorities that are trusted; without them, the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Through no proxy, whatever the environment names: for hosts on this machine, which a proxy
    /// cannot reach.
    pub direct: bool,
}

impl ReqwestHttp {
    /// A client with its own pool of connections.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when TLS cannot be set up, such as without any root certificate.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new() -> Result<Self> {
        Self::with(&HttpOptions::default())
    }

    /// As [`new`](Self::new), with [`HttpOptions::direct`].
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[cfg(not(target_arch = "wasm32"))]
    pub fn direct() -> Result<Self> {
        Self::with(&HttpOptions { direct: true, ..HttpOptions::default() })
    }

    /// A client that goes this way.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`ErrorKind::InvalidInput`] for a proxy that is no address or
    /// certificates that do not read.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with(options: &HttpOptions) -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Losing a race here means that somebody else has installed one, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let invalid = |what: &str| Error::new(ErrorKind::InvalidInput, what);
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10));
        if options.direct {
            client = client.no_proxy();
        } else if let Some(proxy) = &options.proxy {
            // Its error would show the address, which may hold a password.
            let proxy = reqwest::Proxy::all(proxy.expose_str()?).map_err(|_| {
                invalid("the proxy is no address: expected such as http://proxy.example.org:3128")
            })?;
            client = client.proxy(proxy);
        }
        if let Some(pem) = &options.ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|all| !all.is_empty())
                .ok_or_else(|| invalid("the authority's certificates are no PEM"))?;
            client = client.tls_certs_only(authorities);
        }
        client.build().map(Self).map_err(|error| {
            let error = error.without_url();
            Error::new(ErrorKind::Unavailable, "cannot set up HTTPS").with_source(error)
        })
    }

    /// A client over the runtime's `fetch`.
    ///
    /// # Errors
    /// None.
    #[cfg(target_arch = "wasm32")]
    pub fn new() -> Result<Self> {
        Ok(Self(reqwest::Client::new()))
    }

    /// As [`new`](Self::new).
    ///
    /// # Errors
    /// None.
    #[cfg(target_arch = "wasm32")]
    pub fn direct() -> Result<Self> {
        Self::new()
    }
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl Http for ReqwestHttp {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string();
        let host = parts.uri.authority().map_or("", |host| host.as_str()).to_owned();
        let request =
            self.0.request(parts.method, &url).headers(parts.headers).body(body).timeout(TIMEOUT);
        let failed = |error| failure(error, &host);
        let response = request.send().await.map_err(failed)?;
        #[cfg(target_arch = "wasm32")]
        if url::Url::parse(&url).map(|url| url.origin()).ok() != Some(response.url().origin()) {
            return Err(Error::new(
                ErrorKind::Unexpected,
                format!("{host} redirected to another host: is the API URL right?"),
            ));
        }
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(response.headers());
        }
        let body = read(response, &host).await?;
        answer.body(body).map_err(|error| {
            Error::new(ErrorKind::Unexpected, format!("unreadable answer from {host}"))
                .with_source(error)
        })
    }
}

fn too_large(host: &str) -> Error {
    Error::new(ErrorKind::LimitExceeded, format!("the answer of {host} is larger than 8 MiB"))
}

#[cfg(not(target_arch = "wasm32"))]
async fn read(mut response: reqwest::Response, host: &str) -> Result<Bytes> {
    let mut body = bytes::BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(e, host))? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(too_large(host));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

#[cfg(target_arch = "wasm32")]
async fn read(response: reqwest::Response, host: &str) -> Result<Bytes> {
    let announced = response.content_length().unwrap_or(0);
    if announced > MAX_RESPONSE as u64 {
        return Err(too_large(host));
    }
    let body = response.bytes().await.map_err(|e| failure(e, host))?;
    if body.len() > MAX_RESPONSE {
        return Err(too_large(host));
    }
    Ok(body)
}

fn failure(error: reqwest::Error, host: &str) -> Error {
    // The URL is in our message already, and a URL can carry a credential.
    let error = error.without_url();
    if is_timeout(&error) {
        let line = format!("no answer from {host} in time; is it up, and is the way to it open?");
        return Error::new(ErrorKind::TimedOut, line).with_source(error);
    }
    #[cfg(not(target_arch = "wasm32"))]
    if is_distrusted(&error) {
        let line = format!(
            "the certificate of {host} is of nobody that we trust: name the certificate of its \
             authority, if that is yours"
        );
        return Error::new(ErrorKind::Refused, line).with_source(error);
    }
    let line = format!("cannot reach {host}; is the API URL right, and is the way to it open?");
    Error::new(ErrorKind::Unavailable, line).with_source(error)
}

/// Whether the other side's certificate is what stands in the way: asking again will not help.
#[cfg(not(target_arch = "wasm32"))]
fn is_distrusted(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // What an I/O error was made of is not among its sources.
        let inside = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = inside.and_then(|inside| inside.downcast_ref::<rustls::Error>());
        if matches!(
            tls.or_else(|| error.downcast_ref()),
            Some(rustls::Error::InvalidCertificate(_))
        ) {
            return true;
        }
        cause = inside.map(|inside| inside as _).or_else(|| error.source());
    }
    false
}

/// In workerd reqwest's own timer goes unrecognised: what it aborts with comes back wrapped in an
/// error. And nowhere on wasm does reqwest look for it once the headers are there.
fn is_timeout(error: &reqwest::Error) -> bool {
    let aborted = || format!("{error:?}").contains("reqwest::errors::TimedOut");
    error.is_timeout() || (cfg!(target_arch = "wasm32") && aborted())
}
