//! Tests that Node accepts the signatures of this crate, and this crate accepts those of Node.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use ccc_core::{Clock as _, Secret};
use ccc_github::http::{Http as _, ReqwestHttp};
use ccc_github::{AppKey, Secrets, app_jwt, webhook};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{has, script, serve};
use crate::common::{World, world};

/// The output of the script.
#[derive(Deserialize)]
struct Said {
    theirs: Value,
    jwts: BTreeMap<String, String>,
    deliveries: BTreeMap<String, String>,
}

/// Receives a delivery. Returns its body and signature.
async fn delivery(world: &World) -> (String, String) {
    let (sent, mut arrived) = tokio::sync::mpsc::channel(1);
    let app = axum::Router::new().fallback(async move |headers: HeaderMap, body: String| {
        let signature = headers["x-hub-signature-256"].to_str().unwrap().to_owned();
        sent.send((body, signature)).await.unwrap();
    });
    let (address, _server) = serve(app).await;
    world.emulator.set_webhook_url(format!("http://{address}/"));
    world.emulator.open_issue(&world.emulated, "alice", "Größe \u{2028}", "ä").await.unwrap();
    arrived.recv().await.unwrap()
}

/// Runs the script. Returns Node's verdict on the signatures of this crate and the emulator, Node's
/// own signatures, and the body of the delivery.
async fn exchange(world: &World) -> (Said, String) {
    let (body, signature) = delivery(world).await;
    let now = world.clock.now();
    let pem = world.private_key();
    let jwt = app_jwt(4711, &AppKey::from_pem(&pem).unwrap(), now).unwrap();
    let input = json!({
        "app": 4711, "key": pem.expose_str().unwrap(), "now": now.as_second(),
        "jwt": jwt.expose_str().unwrap(), "secret": "hook secret",
        "delivery": { "body": body, "signature": signature },
    });
    let said = script(include_str!("crypto.mjs"), &input).await;
    let mut said: Said = serde_json::from_value(said).unwrap();
    let claims = said.theirs["jwt"]["claims"].take();
    let from_now = |claim: &str| claims[claim].as_i64().unwrap() - now.as_second();
    assert_eq!(
        (from_now("iat"), from_now("exp"), claims["iss"].as_str()),
        (-60, 540, Some("4711"))
    );
    (said, body)
}

#[tokio::test]
async fn node_and_this_crate_accept_each_others_signatures() {
    // spec: E2
    // spec: G1d, W2a
    if !has("node", &[]) {
        return;
    }
    let world = world().await;
    let (said, body) = exchange(&world).await;
    let head = json!({ "alg": "RS256", "typ": "JWT" });
    assert_eq!(
        said.theirs,
        json!({ "jwt": { "genuine": true, "head": head, "claims": null }, "delivery": true })
    );

    let secrets = Secrets::new([Secret::from("hook secret")]).unwrap();
    let taken = said.deliveries.iter();
    let taken = taken.filter(|(_, mark)| webhook::verify(&secrets, body.as_bytes(), mark));
    assert_eq!(taken.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["genuine"]);

    let http = ReqwestHttp::direct().unwrap();
    let url = format!("{}/app", world.emulator.api_url());
    let mut taken = Vec::new();
    for (name, jwt) in &said.jwts {
        let request = http::Request::get(&url).header("user-agent", "node");
        let request = request.header("authorization", format!("Bearer {jwt}"));
        match http.send(request.body("".into()).unwrap()).await.unwrap().status().as_u16() {
            200 => taken.push(name.as_str()),
            status => assert_eq!(status, 401, "{name}"),
        }
    }
    assert_eq!(taken, ["issued by number", "issued by text"]);
    assert_eq!(said.jwts.len(), 9);
}
