//! GitHub's log of attempted webhook deliveries, and requests to send a delivery again. GitHub
//! repeats a delivery only after such a request (GitHub docs, "Handling failed webhook
//! deliveries").

use async_trait::async_trait;
use ccc_core::delivery_log::{Attempt, LogPage, SentContent, SentRequest};
use ccc_core::event::Delivery;
use ccc_core::{DeliveryId, DeliveryLog, Result};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::client::{Call, page, parse};
use crate::host::github::GitHub;
use crate::webhook::payload::is_wanted;
use crate::webhook::receive::logged;
use crate::webhook::{Meaning, RawDelivery};

/// The number of attempts in one part of the log, the maximum of GitHub's API.
const PAGE_SIZE: &str = "100";

#[derive(Deserialize)]
struct Listed {
    id: u64,
    guid: String,
    delivered_at: Timestamp,
    redelivery: bool,
    /// 0 if there was no response.
    status_code: u16,
    event: String,
    action: Option<String>,
}

#[derive(Deserialize)]
struct Detailed {
    guid: String,
    url: Option<String>,
    request: Sent,
}

#[derive(Deserialize)]
struct Sent {
    headers: Option<serde_json::Map<String, serde_json::Value>>,
    payload: Option<Box<RawValue>>,
}

impl GitHub {
    fn log_url(&self, parts: &[&str]) -> Url {
        self.tokens.endpoints.api(&[["app", "hook"].as_slice(), parts].concat())
    }

    async fn read_page(&self, position: Option<String>) -> Result<LogPage> {
        let mut url = self.log_url(&["deliveries"]);
        url.query_pairs_mut().append_pair("per_page", PAGE_SIZE);
        if let Some(cursor) = position {
            url.query_pairs_mut().append_pair("cursor", &cursor);
        }
        let call = Call::get(url.clone());
        let response = self.tokens.send_as_app(&call).await?;
        let listed: Vec<Listed> = parse(&call, &response)?;
        let next = page("next", &url, &response, None).and_then(|next| {
            next.query_pairs()
                .find_map(|(name, value)| (name == "cursor").then(|| value.into_owned()))
        });
        let local = |time| self.tokens.client.to_local(time);
        let attempts = listed.into_iter().filter_map(|one| one.attempt(local)).collect();
        Ok(LogPage { attempts, next })
    }

    async fn read_request(&self, handle: u64) -> Result<SentRequest> {
        let call = Call::get(self.log_url(&["deliveries", &handle.to_string()]));
        let response = self.tokens.send_as_app(&call).await?;
        let detailed: Detailed = parse(&call, &response)?;
        let address = detailed.url.as_deref().map(without_credential).unwrap_or_default();
        let now = self.tokens.client.to_local(self.tokens.client.now());
        let content = match detailed.content(self.host(), now) {
            Ok(content) => content,
            Err(why) => SentContent::Invalid(why),
        };
        Ok(SentRequest { address, content })
    }
}

impl Listed {
    /// Returns the attempt, with the time that `local` returns for GitHub's time.
    fn attempt(self, local: impl Fn(Timestamp) -> Timestamp) -> Option<Attempt> {
        let delivery = DeliveryId::new(self.guid).ok()?;
        let attempt = Attempt::new(self.id, delivery, local(self.delivered_at))
            .with_redelivery(self.redelivery)
            .with_status((self.status_code != 0).then_some(self.status_code))
            .with_relevant(is_wanted(&self.event, self.action.as_deref()));
        Some(attempt)
    }
}

impl Detailed {
    /// Returns the content of the request, or the reason why the service refuses it.
    fn content(&self, host: &str, now: Timestamp) -> Result<SentContent, String> {
        let json = self.request.payload.as_ref().map(|payload| payload.get());
        let json = json.ok_or("GitHub's log does not contain the payload of the delivery")?;
        let headers = self.request.headers.iter().flatten().filter_map(|(name, value)| {
            let name: HeaderName = name.parse().ok()?;
            Some((name, HeaderValue::from_str(value.as_str()?).ok()?))
        });
        let mut headers: HeaderMap = headers.collect();
        // The log can omit the signature, which is not checked.
        headers.insert("x-hub-signature-256", HeaderValue::from_static("not checked"));
        let raw = RawDelivery::new(&headers, json.as_bytes());
        let (id, meaning) = logged(&raw, json, host).map_err(|why| why.to_string())?;
        if id.as_str() != self.guid {
            return Err("the id of the delivery differs from that of its log entry".to_owned());
        }
        let body_sha256 = Sha256::digest(json.as_bytes()).into();
        let delivery = Delivery { id, body_sha256, received_at: now };
        Ok(match meaning {
            Meaning::Event(event) => SentContent::Event { delivery, event },
            Meaning::Ping | Meaning::Ignored(_) => SentContent::Ignored,
        })
    }
}

/// Returns the address without its user name, password, query and fragment, which can contain a
/// credential. Returns an empty text if it is not a URL.
fn without_credential(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return String::new() };
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg_attr(not(target_arch = "wasm32"), async_trait)]
#[cfg_attr(target_arch = "wasm32", async_trait(?Send))]
impl DeliveryLog for GitHub {
    async fn page(&self, position: Option<String>) -> Result<LogPage> {
        let done = self.read_page(position).await;
        done.map_err(|e| e.with_operation("delivery_log.page"))
    }

    async fn request(&self, handle: u64) -> Result<SentRequest> {
        let done = self.read_request(handle).await;
        done.map_err(|e| e.with_operation("delivery_log.request"))
    }

    async fn redeliver(&self, handle: u64) -> Result<()> {
        let url = self.log_url(&["deliveries", &handle.to_string(), "attempts"]);
        // The call can safely be repeated, because the receiver detects repeated deliveries.
        let call = Call::new(Method::POST, url).idempotent().without_write_limits();
        let done = self.tokens.send_as_app(&call).await;
        done.map(drop)
            .map_err(|e| ccc_core::Error::from(e).with_operation("delivery_log.redeliver"))
    }

    async fn address(&self) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Config {
            url: Option<String>,
        }
        let call = Call::get(self.log_url(&["config"]));
        let read = async {
            let response = self.tokens.send_as_app(&call).await?;
            let config: Config = parse(&call, &response)?;
            Ok::<_, ccc_core::Error>(config.url)
        };
        let url = read.await.map_err(|e| e.with_operation("delivery_log.address"))?;
        Ok(url.map(|url| without_credential(&url)).filter(|url| !url.is_empty()))
    }
}

#[cfg(test)]
mod tests;
