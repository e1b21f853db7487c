//! The Worker's entry point: conversion of requests and responses, and routing.

use http::{HeaderMap, HeaderName, HeaderValue};
use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response, ResponseInit};

use crate::routes::{self, Answer};

/// Installs a panic hook that logs the reason. Otherwise the runtime reports only `unreachable`.
#[wasm_bindgen(start)]
fn start() {
    std::panic::set_hook(Box::new(|info| {
        web_sys::console::error_1(&info.to_string().into());
    }));
}

/// Handles a request.
#[wasm_bindgen]
pub async fn fetch(request: Request, env: JsValue) -> Result<Response, JsValue> {
    let path = url::Url::parse(&request.url()).map(|url| url.path().to_owned()).unwrap_or_default();
    let headers = headers(&request)?;
    let body = JsFuture::from(request.array_buffer()?).await?;
    let body = Uint8Array::new(&body).to_vec();
    let answer = match path.as_str() {
        "/webhook" => {
            let secret = Reflect::get(&env, &"WEBHOOK_SECRET".into())?.as_string();
            routes::webhook(&secret.unwrap_or_default(), &headers, &body)
        }
        "/jwt" => routes::jwt(&body),
        "/mint" => routes::mint(&body).await,
        "/repository" => routes::repository(&body).await,
        "/sleep" => routes::sleep(&body).await,
        _ => Answer { status: 404, body: serde_json::json!({ "error": "no such route" }) },
    };
    let init = ResponseInit::new();
    init.set_status(answer.status);
    Response::new_with_opt_str_and_init(Some(&answer.body.to_string()), &init)
}

fn headers(request: &Request) -> Result<HeaderMap, JsValue> {
    let mut headers = HeaderMap::new();
    for pair in request.headers().entries() {
        let pair: Array = pair?.dyn_into()?;
        let text = |at| pair.get(at).as_string().unwrap_or_default();
        let name = HeaderName::try_from(text(0)).map_err(|e| e.to_string())?;
        let value = HeaderValue::try_from(text(1)).map_err(|e| e.to_string())?;
        headers.append(name, value);
    }
    Ok(headers)
}
