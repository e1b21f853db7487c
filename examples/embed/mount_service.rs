//! A program that mounts the whole service next to its own routes.
//!
//! ```sh
//! CCC_AGENT__KIND=command:true cargo run -p ccc-embed --bin mount_service
//! ```
//!
//! The program reads the environment variables `CCC_*`, as `ccc serve` does. It also starts without
//! a GitHub App. Deliveries are then answered with 503 until `POST /claude/config` stores an App.
use axum::{Router, routing::get};
use ccc::{Config, Service, router, shutdown_signal};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt::init();
    let config = Config::load(None, ccc::config::environment()?)?;
    let service = Service::builder(&config).build().await?;
    let app = Router::new()
        .route("/hello", get(async || "hello"))
        .nest("/claude", router(service.clone()));
    let address = config.listen.unwrap_or(([127, 0, 0, 1], 8080).into());
    let listener = TcpListener::bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    service.serve_http(listener, app, shutdown_signal()).await;
    Ok(())
}
