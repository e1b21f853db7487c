//! The HTTP client for webhook deliveries.

use std::error::Error as _;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::HeaderMap;

use crate::error::{Error, ErrorKind, Result};

/// Maximum time that a webhook delivery waits for a response (GitHub docs, "Best practices for
/// using webhooks").
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
/// Maximum size of the response to a webhook delivery, in bytes.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// The HTTP client for webhook deliveries. It follows no redirects. It uses no proxy, because the
/// receivers are on the host machine.
#[derive(Clone, Debug)]
pub(crate) struct WebhookClient(reqwest::Client);

impl WebhookClient {
    pub(crate) fn new() -> Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has installed a provider in the meantime.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .no_proxy()
            .build()
            .map(Self)
            .map_err(|error| {
                let error = error.without_url();
                Error::new(ErrorKind::Unavailable, "cannot create the HTTP client for webhooks")
                    .with_source(error)
            })
    }

    /// Sends a POST request with `headers` and `body` to `url`. Returns the status and the body of
    /// the response, or a text that says why there is no response.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: Vec<u8>,
    ) -> std::result::Result<(u16, String), String> {
        let url = url
            .parse::<reqwest::Url>()
            .map_err(|_| "the address of the webhook is not a valid URL".to_owned())?;
        let host = url.authority().to_owned();
        let request = self.0.post(url).headers(headers).body(body);
        let answer = request.send().await.map_err(|error| unreachable(error, &host))?;
        let status = answer.status().as_u16();
        Ok((status, read(answer, &host).await?))
    }
}

async fn read(mut answer: Response, host: &str) -> std::result::Result<String, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| unreachable(error, host))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(format!(
                "the response of the webhook receiver {host} is larger than 8 MiB"
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Returns a message with `host`, the text of `error` and the causes of `error`. The message does
/// not contain the URL, which can contain a credential.
fn unreachable(error: reqwest::Error, host: &str) -> String {
    let error = error.without_url();
    let mut line = format!("cannot reach {host}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(&format!(": {error}"));
        cause = error.source();
    }
    line
}
