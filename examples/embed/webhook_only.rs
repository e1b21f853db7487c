//! A program that receives verified webhook deliveries as events, without the pipeline.
//!
//! ```sh
//! WEBHOOK_SECRET=secret cargo run -p ccc-embed --bin webhook_only
//! ```
use std::sync::Arc;

use ccc_core::event::{Delivery, IssueEvent};
use ccc_core::intake::{Admission, Intake};
use ccc_core::run::SkipReason;
use ccc_core::{Result, Secret, SystemClock, async_trait};
use ccc_github::{Secrets, Webhook, router};

/// An intake that prints each event.
#[derive(Debug)]
struct PrintEvents;

#[async_trait]
impl Intake for PrintEvents {
    async fn admit(&self, delivery: &Delivery, event: &IssueEvent) -> Result<Admission> {
        let (actor, issue) = (&event.actor.login, &event.issue);
        println!("{}: {actor} on {}#{} {:?}", delivery.id, event.repo, issue.number, issue.title);
        // The answer `Accepted` would promise that the event is stored. This program stores
        // nothing.
        Ok(Admission::Ignored(SkipReason::NotForUs))
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let secret = Secret::from(std::env::var("WEBHOOK_SECRET")?);
    let webhook = Webhook::new(Secrets::new([secret])?, "github.com");
    let app = router(Arc::new(webhook), Arc::new(PrintEvents), Arc::new(SystemClock));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("POST http://{}/webhook/github", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
