//! An HTTP client over reqwest and rustls, for all targets except wasm.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use ccc_core::{Error, ErrorKind, Result};

use crate::errors::invalid_input;
use crate::http::transport::{Http, MAX_RESPONSE, TIMEOUT};

/// An implementation of [`Http`] over reqwest and rustls.
#[derive(Clone, Debug)]
pub struct ReqwestHttp(reqwest::Client);

/// Connection options of a [`ReqwestHttp`]: the proxy and the trusted certificate authorities.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HttpOptions {
    /// The URL of the proxy for all requests, `http://[USER:PASSWORD@]HOST:PORT`. With `None`,
    /// environment variables such as `HTTPS_PROXY` and `NO_PROXY` select the proxy.
    pub proxy: Option<ccc_core::Secret>,
    /// The certificates of the trusted certificate authorities, in PEM format. No other authorities
    /// are trusted. With `None`, the certificate authorities of the system are trusted.
    pub ca_pem: Option<Vec<u8>>,
    /// Whether requests use no proxy, even if [`proxy`](Self::proxy) or an environment variable
    /// specifies a proxy. This option is for servers on the host machine, because a proxy cannot
    /// reach them.
    pub direct: bool,
}

impl HttpOptions {
    /// Sets the URL of the proxy for all requests; see [`proxy`](Self::proxy).
    #[must_use]
    pub fn with_proxy(mut self, proxy: ccc_core::Secret) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Sets the certificates of the trusted certificate authorities; see [`ca_pem`](Self::ca_pem).
    #[must_use]
    pub fn with_ca_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_pem = Some(pem.into());
        self
    }

    /// Sets whether requests use no proxy; see [`direct`](Self::direct).
    #[must_use]
    pub fn with_direct(mut self, direct: bool) -> Self {
        self.direct = direct;
        self
    }
}

impl ReqwestHttp {
    /// Creates a client with default options and its own connection pool.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if TLS cannot be set up, for example because the system has no
    /// root certificates.
    pub fn new() -> Result<Self> {
        Self::with(&HttpOptions::default())
    }

    /// Creates a client that uses no proxy; see [`HttpOptions::direct`].
    ///
    /// # Errors
    /// The errors of [`new`](Self::new).
    pub fn direct() -> Result<Self> {
        Self::with(&HttpOptions { direct: true, ..HttpOptions::default() })
    }

    /// Creates a client with `options` and its own connection pool.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new), and [`ErrorKind::InvalidInput`] if the proxy address or
    /// the certificates are invalid.
    pub fn with(options: &HttpOptions) -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has just installed a provider, which is then used.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let mut client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(10));
        if options.direct {
            client = client.no_proxy();
        } else if let Some(proxy) = &options.proxy {
            // The error of reqwest is discarded, because it shows the address, which can contain a
            // password.
            let proxy = reqwest::Proxy::all(proxy.expose_str()?).map_err(|_| {
                invalid_input(
                    "the proxy address is invalid: use a URL such as http://proxy.example.org:3128",
                )
            })?;
            client = client.proxy(proxy);
        }
        if let Some(pem) = &options.ca_pem {
            let authorities = reqwest::Certificate::from_pem_bundle(pem)
                .ok()
                .filter(|all| !all.is_empty())
                .ok_or_else(|| {
                    invalid_input(
                        "the certificates of the trusted authorities are not in PEM format: use a \
                         file that contains at least one certificate in PEM format",
                    )
                })?;
            client = client.tls_certs_only(authorities);
        }
        client.build().map(Self).map_err(|error| {
            let error = error.without_url();
            Error::new(ErrorKind::Unavailable, "cannot set up TLS for HTTPS requests")
                .with_source(error)
        })
    }
}

#[async_trait]
impl Http for ReqwestHttp {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let url = parts.uri.to_string();
        let host = parts.uri.authority().map_or("", |host| host.as_str()).to_owned();
        let request =
            self.0.request(parts.method, &url).headers(parts.headers).body(body).timeout(TIMEOUT);
        let failed = |error| failure(error, &host);
        let response = request.send().await.map_err(failed)?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(headers) = answer.headers_mut() {
            headers.clone_from(response.headers());
        }
        let body = read(response, &host).await?;
        answer.body(body).map_err(|error| {
            let line = format!("the response from {host} is not a valid HTTP response");
            Error::new(ErrorKind::Unexpected, line).with_source(error)
        })
    }
}

fn too_large(host: &str) -> Error {
    Error::new(
        ErrorKind::LimitExceeded,
        format!("the response from {host} is larger than the limit of 8 MiB"),
    )
}

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

fn failure(error: reqwest::Error, host: &str) -> Error {
    // The URL is removed from the error, because it can contain a credential. The message names the
    // host.
    let error = error.without_url();
    if error.is_timeout() {
        let line =
            format!("{host} did not answer in time: check that this server is up and reachable");
        return Error::new(ErrorKind::TimedOut, line).with_source(error);
    }
    if is_distrusted(&error) {
        let line = format!(
            "the certificate of {host} is invalid or not trusted: if a private authority issued \
             it, configure the certificate of this authority"
        );
        return Error::new(ErrorKind::Refused, line).with_source(error);
    }
    let line = format!("cannot reach {host}: check the API URL and the network");
    Error::new(ErrorKind::Unavailable, line).with_source(error)
}

/// Returns whether `error` means that the server's certificate was rejected. In this case, a retry
/// would also fail.
fn is_distrusted(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        // `source` of an I/O error skips the inner error, so the inner error is read with
        // `get_ref`.
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
