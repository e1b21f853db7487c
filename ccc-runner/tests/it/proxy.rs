//! The model proxy from outside, over HTTP: what an agent can say to it, what the API can do to it, and
//! what either costs.

mod api;
mod bodies;
mod money;
mod routes;
mod runs;
mod secrets;
mod smuggling;
mod streaming;
mod upstream;
mod wire;

use std::time::Duration;

use ccc_core::{Clock, Secret, SystemClock};
use ccc_runner::{
    ModelAccess, ModelCredential, ModelNotice, ModelPattern, ModelProxy, ModelProxyBuilder, Price,
    PriceTable,
};
use futures_util::FutureExt as _;

/// The credential that no answer, line or header may show to an agent.
const KEY: &str = "sk-ant-the-real-one-0123456789";

/// A request that breaks no rule.
const PLAIN: &str =
    r#"{"model":"claude-a","max_tokens":10,"messages":[{"role":"user","content":"hi"}]}"#;
/// The same as a stream.
const STREAM: &str = r#"{"model":"claude-a","max_tokens":10,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;

/// What they cost, by tables in which a token of `claude-a` costs a micro-dollar, and one that it writes
/// ten; `claude-b` is the dearest to read and `claude-c` the dearest to write.
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

/// All that was said to whoever watches, until now.
fn notices(access: &mut ModelAccess) -> Vec<String> {
    let lines = std::iter::from_fn(|| access.notice().now_or_never()).map(|notice| match notice {
        ModelNotice::Refused(line) => format!("the model proxy refused a request: {line}"),
        ModelNotice::Trouble(line) => line,
        notice => panic!("{notice:?}"),
    });
    lines.collect()
}

/// Waits for something that happens at once where all is well.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::select! {
        value = what => value,
        () = SystemClock.sleep(Duration::from_secs(30)) => panic!("it does not happen"),
    }
}

/// A positive number of yields, for what another task does next.
async fn until(mut holds: impl FnMut() -> bool) {
    soon(async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
