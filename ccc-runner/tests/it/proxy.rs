//! Tests of the model proxy over HTTP: requests of agents, behaviour of the API, and costs.

mod api;
mod betas;
mod bodies;
mod money;
mod reservations;
mod routes;
mod runs;
mod secrets;
mod smuggling;
mod streaming;
mod unfinished;
mod upstream;
mod wire;

use std::time::Duration;

use ccc_core::{Clock, Secret, SystemClock};
use ccc_runner::{
    ModelAccess, ModelCredential, ModelNotice, ModelPattern, ModelProxy, ModelProxyBuilder, Price,
    PriceTable,
};
use futures_util::FutureExt as _;

/// The credential, which no answer, message or header may show to an agent.
const KEY: &str = "sk-ant-the-real-one-0123456789";

/// A request that every rule permits.
const PLAIN: &str =
    r#"{"model":"claude-a","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}"#;
/// The same request for a stream.
const STREAM: &str = r#"{"model":"claude-a","max_tokens":10,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// Returns the default prices and those of three more models. An input token of `claude-a` costs
/// one micro-dollar, and an output token costs ten. `claude-b` has the highest input price, and
/// `claude-c` the highest output price.
fn prices() -> PriceTable {
    let row = |model: &str, input, output| (ModelPattern::new(model), Price::new(input, output));
    PriceTable::default().with([
        row("claude-a", 1_000_000, 10_000_000),
        row("claude-b", 100_000_000, 200_000_000),
        row("claude-c", 50_000_000, 500_000_000),
    ])
}

async fn start(
    upstream: &str,
    with: impl FnOnce(ModelProxyBuilder) -> ModelProxyBuilder,
) -> ModelProxy {
    let builder = ModelProxy::builder().upstream(upstream).prices(prices());
    with(builder).start().await.unwrap()
}

fn open(proxy: &ModelProxy, micro_usd: Option<u64>) -> ModelAccess {
    proxy.open(ModelCredential::ApiKey(Secret::from(KEY)), micro_usd).unwrap()
}

fn shown(access: &ModelAccess) -> &str {
    access.secret().expose_str().unwrap()
}

/// Returns all notices until now, as text.
fn notices(access: &mut ModelAccess) -> Vec<String> {
    let lines = std::iter::from_fn(|| access.notice().now_or_never()).map(|notice| match notice {
        ModelNotice::Refused(line) => format!("the model proxy refused a request: {line}"),
        ModelNotice::CallFailed(line) => line,
        notice => panic!("{notice:?}"),
    });
    lines.collect()
}

/// Awaits an event that should happen at once. Panics after 30 seconds.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::select! {
        value = what => value,
        () = SystemClock.sleep(Duration::from_secs(30)) => panic!("it did not happen in time"),
    }
}

/// Yields to other tasks until `holds` returns true.
async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
